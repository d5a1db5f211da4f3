--- What a provider is: a description of a value, that kinessis.schema compiles.
---
--- A provider is a table of one of these forms, all with `type` (Glue) and, when it yields text that
--- belongs between quotes, `text = true`:
---   { op = name, <arguments> }         an operation of the plan (src/gen/ops.c); `words`, `weights`
---   { op = "optional", body = value }  an operation with a body
---   { parts = { text or provider } }   one string made of several
---   { resolve = function(record) }     decided with the record in view: returns a provider;
---                                      record.stream(role) is the draws of a field with that role
--- `role` names what the value is in its record, so that others can agree with it.
---
--- A provider is made even when its arguments are wrong: it then carries `problem`, and the schema
--- that uses it raises that with the path of the field and the line of the call.
local blame = require "kinessis.blame"

local provider = {}
local Provider = { __name = "kinessis.provider" }
local Problem = {}

--- Stops making this provider: its arguments cannot work.
function provider.refuse(...)
  error(setmetatable({ text = select("#", ...) > 1 and string.format(...) or (...) }, Problem), 0)
end

function provider.is(value)
  return getmetatable(value) == Provider
end

function provider.new(description)
  return setmetatable(description, Provider)
end

--- Makes the function that scripts call: it runs `make` and remembers what was called, and whose line
--- did: `name`, `arguments` (as of table.pack), `where`.
function provider.define(name, make)
  return function(...)
    local made, value = pcall(make, ...)
    if not made then
      if getmetatable(value) ~= Problem then error(value, 0) end
      value = { problem = value.text }
    end
    value = provider.new(value)
    value.name, value.arguments, value.where = name, table.pack(...), blame.where()
    return value
  end
end

local function check_range(name, v, least, most)
  if least and v < least or most and v > most then
    local range = not most and "at least " .. least or not least and "at most " .. most or least .. " to " .. most
    provider.refuse("%s must be %s, not %s", name, range, v)
  end
end

--- A whole number from least to most (both optional), or `default` when v is nil.
function provider.integer(name, v, default, least, most)
  if v == nil then v = default end
  local whole = math.type(v) and math.tointeger(v)
  if not whole then provider.refuse("%s must be a whole number, not %s", name, blame.show(v)) end
  check_range(name, whole, least, most)
  return whole
end

--- A finite number from least to most (both optional).
function provider.number(name, v, default, least, most)
  if v == nil then v = default end
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then
    provider.refuse("%s must be a number, not %s", name, blame.show(v))
  end
  check_range(name, v, least, most)
  return v
end

--- A string of valid UTF-8.
function provider.string(name, v)
  if type(v) ~= "string" then provider.refuse("%s must be a string, not %s", name, blame.show(v)) end
  if not utf8.len(v) then provider.refuse("%s is not valid UTF-8", name) end
  return v
end

--- The provider in value (itself, a part, a body) that carries a problem, or nil.
function provider.broken(value)
  if value.problem then return value end
  for _, part in ipairs(value.parts or { value.body }) do
    local broken = provider.is(part) and provider.broken(part)
    if broken then return broken end
  end
end

--- A choice from words that all are text.
function provider.pick(words, role)
  return { op = "pick", words = words, type = "string", text = true, role = role }
end

return provider
