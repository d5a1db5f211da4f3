--- Rules about values: what Firehose's conversion makes of the samples. See kinessis.schema.check.
local convert = require "kinessis.core.convert"
local json = require "kinessis.json"
local types = require "kinessis.types"

local rules = {}

local function rule(name, check) rules[#rules + 1] = { name = name, check = check } end

-- ---- remedies of failures, by the column's kind and the text of the value ----

local numeric = { tinyint = true, smallint = true, int = true, bigint = true }

local function timestamp_remedy(text)
  if text:find "^%d+T?%d*$" and #text >= 15 then
    return "a number is read as seconds (below 1e12) or milliseconds: microseconds need a bigint column, or / 1000"
  elseif text:find "[+-]%d%d:?%d%d$" then
    return "offsets are not read: write UTC with Z (fake.now() does), or make the column string"
  elseif text:find "^%d%d%d%d%-%d%d%-%d%dT[%d:.]+$" then
    return "T without Z is not read: end it with Z, put a space in place of T, or make the column string"
  elseif text:find "^%d%d%d%d%-%d%d?%-%d%d?$" then
    return "a date alone is no timestamp: make the column date, or add the time"
  end
  return "write 2022-02-02T15:17:07Z, 2022-02-02 15:17:07 or an epoch; or make the column string; or use the "
    .. "Hive JSON reader with TimestampFormats"
end

local function integer_remedy(kind, text)
  if text:find "^[+-]?%d+$" then
    return kind == "bigint" and "no whole type holds it: make the column decimal(38,0) or string"
      or "declare it bigint, or lower the field's range"
  elseif text:find "^[+-]?[%d.]+[eE]?[+-]?%d*$" then
    return "it has a fraction: declare it double or decimal"
  end
  return "it is no number: declare it string"
end

local function remedy_of(kind, text)
  if text:find "^[%[{]" then return "it is an object or a list: declare struct<...>, array<...> or string" end
  if numeric[kind] then return integer_remedy(kind, text) end
  if kind == "timestamp" then return timestamp_remedy(text) end
  if kind:find "^decimal" then return "it has more digits before the point: widen the precision, or declare double" end
  if kind == "date" then return "write 2022-02-02; for a time as well declare timestamp" end
  if kind == "boolean" then return "only true and false are read: declare int or string" end
  if kind == "struct" or kind == "map" then return "it is no object: declare the type of what is there" end
  if kind == "array" then return "it is no list: declare the type of what is there" end
  return "declare the type that the values have"
end

-- ---- conversion ----

-- A converter of one column; nil when its type is none (a rule about columns says so).
local function converter_of(column, settings)
  return (convert.new({ column }, settings))
end

local function explain(message)
  local inner, kind, text = message:match "Column ([^:]+): type (%S+) does not take (.*)$"
  if not inner then
    kind, text = message:match "type (%S+) does not take (.*)$"
  end
  return inner, kind, text
end

local function failures_of(column, about)
  local converter = converter_of(column, about.rules)
  local failed, first = 0, nil
  if not converter then -- no record of such a table does
    for i in ipairs(about.samples.texts) do about.lost[i] = true end
    return 0
  end
  for i, text in ipairs(about.samples.texts) do
    local ok, code, message = converter:record(text)
    if not ok then
      failed, first = failed + 1, first or { code = code, message = message }
      about.lost[i] = true
    end
  end
  return failed, first
end

rule("conversion", function(about, add)
  about.lost = {} -- by sample
  local total = #about.samples.texts
  for _, column in ipairs(about.columns) do
    local failed, first = failures_of(column, about)
    if failed > 0 then
      local inner, kind, text = explain(first.message)
      local reason = kind and ("%s does not take %s"):format(kind, text) or first.message
      add {
        level = "problem",
        field = inner and inner ~= column.name and column.name .. "." .. inner or column.name,
        reason = ("%s: %d of %d samples end in format-conversion-failed (%s)"):format(
          reason, failed, total, first.code),
        remedy = kind and remedy_of(kind, text) or "the record must be one JSON object",
      }
    end
  end
  about.failed = 0
  for _ in pairs(about.lost) do about.failed = about.failed + 1 end
end)

-- ---- what converts, but not to what was sent ----

local function value_of(record, column, about)
  local wanted = column.key or column.name
  local insensitive, dots = not about.rules.case_sensitive, about.rules.dots_to_underscores
  for i = #record.names, 1, -1 do
    local name = insensitive and record.names[i]:lower() or record.names[i]
    if dots then name = name:gsub("%.", "_") end
    if name == wanted then return record.values[i] end
  end
end

-- Calls look(value) for the column's values that are not null, until it returns something.
local function first_of(about, column, look)
  for _, record in ipairs(about.samples.records) do
    local value = value_of(record, column, about)
    local found = value and value.kind ~= "null" and look(value)
    if found then return found end
  end
end

rule("text of a structure", function(about, add)
  for _, column in ipairs(about.columns) do
    local found = column.type == "string" and not about.rules.hive and first_of(about, column, function(value)
      return (value.kind == "object" or value.kind == "array") and value.kind
    end)
    if found then
      add { level = "note", field = column.name,
        reason = ("an %s goes into a string column as its JSON text"):format(found),
        remedy = "query it with json_extract, or declare struct<...> or array<...>" }
    end
  end
end)

rule("rounded", function(about, add)
  for _, column in ipairs(about.columns) do
    local kind = types.parse(column.type)
    local found = kind and kind.kind == "decimal" and first_of(about, column, function(value)
      local fraction = value.text and value.text:match "^%-?%d+%.(%d+)$"
      return fraction and #fraction > kind.scale and not fraction:find("^0*$", kind.scale + 1) and value.text
    end)
    if found then
      add { level = "note", field = column.name, reason = ("%s rounds %s"):format(column.type, found),
        remedy = ("give the field the scale %d, or widen the column's"):format(kind.scale) }
    end
  end
end)

-- The kinds of JSON that a type is written as.
local written = {
  string = "string", binary = "string", date = "string", boolean = "boolean", array = "array", map = "object",
  struct = "object", tinyint = "number", smallint = "number", int = "number", bigint = "number", float = "number",
  double = "number", decimal = "number",
}

-- What to declare for values of a JSON kind.
local function suggest(value)
  if value.kind == "number" then return value.text:find "[.eE]" and "double" or "bigint" end
  return value.kind == "object" and "struct<...>" or value.kind == "array" and "array<...>" or value.kind
end

-- path: the names of the objects around the field, each ended with a zero byte.
local function check_function(about, field, path, record, add)
  local kind = types.parse(field.type).kind
  for _, sample in ipairs(about.samples.records) do
    local object = sample
    for name in path:gmatch "[^\0]+" do object = json.get(object, name) end
    local value = json.get(object, field.name)
    if value.kind ~= "null" and written[kind] and written[kind] ~= value.kind then
      add { level = "note", field = record .. field.name,
        reason = ("its function returns a %s, its type is %s"):format(value.kind, field.type),
        remedy = ('declare type = "%s" beside the function, or return a %s'):format(suggest(value), written[kind]) }
      return
    end
  end
end

local function check_functions(about, fields, path, record, add)
  for _, field in ipairs(fields) do
    if field.fn then check_function(about, field, path, record, add) end
    if field.fields then
      check_functions(about, field.fields, path .. field.name .. "\0", record .. field.name .. ".", add)
    end
  end
end

rule("function's type", function(about, add) check_functions(about, about.schema.fields, "", "", add) end)

return rules
