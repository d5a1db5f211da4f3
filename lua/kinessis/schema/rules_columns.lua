--- Rules about names: the record's keys, the table's columns. See kinessis.schema.check.
local types = require "kinessis.types"

--- Words that Hive's DDL or Athena's SELECT reserve (AWS: "Reserved keywords").
local reserved = {}
for word in ([[
  all alter and array as authorization between bigint binary boolean both by case cast char column conf constraint
  commit create cross cube current current_date current_time current_timestamp current_user cursor database date
  dayofweek deallocate decimal delete describe distinct div double drop else end escape except exchange execute
  exists extended external extract false fetch float floor following for foreign from full function grant group
  grouping having if import in inner insert int integer intersect interval into is join last lateral left less like
  local localtime localtimestamp macro map more natural none normalize not null numeric of on only or order out outer
  over partialscan partition percent preceding precision prepare preserve primary procedure range reads rec recursive
  reduce references regexp revoke right rlike rollback rollup row rows select set skip smallint start table
  tablesample then time timestamp to transform trigger true truncate unbounded uescape union uniquejoin unnest update
  user using utc_timestamp values varchar views when where window with]]):gmatch "%S+" do reserved[word] = true end

--- The key under which the JSON reader looks for a name of the record.
local function key_of(name, rules)
  if not rules.case_sensitive then name = name:lower() end
  return rules.dots_to_underscores and name:gsub("%.", "_") or name
end

local function by_key(columns)
  local found = {}
  for _, column in ipairs(columns) do found[column.key or column.name] = column end
  return found
end

local rules = {}

local function rule(name, check) rules[#rules + 1] = { name = name, check = check } end

rule("partition column", function(about, add)
  for _, key in ipairs(about.partition_keys or {}) do
    for _, field in ipairs(about.schema.fields) do
      if field.name:lower() == key.name then
        add { level = "problem", field = field.name, reason = "the table has a partition key of this name",
          remedy = "rename the field: a column cannot be in the files and in the folders" }
      end
    end
    for _, column in ipairs(about.columns) do
      if column.name == key.name and about.table then -- else it is the field's, as there is no table yet
        add { level = "problem", field = column.name, reason = "the table has it as a column and as a partition key",
          remedy = "remove it from the columns: Athena refuses the table (HIVE_INVALID_METADATA)" }
      end
    end
  end
end)

-- In one object, and in those below it.
local function find_same(fields, prefix, settings, add)
  local seen = {}
  for _, field in ipairs(fields) do
    local key = key_of(field.name, settings)
    if seen[key] then
      add { level = "problem", field = prefix .. field.name,
        reason = ("is the same key as %s once it is read as %s: one of the two is lost"):format(seen[key], key),
        remedy = "rename one of them" }
    end
    seen[key] = field.name
    if field.fields then find_same(field.fields, prefix .. field.name .. ".", settings, add) end
  end
end

rule("same key", function(about, add) find_same(about.schema.fields, "", about.rules, add) end)

rule("dots", function(about, add)
  if about.rules.dots_to_underscores then return end
  for _, field in ipairs(about.schema.fields) do
    if field.name:find(".", 1, true) then
      add { level = "problem", field = field.name,
        reason = "has a dot, which no column's name may have",
        remedy = ("rename it to %s, or have Firehose do so: ConvertDotsInJsonKeysToUnderscores"):format(
          field.name:gsub("%.", "_")) }
    end
  end
end)

rule("characters", function(about, add)
  for _, field in ipairs(about.schema.fields) do
    local other = field.name:lower():gsub("%.", ""):match "[^%l%d_]"
    if other then
      local plain, quoted = field.name:lower():gsub("[^%l%d_]+", "_"), field.name:lower():gsub("`", "``")
      add { level = "note", field = field.name,
        reason = "has characters other than letters, digits and _: queries must quote it",
        remedy = ('write "%s" in SELECT and `%s` in DDL, or rename it to %s'):format(
          field.name:lower():gsub('"', '""'), quoted, plain) }
    end
  end
end)

rule("keyword", function(about, add)
  for _, field in ipairs(about.schema.fields) do
    local name = field.name:lower()
    if reserved[name] then
      add { level = "note", field = field.name, reason = "is a reserved word of Hive or Athena: queries must quote it",
        remedy = ('write "%s" in SELECT and `%s` in DDL, or rename it'):format(name, name) }
    end
  end
  local name = about.table and about.table:match "([^.]+)$"
  if name and reserved[name] then
    add { level = "note", reason = ("the table's name, %s, is a reserved word: queries must quote it"):format(name),
      remedy = ('write "%s" in SELECT, or name another table in the scenario\'s stack'):format(name) }
  end
end)

rule("no column", function(about, add)
  local columns = by_key(about.columns)
  for _, field in ipairs(about.schema.fields) do
    local key = key_of(field.name, about.rules)
    if not columns[key] then
      local lower = columns[key:lower()]
      add { level = "problem", field = field.name,
        reason = ("%s has no column for it: its values are dropped without a word"):format(about.table or "the table"),
        remedy = lower and ("the delivery stream reads keys by case (CaseInsensitive false): map the column in "
          .. "ColumnToJsonKeyMappings, or write the key %s"):format(key:lower())
          or ("add a column %s %s to the table, or remove the field"):format(key:lower(), field.type) }
    end
  end
end)

rule("no field", function(about, add)
  local keys = {}
  for _, field in ipairs(about.schema.fields) do keys[key_of(field.name, about.rules)] = true end
  for _, column in ipairs(about.columns) do
    if not keys[column.key or column.name] then
      add { level = "note", field = column.name, reason = "no field fills this column: it is NULL in every row",
        remedy = ('add a field { "%s", ... } of type %s'):format(column.key or column.name, column.type) }
    end
  end
end)

-- As it is compared: without spaces and case, and where it is none as it stands there.
local function plain_type(text)
  local parsed = types.parse(text)
  return (parsed and types.glue(parsed) or text):lower()
end

rule("other type", function(about, add)
  local columns = by_key(about.columns)
  for _, field in ipairs(about.schema.fields) do
    local column = columns[key_of(field.name, about.rules)]
    local here = types.parse(field.type)
    if column and here and plain_type(column.type) ~= plain_type(field.type) then
      add { level = "note", field = field.name,
        reason = ("the schema makes it %s, the column is %s"):format(field.type, column.type),
        remedy = "Firehose converts by the column; give the field that type where values do not fit" }
    end
  end
end)

rule("partition schema", function(about, add)
  for _, difference in ipairs(about.differences or {}) do
    local of = ("%d of %d partitions"):format(difference.count, about.partition_count)
    local which = table.concat(difference.first, "/")
    if not difference.type then
      add { level = "note", field = difference.column,
        reason = ("%s were added without it (such as %s): it is NULL there, whatever the files hold"):format(of, which),
        remedy = "give these partitions the table's columns (Glue UpdatePartition), or drop and add them again" }
    elseif difference.widened then
      add { level = "note", field = difference.column,
        reason = ("%s declare it %s (such as %s), the table %s: Athena widens it, other readers may not"):format(of,
          difference.type, which, difference.table_type),
        remedy = "give these partitions the table's columns (Glue UpdatePartition), or drop and add them again" }
    else
      add { level = "problem", field = difference.column,
        reason = ("%s declare it %s (such as %s), the table %s: Athena refuses a query that reads them "
          .. "(HIVE_PARTITION_SCHEMA_MISMATCH)"):format(of, difference.type, which, difference.table_type),
        remedy = "give these partitions the table's columns (Glue UpdatePartition), or drop and add them again; "
          .. "files already written keep their type" }
    end
  end
end)

rule("type", function(about, add)
  local convert = require "kinessis.core.convert"
  for _, column in ipairs(about.columns) do
    local ok, err = convert.new { { name = column.name, type = column.type } }
    if not ok then
      add { level = "problem", field = column.name, reason = "Firehose cannot convert to its type: " .. err.message,
        remedy = "use a type of Firehose's list, and names of letters, digits and _ inside of structs" }
    end
  end
end)

return rules
