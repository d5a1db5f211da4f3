--- JSON Schema (2020-12) of a schema's records: types, null, choices, ranges, formats, nesting. Every
--- field is required, because every record has it (with null where it has no value).
---
--- What a provider's operation says is used where it is known (the table `operations`); of others the
--- Glue type tells, and of all fields where a map may change them. A provider may name the format of its
--- text itself: format = "uri".
--- Left out on purpose: multipleOf for decimals, which validators compute in binary fractions.
local json = require "kinessis.json"
local types = require "kinessis.types"

local json_schema = {}

local longest_enum = 64 -- choices; longer lists (first names) are just strings

-- ---- from the Glue type ----

local of_type

local function exactly(least, most)
  return { { "type", "integer" }, { "minimum", least }, { "maximum", most } }
end

local function of_scalar(kind)
  local about = types.scalars[kind.kind]
  if about.min then return exactly(math.tointeger(about.min), math.tointeger(about.max)) end
  if kind.kind == "bigint" then return exactly(math.mininteger, math.maxinteger) end
  if kind.kind == "decimal" then
    local bound = json.bare("1" .. ("0"):rep(kind.precision - kind.scale))
    local below = json.bare("-" .. bound.text)
    return { { "type", "number" }, { "exclusiveMinimum", below }, { "exclusiveMaximum", bound } }
  end
  if kind.kind == "boolean" then return { { "type", "boolean" } } end
  if kind.kind == "float" or kind.kind == "double" then return { { "type", "number" } } end
  if kind.kind == "date" then return { { "type", "string" }, { "format", "date" } } end
  if kind.kind == "timestamp" then return { { "type", json.list { "string", "number" } } } end
  return { { "type", "string" } }
end

function of_type(kind)
  if kind.kind == "array" then
    return { { "type", "array" }, { "items", of_type(kind.items[1]) } }
  elseif kind.kind == "map" then
    return { { "type", "object" }, { "additionalProperties", of_type(kind.items[2]) } }
  elseif kind.kind == "struct" then
    local properties = {}
    for i, item in ipairs(kind.items) do properties[i] = { item.name, of_type(item.type) } end
    return { { "type", "object" }, { "properties", properties } }
  end
  return of_scalar(kind)
end

-- ---- from the provider ----

local nullable, of_node, of_field

-- Formats of text by the provider's name.
local formats = { uuid = "uuid", email = "email", ipv4 = "ipv4", ipv6 = "ipv6", url = "uri", domain = "hostname" }

-- Formats of the times that are text, by their number (fake/time.lua); the others have none in JSON Schema:
-- a time of day lacks its offset, SQL's form the T.
local time_formats = { [0] = "date-time", "date-time", [5] = "date" }

local function format_of(node)
  if node.op == "time" then return time_formats[node.format] end
  return node.format or formats[node.name]
end

-- A whole number of units of 10^-scale, as text.
local function scaled(value, scale)
  local digits = ("%d"):format(value):gsub("-", "")
  if scale > 0 then
    digits = ("0"):rep(scale + 1 - #digits) .. digits
    digits = digits:sub(1, -scale - 1) .. "." .. digits:sub(-scale)
  end
  return json.bare((value < 0 and "-" or "") .. digits)
end

local function json_type(value)
  if math.type(value) then return math.type(value) == "integer" and "integer" or "number" end
  return type(value)
end

-- The words that can be chosen; nil when they are too many to list.
local function choices(node)
  local seen, list, kind = {}, {}, nil
  for i, word in ipairs(node.words) do
    if not seen[word] and (not node.weights or node.weights[i] > 0) then
      seen[word] = true
      list[#list + 1] = word
      kind = kind and kind ~= json_type(word) and "number" or kind or json_type(word)
    end
    if #list > longest_enum then return nil end
  end
  return { { "type", kind }, { "enum", json.list(list) } }
end

-- Any of several providers.
local function any_of(node)
  local list = {}
  for i, case in ipairs(node.cases) do list[i] = of_node(case, case.type) end
  return { { "anyOf", json.list(list) } }
end

-- The values of an array or object lie between brackets: { "[", operation, "]" }.
local function many(node, kind, bounds)
  return { { "type", kind }, { "min" .. bounds, node.min }, { "max" .. bounds, node.max } }
end

local operations = {
  pick = choices,
  weighted = choices,
  cycle = choices,
  choose = any_of,
  switch = any_of,
  pool = function(node) return of_node(node.body, node.body.type) end,
  copy = function(node) return of_field(node.from) end,
  script = function(node) return nullable(of_type(types.parse(node.type))) end,
  ["repeat"] = function(node)
    local document = many(node, "array", "Items")
    document[4] = { "items", of_node(node.body, node.body.type) }
    return document
  end,
  sample = function(node)
    local document = many(node, "array", "Items")
    document[4] = { "items", choices(node) or {} }
    return document
  end,
  map = function(node)
    local document = many(node, "object", "Properties")
    document[4] = { "propertyNames", choices(node) or {} }
    document[5] = { "additionalProperties", of_node(node.body, node.body.type) }
    return document
  end,
  integer = function(node) return exactly(node.min, node.max) end,
  decimal = function(node)
    return { { "type", "number" }, { "minimum", scaled(node.min, node.scale) },
      { "maximum", scaled(node.max, node.scale) } }
  end,
  uuid = function() return { { "type", "string" }, { "format", "uuid" } } end,
  now = function() return { { "type", "string" }, { "format", "date-time" } } end,
}

function nullable(document)
  for _, member in ipairs(document) do
    if member[1] == "anyOf" then table.insert(member[2], { { "type", "null" } }) end
    if member[1] == "type" then
      local kinds = type(member[2]) == "table" and table.move(member[2], 1, #member[2], 1, {}) or { member[2] }
      kinds[#kinds + 1] = "null"
      member[2] = json.list(kinds)
    elseif member[1] == "enum" then
      table.insert(member[2], json.bare "null")
    end
  end
  return document
end

local of_fields

-- A value that is not one operation: an object, a text, an array.
local function of_parts(node)
  if node.fields then return of_fields(node.fields) end
  if node.text or not node.parts then return nil end
  if #node.parts == 1 and type(node.parts[1]) == "string" then return { { "const", json.bare(node.parts[1]) } } end
  local inner = node.parts[2]
  return #node.parts == 3 and inner.op and operations[inner.op] and operations[inner.op](inner)
end

function of_node(node, glue_type)
  if node.describes then return of_node(node.describes, glue_type) end
  if node.op == "optional" or node.op == "session_when" then return nullable(of_node(node.body, glue_type)) end
  local made = of_parts(node) or operations[node.op] and operations[node.op](node)
  if not made and node.text then
    local format = format_of(node)
    made = { { "type", "string" }, format and { "format", format } }
  end
  return made or of_type(types.parse(glue_type))
end

-- The type that a user declared counts where the provider leaves it open. mapped: a map can set it to
-- anything of its type.
function of_field(field, mapped)
  if field.fields then return of_fields(field.fields, mapped) end
  if field.fn or mapped then return nullable(of_type(types.parse(field.type))) end -- a function may return nil
  return of_node(field.node, field.type)
end

function of_fields(fields, mapped)
  local properties, names = {}, {}
  for i, field in ipairs(fields) do
    properties[i] = { field.name, of_field(field, mapped) }
    names[i] = field.name
  end
  return {
    { "type", "object" }, { "properties", properties }, { "required", json.list(names) },
    { "additionalProperties", false },
  }
end

--- The text of the JSON Schema.
function json_schema.of(schema)
  local document = of_fields(schema.fields, schema.map ~= nil)
  table.insert(document, 1, { "$schema", "https://json-schema.org/draft/2020-12/schema" })
  table.insert(document, 2, { "title", schema.name })
  return json.write(document)
end

return json_schema
