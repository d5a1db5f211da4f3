--- The fields of a schema as they are given: each mistake is refused, with the line of the user's file and
--- the field's path.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local check = {}

local MAX_DEPTH = 32

--- Raises: "person.lua:12: schema person.phone: min 10 is greater than max 1".
function check.fail(where, path, ...)
  local message = select("#", ...) > 1 and string.format(...) or (...)
  error(("%s%sschema %s: %s"):format(where, where ~= "" and ": " or "", path, message), 0)
end

local field_keys = { "type" }

local function check_field_shape(field, i, seen, path, where)
  if type(field) ~= "table" or provider.is(field) then
    check.fail(where, path, "field %d must be { name, value }, not %s", i,
      provider.is(field) and "a provider" or blame.show(field))
  end
  local name = field[1]
  if type(name) ~= "string" or name == "" then
    check.fail(where, path, "the name of field %d must be a string, not %s", i,
      name == "" and "empty" or blame.show(name))
  elseif not utf8.len(name) then
    check.fail(where, path, "the name of field %d, %q, is not valid UTF-8", i, name)
  elseif seen[name] then
    check.fail(where, path .. "." .. name, "fields %d and %d have the same name", seen[name], i)
  end
  seen[name] = i
  for key in pairs(field) do
    if key ~= 1 and key ~= 2 and key ~= "type" then
      if key == 3 then check.fail(where, path .. "." .. name, "a field is { name, value }; there is a third thing") end
      check.fail(where, path .. "." .. name, "a field has no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, field_keys) or "")
    end
  end
end

local function struct_of(fields)
  local members = {}
  for i, field in ipairs(fields) do members[i] = field.name .. ":" .. field.type end
  return "struct<" .. table.concat(members, ",") .. ">"
end

-- The fields from `from` to `to` by way of what each refers to, as names, or nil.
local function find_cycle(scope, from, to, seen)
  if from == to then return { from } end
  if seen[from] then return nil end
  seen[from] = true
  for _, field in ipairs(scope.raw) do
    local value = field[1] == from and field[2]
    for name in pairs(provider.is(value) and value.refers or {}) do
      local way = find_cycle(scope, name, to, seen)
      if way then return { from, table.unpack(way) } end
    end
  end
  return nil
end

-- The checked field that `name` means in the scope (one list of fields; `outer` is the one around it).
local function find_field(scope, name, what)
  local names, current = {}, scope.current
  local inner = scope
  while scope do
    for _, field in ipairs(scope.checked) do
      local below = field.fields and name:sub(1, #field.name + 1) == field.name .. "."
      if field.name == name then
        if field.fields then provider.refuse("%s: %q is an object; name a field in it", what, name) end
        field.referenced = true
        return field
      elseif below then
        return find_field({ checked = field.fields, raw = {} }, name:sub(#field.name + 2), what)
      end
      names[#names + 1] = field.name
    end
    scope = scope.outer
  end
  for _, field in ipairs(inner.raw) do
    if type(field) == "table" and field[1] == name then
      local way = find_cycle(inner, name, current, {})
      if way then provider.refuse("the fields refer to each other: %s -> %s", current, table.concat(way, " -> ")) end
      provider.refuse("%s: the field %q stands after this one; put it before", what, name)
    end
  end
  provider.refuse("%s: there is no field %q%s", what, name, blame.suggestion(name, names))
end

--- What a provider may ask about the record around it (provider.bind).
function check.record_of(scope, path, where, depth)
  return {
    find = function(name, what) return find_field(scope, name, what) end,
    object = function(fields)
      if type(fields) ~= "table" or provider.is(fields) then
        provider.refuse("object must be given a list of { name, value }, not %s",
          provider.is(fields) and "a provider" or blame.show(fields))
      elseif depth >= MAX_DEPTH then
        provider.refuse("nested deeper than %d (does a table hold itself?)", MAX_DEPTH)
      end
      local checked = check.fields(fields, path, where, depth + 1, scope)
      return checked, struct_of(checked)
    end,
  }
end

-- Fills checked with what the value is: node (a provider), fn, or fields.
local function check_value(checked, value, path, where, depth, scope)
  if provider.is(value) then
    if value.problem then check.fail(value.where or where, path, "%s", value.problem) end
    local bound, problem = provider.bind(value, check.record_of(scope, path, value.where or where, depth))
    if not bound then check.fail(value.where or where, path, "%s", problem) end
    checked.node, checked.type = bound, bound.type
  elseif type(value) == "function" then
    local uncalled = provider.uncalled(value)
    if uncalled then check.fail(where, path, "%s", uncalled) end
    checked.fn, checked.type = value, "string"
  elseif type(value) == "table" then
    if depth == MAX_DEPTH then
      check.fail(where, path, "nested deeper than %d (does a table hold itself?)", MAX_DEPTH)
    end
    checked.fields = check.fields(value, path, where, depth + 1, scope)
    checked.type = struct_of(checked.fields)
  elseif value == nil then
    check.fail(where, path, "there is no value; give a provider, a constant, a list of fields or a function")
  else
    local constant = require("kinessis.fake").constant(value)
    if constant.problem then check.fail(where, path, "%s", constant.problem) end
    checked.node, checked.type = constant, constant.type
  end
end

--- The fields with what their values are: a list of { name =, type =, node = (a provider) | fn = | fields = }.
--- The path is the schema's name and what is around them.
function check.fields(fields, path, where, depth, outer)
  local result, seen = {}, {}
  local scope = { checked = result, raw = fields, outer = outer }
  local count = #fields
  for key in pairs(fields) do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      check.fail(where, path, "fields are a list of { name, value }, and this one has a key %s%s", blame.show(key),
        type(key) == "string" and (': write { "%s", ... }'):format(key) or "")
    end
  end
  if count == 0 then check.fail(where, path, "there are no fields") end
  for i = 1, count do
    local field = fields[i]
    check_field_shape(field, i, seen, path, where)
    local checked = { name = field[1] }
    local field_path = path .. "." .. checked.name
    scope.current = checked.name
    check_value(checked, field[2], field_path, where, depth, scope)
    if field.type ~= nil then
      if not types.parse(field.type) then
        check.fail(where, field_path, "%s is not a type%s", blame.show(field.type),
          type(field.type) == "string" and blame.suggestion(field.type, types.names()) or "")
      end
      checked.type = types.glue(types.parse(field.type))
    end
    result[i] = checked
  end
  return result
end

--- Some field has a function.
function check.calls_scripts(fields)
  return provider.fields_contain(fields, "script")
end

--- Some field is asked for by another one.
function check.has_references(fields)
  for _, field in ipairs(fields) do
    if field.referenced or field.fields and check.has_references(field.fields) then return true end
  end
  return false
end

--- The locale among the options of a schema, or nil; and its map.
function check.options(options, name, where)
  if options == nil then return nil end
  if type(options) ~= "table" then
    check.fail(where, name, "the options must be a table, not %s", blame.show(options))
  end
  for key in pairs(options) do
    if key ~= "locale" and key ~= "map" then
      check.fail(where, name, "a schema has no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, { "locale", "map" }) or "")
    end
  end
  local map = options.map
  if map ~= nil and type(map) ~= "function" then
    check.fail(where, name, "map must be a function of (record, ctx), not %s", blame.show(map))
  end
  if options.locale == nil then return nil, map end
  local found, problem = require("kinessis.locale").find(options.locale)
  if not found then check.fail(where, name, "%s", problem) end
  return found, map
end

return check
