--- The columns of a Parquet file as Glue writes them, from the file's footer (Thrift's compact protocol;
--- apache/parquet-format: parquet.thrift, LogicalTypes.md). Nothing else of the file is read.
--- Left out on purpose: encrypted footers; times of day and intervals are text.
local sys = require "kinessis.core.sys"

local parquet = {}

local MOST = 64 << 20 -- bytes of a footer
local MAX_DEPTH = 64

-- ---- Thrift's compact protocol: a reader is { text, at, depth } ----

local function byte(r)
  local value = r.text:byte(r.at) or error({ damaged = true }, 0)
  r.at = r.at + 1
  return value
end

local function varint(r)
  local value, shift = 0, 0
  repeat
    local part = byte(r)
    value = value | (part & 0x7F) << shift
    shift = shift + 7
  until part < 0x80 or shift > 63
  return value
end

local function zigzag(r)
  local value = varint(r)
  return (value >> 1) ~ -(value & 1)
end

local function binary(r)
  local length = varint(r)
  if length < 0 or r.at + length - 1 > #r.text then error({ damaged = true }, 0) end
  r.at = r.at + length
  return r.text:sub(r.at - length, r.at - 1)
end

local read

local function list(r)
  local head = byte(r)
  local count, kind = head >> 4, head & 15
  if count == 15 then count = varint(r) end
  if count < 0 or count > #r.text then error({ damaged = true }, 0) end
  local values = {}
  for i = 1, count do values[i] = read(r, kind) end
  return values
end

local function struct(r)
  local fields, id = {}, 0
  while true do
    local head = byte(r)
    if head == 0 then return fields end
    local step, kind = head >> 4, head & 15
    id = step > 0 and id + step or zigzag(r)
    if kind == 1 or kind == 2 then fields[id] = kind == 1 else fields[id] = read(r, kind) end
  end
end

local function map(r)
  local count = varint(r)
  if count < 0 or count > #r.text then error({ damaged = true }, 0) end
  local kinds = count > 0 and byte(r) or 0
  for _ = 1, count do
    read(r, kinds >> 4)
    read(r, kinds & 15)
  end
  return {}
end

local kinds = {
  [1] = function(r) return byte(r) == 1 end, [2] = function(r) return byte(r) == 1 end, [3] = byte,
  [4] = zigzag, [5] = zigzag, [6] = zigzag,
  [7] = function(r)
    r.at = r.at + 8
    return 0.0 -- nothing that is needed here is a double
  end,
  [8] = binary, [9] = list, [10] = list, [11] = map, [12] = struct,
}

function read(r, kind)
  r.depth = r.depth + 1
  if not kinds[kind] or r.depth > MAX_DEPTH then error({ damaged = true }, 0) end
  local value = kinds[kind](r)
  r.depth = r.depth - 1
  return value
end

-- ---- the schema's tree ----

-- Fields of SchemaElement.
local TYPE, REPETITION, NAME, CHILDREN, CONVERTED, SCALE, PRECISION, LOGICAL = 1, 3, 4, 5, 6, 7, 8, 10
local REPEATED = 2

local physical = {
  [0] = "boolean", "int", "bigint", "timestamp", "float", "double", "binary", "binary", -- INT96 is a time
}
local converted = {
  [0] = "string", [4] = "string", [6] = "date", [7] = "string", [8] = "string", [9] = "timestamp", [10] = "timestamp",
  [11] = "smallint", [12] = "int", [13] = "bigint", [14] = "decimal(20,0)", [15] = "tinyint", [16] = "smallint",
  [17] = "int", [18] = "bigint", [19] = "string", [21] = "string",
}
local logical = { [1] = "string", [4] = "string", [6] = "date", [7] = "string", [8] = "timestamp", [12] = "string",
  [14] = "string" }

local function leaf(element)
  local meaning = element[LOGICAL] or {}
  local decimal = meaning[5] or element[CONVERTED] == 5 and { element[SCALE] or 0, element[PRECISION] }
  if decimal then return ("decimal(%d,%d)"):format(decimal[2] or 38, decimal[1] or 0) end
  for id, name in pairs(logical) do
    if meaning[id] then return name end
  end
  return converted[element[CONVERTED]] or physical[element[TYPE]] or error({ damaged = true }, 0)
end

-- Elements come depth first. Returns the type of the one at `at`, and the place after it.
local function type_at(elements, at, plain)
  local element = elements[at] or error({ damaged = true }, 0)
  local count = element[CHILDREN] or 0
  if element[REPETITION] == REPEATED and not plain then
    local inner, after = type_at(elements, at, true)
    return ("array<%s>"):format(inner), after
  end
  if count == 0 then return leaf(element), at + 1 end
  local meaning = element[LOGICAL] or {}
  local child = elements[at + 1] or {}
  local inner_count = child[CHILDREN] or 0
  if (meaning[3] or element[CONVERTED] == 3) and count == 1 then
    if inner_count ~= 1 then return type_at(elements, at + 1) end -- two levels: the repeated one is the value
    local item, after = type_at(elements, at + 2)
    return ("array<%s>"):format(item), after
  elseif (meaning[2] or element[CONVERTED] == 1 or element[CONVERTED] == 2) and inner_count == 2 then
    local key, next_at = type_at(elements, at + 2)
    local value, after = type_at(elements, next_at)
    return ("map<%s,%s>"):format(key, value), after
  end
  local members, next_at = {}, at + 1
  for i = 1, count do
    local name = elements[next_at] and elements[next_at][NAME]
    local kind
    kind, next_at = type_at(elements, next_at)
    members[i] = name .. ":" .. kind
  end
  return ("struct<%s>"):format(table.concat(members, ",")), next_at
end

local function columns_of(footer)
  local elements = struct({ text = footer, at = 1, depth = 0 })[2]
  local columns, at = {}, 2 -- the first element is the root
  for i = 1, elements[1][CHILDREN] do
    local name = elements[at][NAME]
    local kind
    kind, at = type_at(elements, at)
    columns[i] = { Name = name, Type = kind }
  end
  return columns
end

--- @param file opened for reading @return { { Name =, Type = }, ... } (Glue); raises an error that names the path
function parquet.columns(file, path)
  local size = file:seek "end"
  local function fail(what) error(sys.error("invalid", ("%s: %s"):format(path, what)), 0) end
  if size < 12 then fail "this is not a Parquet file: it is too short" end
  file:seek("set", size - 8)
  local length, magic = ("<I4c4"):unpack(file:read(8))
  if magic ~= "PAR1" then fail "this is not a Parquet file: it does not end in PAR1" end
  if length > MOST or length > size - 12 then fail "its footer is damaged" end
  file:seek("set", size - 8 - length)
  local ok, columns = pcall(columns_of, file:read(length) or "")
  if not ok then fail "its footer is damaged" end
  return columns
end

return parquet
