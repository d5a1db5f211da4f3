--- Where requests go: the lake, AWS, or any server that speaks its protocols.
---
---     local target = assert(target.open("lake", { data = ".kinessis" }))
---     local kinesis = kinessis.aws.kinesis(target.config)
---     ...
---     target:close()
---
--- "lake" is the lake that runs on the data folder, or one started inside this process on a free
--- port; it is reached through signed HTTP like the others.
local sys = require "kinessis.core.sys"
local usage = require("kinessis.options").usage

local target = {}

--- The keys that requests to the lake are signed with. No secret: the lake serves loopback only.
target.lake_keys = { access_key = "lake", secret_key = "lake" }
target.lake_region = "us-east-1"

local methods = {}
local metatable = { __index = methods, __close = function(self) self:close() end }

--- Delivers what the lake's delivery streams have buffered. AWS does so when its buffering interval
--- is over: elsewhere nothing is done.
--- @return true, or nil and an error
function methods:flush()
  if self.kind ~= "lake" then return true end
  local reply, err = require("kinessis.aws").lake(self.config):flush {}
  if not reply then return nil, err end
  return true
end

-- A lake in this process serves until the other commands that found it are done.
local function outlast_users(lake)
  if lake:retire() then return end
  sys.log("info", "Another command uses this lake: serving until it ends (Ctrl-C ends it now).")
  while not lake:retire() do
    if not sys.sleep(0.05) then return end
  end
end

local started = {} -- lakes of this process, by port: { lake =, users = targets that are open }

--- Leaves the lake that open() found, or closes the one that was started here when nobody else here uses it.
--- Idempotent.
function methods:close()
  local lake = self.lake
  self.lake = nil
  if not lake then return end
  local own = started[lake:port()]
  if own then
    own.users = own.users - 1
    if own.users > 0 then return end
    started[lake:port()] = nil
  end
  if lake.retire then outlast_users(lake) end
  lake:close()
end

--- @return the data folder: what was given, else KINESSIS_DATA, else .kinessis
function target.data_folder(given)
  local folder = given or os.getenv "KINESSIS_DATA"
  return folder and folder ~= "" and folder or ".kinessis"
end

local patience = 100 -- tries, 50 ms each, while a lake on the folder is starting or stopping

-- The lake that runs on the folder, or one started here.
local function find_or_start(folder, given)
  local core = require "kinessis.core.lake"
  for try = 1, patience do
    local found = core.find(folder)
    local own = found and started[found:port()]
    if own then -- the use of another would be waited for at its end, by itself
      found:close()
      own.users = own.users + 1
      return own.lake
    end
    if found then return found end
    local opened, err = core.open { folder = folder, port = given.port or 0, region = given.region }
    if opened then
      started[opened:port()] = { lake = opened, users = 1 }
      return opened
    end
    if err.code ~= "state" or try == patience then return nil, err end
    sys.sleep(0.05)
  end
end

local function open_lake(given)
  local folder = target.data_folder(given.data)
  local lake, err = find_or_start(folder, given)
  if not lake then return nil, err end
  local endpoint = "http://127.0.0.1:" .. lake:port()
  return {
    kind = "lake",
    lake = lake,
    config = {
      endpoint = endpoint,
      region = given.region or target.lake_region,
      access_key = target.lake_keys.access_key,
      secret_key = target.lake_keys.secret_key,
    },
    describe = ("the lake in %s at %s"):format(folder, endpoint),
  }
end

--- @param name "lake" (or nil), "aws", or a URL such as http://127.0.0.1:5000
--- @param given { data = folder, region =, profile =, port = of a lake started here,
---   insecure = true to believe any TLS certificate }
--- @return a target: kind ("lake", "aws", "url"), config (for kinessis.aws clients), describe (text),
---   flush(), close(); or nil and an error
function target.open(name, given)
  given = given or {}
  local self, err
  if name == nil or name == "lake" then
    self, err = open_lake(given)
    if not self then return nil, err end
  elseif name == "aws" then
    self = { kind = "aws", config = { region = given.region, profile = given.profile }, describe = "AWS" }
  else
    self = {
      kind = "url",
      config = { endpoint = name:gsub("/+$", ""), region = given.region, profile = given.profile },
      describe = name,
    }
  end
  if given.insecure and self.kind ~= "lake" then
    self.config.verify = false
    sys.log("warning", "--insecure: TLS certificates are not verified: whoever is on the way can read and change what "
      .. "is sent.")
  end
  return setmetatable(self, metatable)
end

--- Reads the option --target.
function target.parse(text)
  if text == "lake" or text == "aws" or text:find "^https?://[^/?#]+/*$" then return text end
  return nil, "lake, aws or a URL such as http://127.0.0.1:5000"
end

--- The options of every command that talks to a target; target.from(options) opens it.
target.options = {
  { "--target", "WHERE", "lake, aws, or the URL of a server that speaks AWS's protocols", parse = target.parse,
    default = "lake" },
  { "--data", "DIR", "the lake's folder (default: $KINESSIS_DATA, else .kinessis)",
    parse = require("kinessis.options").text },
  { "--region", "REGION", "the AWS region", parse = require("kinessis.options").text },
  { "--profile", "NAME", "the profile of the AWS configuration files", parse = require("kinessis.options").text },
  { "--insecure", nil, "believe any TLS certificate (a warning is printed)" },
}

--- @return the target that a command's options name; or nil and an error
function target.from(options)
  if options.target ~= "lake" and options.data then
    usage("--data is the lake's folder: it does not go with --target %s", options.target)
  end
  if options.insecure and options.target == "lake" then
    usage "--insecure: the lake is reached without TLS"
  end
  return target.open(options.target, options)
end

return target
