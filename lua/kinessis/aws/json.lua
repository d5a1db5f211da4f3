--- The JSON protocol: Kinesis, Firehose, Glue, Athena and the lake's own service.
---
--- Lua has one empty table; JSON has two. A member known to be a list (below), or marked with
--- json.array, is written []; any other empty table {}. Whole numbers of a reply become integers
--- (exact up to 2^53: AWS sends larger ones as strings); a null member is absent.
local cjson = require "cjson"
local encoding = require "kinessis.core.encoding"
local sys = require "kinessis.core.sys"

local json = {}

local array_mark = {}

--- Marks a table as a list, also when it is empty.
function json.array(t)
  return setmetatable(t, array_mark)
end

local function set(names)
  local t = {}
  for name in names:gmatch "%S+" do t[name] = true end
  return t
end

local lists = set [[
  Records Columns PartitionKeys PartitionInputList PartitionsToDelete PartitionsToGet Values BucketColumns
  SortColumns PartitionValueList SkewedColumnNames SkewedColumnValues ExecutionParameters ShardLevelMetrics
  StreamARNs TagKeys Processors QueryExecutionIds
]]

--- Members that are bytes, base64 on the wire.
local blobs = { kinesis = "Data", firehose = "Data" }

--- What the service wants filled when the caller does not care.
local defaults = {
  StartQueryExecution = { ClientRequestToken = encoding.token },
}

local encode

local function encode_table(t, name, blob, path)
  local parts = {}
  if t[1] ~= nil or getmetatable(t) == array_mark or (next(t) == nil and lists[name]) then
    for i, value in ipairs(t) do parts[i] = encode(value, nil, blob, path .. "[" .. i .. "]") end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for key in pairs(t) do
    if type(key) ~= "string" then
      error(("%s: a table with the key %s is neither a list nor an object"):format(path, tostring(key)), 0)
    end
    names[#names + 1] = key
  end
  table.sort(names)
  for i, key in ipairs(names) do
    parts[i] = cjson.encode(key) .. ":" .. encode(t[key], key, blob, path .. "." .. key)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value, name, blob, path)
  local kind = math.type(value) or type(value)
  if kind == "table" then return encode_table(value, name, blob, path) end
  if kind == "string" then
    return cjson.encode(name ~= nil and name == blob and encoding.base64(value) or value)
  end
  if kind == "integer" then return ("%d"):format(value) end
  if kind == "float" and value == value and value - value == 0 then
    local whole = math.tointeger(value)
    return whole and ("%d"):format(whole) or ("%.17g"):format(value)
  end
  if kind == "boolean" then return tostring(value) end
  if value == cjson.null then return "null" end
  error(("%s: %s cannot be sent"):format(path, kind == "float" and tostring(value) or "a " .. kind), 0)
end

local function restore(value, name, blob)
  if type(value) == "table" then
    for key, item in pairs(value) do
      local restored
      if item ~= cjson.null then restored = restore(item, key, blob) end
      value[key] = restored
    end
    return value
  end
  if type(value) == "number" and math.abs(value) <= 0x1p53 then return math.tointeger(value) or value end
  if type(value) == "string" and name == blob then return encoding.unbase64(value) or value end
  return value
end

--- @return the text of an input, as the service gets it
function json.encode(api, operation, input)
  local full = input
  for name, make in pairs(defaults[operation] or {}) do
    if input[name] == nil then
      if full == input then
        full = {}
        for key, value in pairs(input) do full[key] = value end
      end
      full[name] = make()
    end
  end
  if next(full) == nil then return "{}" end
  return encode(full, nil, blobs[api.name], api.name .. " " .. operation)
end

--- @return the reply's table; or nil and what is wrong with the text
function json.decode(api, text)
  if text == "" then return {} end
  local ok, value = pcall(cjson.decode, text)
  if not ok then return nil, value end
  if type(value) ~= "table" then return nil, "not an object" end
  return restore(value, nil, blobs[api.name])
end

--- Sends one operation. A mistake in the input raises, at the caller's caller.
--- @return the reply as a table; or nil and an error
function json.call(client, api, operation, input)
  local ok, body = pcall(json.encode, api, operation, input)
  if not ok then error(body, 2) end
  local reply, err = client:call { operation = operation, body = body }
  if not reply then return nil, err end
  local value, why = json.decode(api, reply.body)
  if not value then
    return nil, sys.error("malformed", ("%s %s: the reply is not JSON: %s"):format(api.name, operation, why))
  end
  return value
end

return json
