--- Clients of AWS services, and of servers that speak their protocols.
---
---     local kinesis = kinessis.aws.kinesis { region = "eu-west-1" }
---     local reply, err = kinesis:describe_stream_summary { StreamName = "orders" }
---     if not reply then print(err, err.aws_code, err.status, err.retryable) end
---
--- Configuration, all optional: endpoint (a URL), region, profile, access_key, secret_key,
--- session_token, use_fips_endpoint and use_dualstack_endpoint (booleans), ca_bundle (a PEM file of
--- the certificates to trust), verify (false: any certificate is believed, and a warning is
--- printed), max_attempts (of one call, 4), retry_mode ("standard", "adaptive" or "legacy"), timeout
--- (seconds of one attempt, 60). What is not given is found as the AWS SDKs find it: environment
--- variables, then ~/.aws/credentials and ~/.aws/config.
---
--- Methods are the service's operations in snake_case; members are spelled as AWS spells them. A
--- call returns the reply as a table, or nil and an error object. Data members (records) and Body
--- (objects) are raw bytes. Retries are done inside. An operation that does not exist raises.
---
--- Also: client:collect(method, input, member) joins the pages of a listing; client:endpoint()
--- tells { url =, region =, credentials =, ... }; client:close().
---
--- Aggregated records of a stream (the Producer Library's format): aws.deaggregate(data) and
--- aws.aggregate(records).
local aggregate = require "kinessis.core.aggregate"
local core = require "kinessis.core.aws"
local options = require "kinessis.options"
local sys = require "kinessis.core.sys"

local aws = {}

local protocols = {
  json = "kinessis.aws.json",
  query = "kinessis.aws.query",
  s3 = "kinessis.aws.s3",
}

--- DescribeStreamSummary -> describe_stream_summary, ListObjectsV2 -> list_objects_v2
local function snake(name)
  return (name:gsub("(%l%d*)(%u)", "%1_%2"):lower())
end

local common = {}

--- Ends the client's connections. Idempotent; a client that is not used any more needs no close.
function common:close()
  if self.core then self.core:close() end
end

--- @return { url =, region =, region_from = "given", "profile", the variable's name or "default",
---   credentials = where the credentials were found, access_key = its first and last letters, expires =
---   seconds since 1970 or nil }; or nil and an error
function common:endpoint()
  local client, err = self:open()
  if not client then return nil, err end
  return client:describe()
end

local warned = {}

--- TLS without verification is never silent: a line for each endpoint.
local function warn(url)
  if warned[url] or not url:find "^https:" then return end
  warned[url] = true
  sys.log("warning", ("The certificate of %s is not verified (verify = false): whoever is on the way can read and "
    .. "change what is sent."):format(url))
end

--- Opens at the first use: a missing region or credential is the error of the first call.
function common:open()
  if not self.core then
    local client, err = core.open(self.api.name, self.config)
    if not client then return nil, err end
    self.core = client
    if self.config.verify == false then warn(client:describe().url) end
  end
  return self.core
end

--- How listings continue: the member of the reply, and of the next input.
local continuations = {
  { "NextContinuationToken", "ContinuationToken" },
  { "NextToken", "NextToken" },
}

--- Every page of a listing, joined.
--- @param method "list_shards" @param input as of the method @param member "Shards"
--- @return the list; or nil and an error
function common:collect(method, input, member)
  local all, page = {}, {}
  for name, value in pairs(input or {}) do page[name] = value end
  while true do
    local reply, err = self[method](self, page)
    if not reply then return nil, err end
    for _, item in ipairs(reply[member] or {}) do all[#all + 1] = item end
    local continued = false
    for _, names in ipairs(continuations) do
      local token = reply[names[1]]
      if token and token ~= "" then
        if page[names[2]] == token then
          local operation = method:gsub("%f[%a]%l", string.upper):gsub("_", "")
          return nil, sys.error("malformed", ("%s %s: its pages do not end"):format(self.api.name, operation))
        end
        if method == "list_shards" then page = {} end -- its token stands for the stream, and excludes it
        page[names[2]] = token
        continued = true
      end
    end
    if not continued then return all end
  end
end

local function no_such_operation(api, name, methods)
  local names = {}
  for method in pairs(methods) do names[#names + 1] = method end
  table.sort(names)
  error(("%s has no operation '%s'%s"):format(api.name, tostring(name),
    options.did_you_mean(tostring(name), names)), 3)
end

local function define(api)
  local protocol
  local methods = {}
  for _, operation in ipairs(api.operations) do
    methods[snake(operation)] = function(self, input)
      if input ~= nil and type(input) ~= "table" then
        error(("%s %s: expected a table of members, got %s"):format(api.name, operation, type(input)), 2)
      end
      protocol = protocol or require(protocols[api.protocol])
      local client, err = self:open()
      if not client then return nil, err end
      return protocol.call(client, api, operation, input or {})
    end
  end
  if api.protocol == "s3" then
    methods.presign = function(self, input)
      local client, err = self:open()
      if not client then return nil, err end
      return require(protocols.s3).presign(client, api, input)
    end
  end
  local metatable = {
    __index = function(_, name)
      return methods[name] or common[name] or no_such_operation(api, name, methods)
    end,
    __close = common.close,
    __name = "aws." .. api.name,
    __tostring = function() return ("client of %s"):format(api.name) end, -- its settings may hold a secret key
  }
  return function(config)
    return setmetatable({ api = api, config = config or {}, core = false }, metatable)
  end
end

--- The user records that a stream record's data holds.
--- @return a list of { data =, partition_key =, explicit_hash_key = (or nil) }, and true; of data that
--- is not aggregated a list of one that has data only, and false
aws.deaggregate = aggregate.read

--- One stream record of several user records, which must all belong to one shard.
--- @param records a list of { data =, partition_key =, explicit_hash_key = (optional, decimal) }
--- @return { data =, partition_key =, explicit_hash_key = } to be put; of a list of one, that one
aws.aggregate = aggregate.write

for _, api in ipairs(core.apis()) do aws[api.name] = define(api) end

return aws
