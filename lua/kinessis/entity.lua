--- What populations and sessions share: providers that are compiled before the schema that uses them,
--- and run as of an entity (src/gen/entity.h).
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local schema = require "kinessis.schema"

local entity = {}

--- Raises with the user's line: "shop.lua:4: population users: ...".
function entity.fail(what, ...)
  local where = blame.where()
  error(("%s%s%s: %s"):format(where, where ~= "" and ": " or "", what, (...):format(select(2, ...))), 0)
end

--- Refuses what is no name of a population or of sessions.
function entity.check_name(kind, name)
  if type(name) ~= "string" or name == "" or not utf8.len(name) then
    entity.fail(kind, "the name must be a string, not %s", name == "" and "empty" or blame.show(name))
  end
end

--- A whole number from least to most; `what` and `name` are for the message.
function entity.integer(what, name, value, least, most)
  local whole = math.type(value) and math.tointeger(value)
  if not whole or whole < least or whole > most then
    entity.fail(what, "%s must be a whole number from %d to %d, not %s", name, least, most, blame.show(value))
  end
  return whole
end

--- Refuses keys that are not in `known`, a list.
function entity.check_keys(what, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then entity.fail(what, "the options must be a table, not %s", blame.show(options)) end
  for key in pairs(options) do
    local found = false
    for _, name in ipairs(known) do found = found or name == key end
    if not found then
      entity.fail(what, "there is no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, known) or "")
    end
  end
  return options
end

--- The attributes of schema.attributes; without fields there are none.
function entity.attributes(name, fields, locale)
  return fields == nil and {} or schema.attributes(name, fields, { locale = locale })
end

--- Makes the provider; `shown` is the call, for people.
local function seal(shown, description)
  description.shown, description.where = shown, blame.where()
  return provider.new(description)
end

entity.seal = seal

--- The provider of one attribute, of whom the pick chooses. `name` is whose, as a script writes it.
function entity.attribute(what, name, attributes, pick, path)
  local found = attributes[path]
  if type(path) ~= "string" or not found then
    local names = {}
    for i, attribute in ipairs(attributes) do names[i] = attribute.name end
    entity.fail(what, "there is no attribute %s%s", blame.show(path),
      type(path) == "string" and blame.suggestion(path, names) or "")
  end
  return seal(("%s:attribute(%q)"):format(name, path), {
    code = { { op = "entity", pick = pick, body = found.code } }, type = found.type, text = found.text,
    describes = found.node,
  })
end

return entity
