--- fake: providers of values, for the fields of kinessis.schema.
---
---     fake.integer(1, 6), fake.one_of { "a", "b" }, fake.email()
---
--- Each catalogue is a table of functions that describe a value (fake/provider.lua says how). Adding a
--- provider is adding a function to one of them.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local fake = {}

for _, catalogue in ipairs { "number", "choice", "text", "person", "place", "time" } do
  for name, make in pairs(require("kinessis.fake." .. catalogue)) do
    assert(not fake[name], name)
    fake[name] = provider.define(name, make)
  end
end

return setmetatable(fake, {
  __index = function(_, name)
    local names = {}
    for known in pairs(fake) do names[#names + 1] = known end
    table.sort(names)
    local where = blame.where()
    error(("%s%sfake has no provider %q%s"):format(where, where ~= "" and ": " or "", tostring(name),
      blame.suggestion(tostring(name), names)), 0)
  end,
})
