--- The query protocol: a form out, XML back. STS.
local encoding = require "kinessis.core.encoding"
local sys = require "kinessis.core.sys"

local query = {}

local function flatten(out, prefix, value)
  if type(value) ~= "table" then
    out[#out + 1] = encoding.uri_encode(prefix) .. "=" .. encoding.uri_encode(tostring(value))
  elseif value[1] ~= nil then
    for i, item in ipairs(value) do flatten(out, ("%s.member.%d"):format(prefix, i), item) end
  else
    for name, item in pairs(value) do flatten(out, prefix == "" and name or prefix .. "." .. name, item) end
  end
end

--- <Key>text</Key> becomes key = text; <List><member>..</member></List> a list.
local function to_table(element)
  if #element == 0 then return element.text end
  local t = {}
  for i, child in ipairs(element) do t[child.name == "member" and i or child.name] = to_table(child) end
  return t
end

--- Sends one operation.
--- @return the reply as a table; or nil and an error
function query.call(client, api, operation, input)
  local form = { "Action=" .. operation, "Version=" .. api.target }
  flatten(form, "", input)
  local reply, err = client:call { operation = operation, body = table.concat(form, "&") }
  if not reply then return nil, err end
  local root
  root, err = encoding.xml(reply.body)
  if not root then
    return nil, sys.error("malformed", ("%s %s: the reply is %s"):format(api.name, operation, err))
  end
  for _, child in ipairs(root) do
    if child.name == operation .. "Result" then
      local result = to_table(child)
      return type(result) == "table" and result or {}
    end
  end
  return {}
end

return query
