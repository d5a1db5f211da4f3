--- The one table of types: what a field yields, and what each catalogue calls it.
---
--- A type is written as Glue writes it ("decimal(9,2)", "struct<city:string>"); this module reads that
--- form, checks it, and translates it.
local types = {}

--- Scalars: the name in Glue; in Athena's SQL and results (Trino); the least and most of
--- whole numbers.
types.scalars = {
  string    = { athena = "varchar" },
  boolean   = { athena = "boolean" },
  tinyint   = { athena = "tinyint", min = -2 ^ 7, max = 2 ^ 7 - 1 },
  smallint  = { athena = "smallint", min = -2 ^ 15, max = 2 ^ 15 - 1 },
  int       = { athena = "integer", min = -2 ^ 31, max = 2 ^ 31 - 1 },
  bigint    = { athena = "bigint" },
  float     = { athena = "real" },
  double    = { athena = "double" },
  decimal   = { athena = "decimal", parameters = true },
  date      = { athena = "date" },
  timestamp = { athena = "timestamp" },
  binary    = { athena = "varbinary" },
}

-- Each reader takes the text and a position, and returns a type and the next position, or nil.
local read

local function read_list(text, at, item)
  local items = {}
  repeat
    local value
    value, at = item(text, at)
    if not value then return nil end
    items[#items + 1] = value
    local comma = text:match("^%s*,()", at)
    at = comma or at
  until not comma
  local after = text:match("^%s*>()", at)
  if not after then return nil end
  return items, after
end

local function read_member(text, at)
  local name, colon = text:match("^%s*([^%s:<>,]+)%s*:()", at)
  if not name then return nil end
  local kind, after = read(text, colon)
  if not kind then return nil end
  return { name = name, type = kind }, after
end

function read(text, at)
  local name, after = text:match("^%s*(%a+)()", at)
  if not name then return nil end
  name = name:lower()
  if name == "array" or name == "map" or name == "struct" then
    local open = text:match("^%s*<()", after)
    if not open then return nil end
    local items
    items, after = read_list(text, open, name == "struct" and read_member or read)
    local expected = name == "array" and 1 or name == "map" and 2
    if not items or expected and #items ~= expected then return nil end
    return { kind = name, items = items }, after
  end
  local scalar = types.scalars[name]
  if not scalar then return nil end
  if not scalar.parameters then return { kind = name }, after end
  local precision, scale, close = text:match("^%s*%(%s*(%d+)%s*,%s*(%d+)%s*%)()", after)
  precision, scale = tonumber(precision), tonumber(scale)
  if not precision or precision < 1 or precision > 38 or scale > precision then return nil end
  return { kind = name, precision = precision, scale = scale }, close
end

--- Reads "decimal(9,2)" or "array<struct<a:int>>" into { kind =, ... }; nil when it is no type.
function types.parse(text)
  if type(text) ~= "string" then return nil end
  local kind, after = read(text, 1)
  if not kind or text:find("%S", after) then return nil end
  return kind
end

-- How a catalogue writes types: names of scalars and of struct, brackets, separators.
local function writer(style)
  local write
  local function member(item)
    return item.name and item.name .. style.colon .. write(item.type) or write(item)
  end
  function write(kind)
    if kind.items then
      local parts = {}
      for i, item in ipairs(kind.items) do parts[i] = member(item) end
      local name = kind.kind == "struct" and style.struct or kind.kind
      return name .. style.open .. table.concat(parts, style.comma) .. style.close
    end
    local name = style.scalar(kind.kind)
    return kind.precision and ("%s(%d,%d)"):format(name, kind.precision, kind.scale) or name
  end
  return write
end

--- A parsed type as Glue writes it: "struct<a:int>".
types.glue = writer {
  struct = "struct", open = "<", close = ">", colon = ":", comma = ",",
  scalar = function(name) return name end,
}

--- A parsed type as Athena's SQL writes it: "row(a integer)".
types.athena = writer {
  struct = "row", open = "(", close = ")", colon = " ", comma = ", ",
  scalar = function(name) return types.scalars[name].athena end,
}

--- The Glue type of whole numbers from min to max.
function types.of_integers(min, max)
  local int = types.scalars.int
  return min >= int.min and max <= int.max and "int" or "bigint"
end

--- The names of the types, for suggestions.
function types.names()
  local names = { "array", "map", "struct" }
  for name in pairs(types.scalars) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return types
