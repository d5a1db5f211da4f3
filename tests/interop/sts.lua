-- The STS bindings against the server at the URL given.
local url = ...
local tap = dofile "tests/lua/tap.lua"
local sts = require("kinessis").aws.sts { endpoint = url }

local identity = assert(sts:get_caller_identity())
tap.ok(identity.Account:match "^%d%d%d%d%d%d%d%d%d%d%d%d$", "an account")
tap.ok(identity.Arn:match("^arn:aws:sts::" .. identity.Account .. ":"), "an ARN")
tap.ok(#identity.UserId > 0, "a user")
tap.done()
