--- kinessis schema infer: a scenario that makes records like those of a file or a table.
---
--- JSON lines and CSV are read here, up to a number of records; Parquet files and tables through Athena,
--- a Parquet file on a lake of its own that is gone afterwards. Nested values of CSV are columns with
--- dots, as kinessis generate --format csv writes them.
local guess = require "kinessis.schema.guess"
local json = require "kinessis.json"
local profile = require "kinessis.schema.profile"
local readers = require "kinessis.schema.readers"
local sys = require "kinessis.core.sys"
local types = require "kinessis.types"

local infer = {}

-- ---- sources: each fills a profile of the records and returns how many there were ----

-- The profile of a column "a.b": that of b in the object a.
local function place(root, name, where)
  local at = root
  for part in name:gmatch "[^.]+" do
    if not at.names then at.names, at.fields, at.objects = {}, {}, 0 end
    if not at.fields[part] then
      at.fields[part] = profile.new()
      at.names[#at.names + 1] = part
    end
    at.kinds.object, at.first.object = 1, where
    at = at.fields[part]
  end
  return at
end

local function settle(p, count)
  if not p.fields then
    profile.settle(p)
    return
  end
  p.seen, p.null, p.objects = count, 0, count
  for _, name in ipairs(p.names) do settle(p.fields[name], count) end
end

local function from_csv(file, path, most, root)
  local places
  local n = readers.csv(file, path, most, function(names, cells, where)
    if not places then
      places = {}
      for i, name in ipairs(names) do
        places[i] = place(root, name:find "^%.+$" and name:gsub("%.", "_") or name, where)
      end
      for i, name in ipairs(names) do
        if places[i].fields then
          error(sys.error("invalid", ("%s: the columns %s and %s.* cannot both be"):format(path, name, name)), 0)
        end
      end
    end
    for i, cell in ipairs(cells) do profile.add_text(places[i], cell, where) end
  end)
  settle(root, n)
  return n
end

local function from_json_lines(file, path, most, root)
  return readers.json_lines(file, path, most, function(value, where) profile.add(root, value, where) end)
end

-- ---- tables ----

local bare = { tinyint = true, smallint = true, int = true, bigint = true, float = true, double = true, decimal = true }

local not_in_json = { NaN = true, Infinity = true, ["-Infinity"] = true }

-- A cell of Athena's answer as json.read has it.
local function cell_value(text, kind)
  if text == nil then return { kind = "null" } end
  if kind.items then return assert(json.read(text)) end
  if kind.kind == "boolean" then return { kind = "boolean", value = text == "true" } end
  if not_in_json[text] and (kind.kind == "float" or kind.kind == "double") then return { kind = "null" } end
  if bare[kind.kind] and tonumber(text) then return { kind = "number", text = text } end
  -- Times as Firehose reads them.
  if kind.kind == "timestamp" then text = text:gsub(" ", "T", 1):gsub("%.000$", "") .. "Z" end
  return { kind = "string", text = text }
end

--- A table through Athena. @return how many records; or nil and an error
--- @param output_location for results, or nil
local function from_table(target, database, name, most, root, output_location)
  local sql = require "kinessis.sql"
  local reply, err = require("kinessis.aws").glue(target.config):get_table { DatabaseName = database, Name = name }
  if not reply then
    err.message = ("the table %s.%s: %s"):format(database, name, err.message)
    return nil, err
  end
  local names, kinds, cells = {}, {}, {}
  root.declared = {} -- column -> type
  for i, column in ipairs(reply.Table.StorageDescriptor.Columns) do
    local kind = types.parse(column.Type) or { kind = "string" }
    local quoted = '"' .. column.Name:gsub('"', '""') .. '"'
    names[i], kinds[i] = column.Name, kind
    root.declared[column.Name] = kind
    cells[i] = kind.items and ("json_format(CAST(%s AS JSON))"):format(quoted) or quoted
  end
  if #names == 0 then return nil, sys.error("invalid", ("the table %s.%s has no columns"):format(database, name)) end
  local statement = ('SELECT %s FROM "%s"."%s" LIMIT %d'):format(table.concat(cells, ", "), database, name, most)
  local n = 0
  local done
  local settings = { database = database, output_location = output_location }
  done, err = sql.pages(target, statement, settings, function(_, _, rows)
    for _, row in ipairs(rows) do
      n = n + 1
      local values = {}
      for i, kind in ipairs(kinds) do values[i] = cell_value(row[i], kind) end
      profile.add(root, { kind = "object", names = names, values = values }, ("row %d"):format(n))
    end
  end)
  if not done then return nil, err end
  return n
end

--- A Parquet file: a lake of its own is given the file and a table on it.
local function from_parquet(file, path, most, root)
  local columns = require("kinessis.schema.parquet").columns(file, path)
  local folder, err = sys.temporary_folder()
  if not folder then return nil, err end
  local _ <close> = setmetatable({}, { __close = function() sys.remove_tree(folder) end })
  local lake <close>, failed = require("kinessis.target").open("lake", { data = folder })
  if not lake then return nil, failed end
  local aws = require "kinessis.aws"
  local s3, glue = aws.s3(lake.config), aws.glue(lake.config)
  file:seek "set"
  local made
  made, err = s3:create_bucket { Bucket = "infer" }
  if made then made, err = s3:put_object { Bucket = "infer", Key = "t/file.parquet", Body = file:read "a" } end
  if made then made, err = glue:create_database { DatabaseInput = { Name = "infer" } } end
  if made then
    made, err = glue:create_table { DatabaseName = "infer", TableInput = {
      Name = "t", TableType = "EXTERNAL_TABLE", Parameters = { classification = "parquet" },
      StorageDescriptor = {
        Columns = columns, Location = "s3://infer/t/",
        InputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        OutputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        SerdeInfo = { SerializationLibrary = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe" },
      },
    } }
  end
  if not made then return nil, err end
  return from_table(lake, "infer", "t", most, root, "s3://infer/results/")
end

local by_ending = { jsonl = from_json_lines, ndjson = from_json_lines, json = from_json_lines, csv = from_csv,
  tsv = from_csv, parquet = from_parquet }

-- ---- the script ----

-- A good partition key: the field whose values differ most, text before numbers.
local function partition_key(root)
  local best, score = nil, 0
  for _, name in ipairs(root.names) do
    local field = root.fields[name]
    local kind = next(field.kinds)
    local present = field.seen - field.null
    if (kind == "string" or kind == "number") and present == root.objects then
      local distinct = field.counts and #field.order or present
      local points = distinct * (kind == "string" and field.strings.is.uuid == field.strings.n and 3
        or kind == "string" and not field.times and 2 or 1)
      if points > score then best, score = name, points end
    end
  end
  return best
end

local function word(text)
  local name = text:lower():gsub("[^%l%d]+", "_"):gsub("^_+", ""):gsub("_+$", "")
  return name:find "^%l" and name or "t_" .. name
end

-- The scenario's clock, where a field uses it: records from the first time to the last.
local function clock_lines(clock, count)
  if not clock.start then return "" end
  return ('  start   = "%s",\n  step    = %.9g,\n'):format(sys.iso(clock.start, true),
    (clock.most - clock.start) / math.max(1, count - 1))
end

-- What a column that is a map holds are keys, however few they are.
local function mark_map(p, kind)
  if kind and kind.kind == "map" then p.is_map = true end
  for i, item in ipairs(kind and kind.items or {}) do
    local inner = item.name and p.fields and p.fields[item.name] or kind.kind == "array" and p.items
    if inner then mark_map(inner, kind.kind == "struct" and kind.items[i].type or item) end
  end
end

-- given: column -> the type that it must be told, where the guess has another.
local function write_script(root, count, name, source, whole, given)
  local clock, lines = {}, {}
  for i, field in ipairs(root.names) do
    lines[i] = guess.line(root.fields[field], field, root.objects, clock, "  ", given[field])
  end
  local key = partition_key(root)
  return table.concat {
    ("--- Inferred from %s: %s%s record%s. What was guessed stands above each field.\n"):format(source,
      whole and "" or "the first ", guess.thousands(count), count == 1 and "" or "s"),
    'local kinessis = require "kinessis"\nlocal fake = kinessis.fake\n\n',
    ("local records = kinessis.schema(%s, {\n"):format(guess.quote(name)), table.concat(lines), "})\n\n",
    "return kinessis.scenario {\n  records = records,\n", ("  amount  = %d,\n"):format(count),
    clock_lines(clock, count),
    key and ("  to      = kinessis.stream { name = %s, partition_key = %s },\n"):format(
      guess.quote((name:gsub("[^%w.-]", "-"):sub(1, 128))), guess.quote(key)) or "", "}\n",
  }
end

-- The script; it is run once, to see which types it makes of a table's columns.
local function script_of(root, count, name, source, whole)
  for _, field in ipairs(root.names) do mark_map(root.fields[field], root.declared and root.declared[field]) end
  local text = write_script(root, count, name, source, whole, {})
  local scenario = assert(load(text, "=inferred"))()
  local given = {}
  for _, column in ipairs(scenario.records:columns()) do
    local declared = root.declared and root.declared[column.name]
    if declared and types.glue(declared) ~= column.type then given[column.name] = types.glue(declared) end
  end
  return next(given) and write_script(root, count, name, source, whole, given) or text
end

--- @param source a file (.jsonl, .ndjson, .csv, .tsv, .parquet) or a table (db.name)
--- @param options { samples = records to read, name = of the schema, target = opens the target of a table }
--- @return the text of a scenario; or nil and an error
function infer.run(source, options)
  local ending = source:match "%.(%a+)$"
  local read = ending and by_ending[ending:lower()]
  local root, most = profile.new(), options.samples
  local count, err
  local file, missing = io.open(source, "rb")
  if read and not file then return nil, sys.error("io", missing) end
  if read then
    local _ <close> = file
    local ok, n, problem = pcall(read, file, source, most, root)
    if not ok then return nil, type(n) == "table" and n or error(n, 0) end
    count, err = n, problem
  elseif file then
    file:close()
    return nil, sys.error("invalid", source .. ": the name should end in .jsonl, .ndjson, .csv, .tsv or .parquet")
  else
    local database, name = source:match "^([%w_-]+)%.([%w_-]+)$"
    if not database then
      return nil, sys.error("invalid", ("%s: is neither a file nor a table such as web.clicks"):format(source))
    end
    local target, unreached = options.target()
    if not target then return nil, unreached end
    local _ <close> = target
    count, err = from_table(target, database, name, most, root)
    if not count then err.message = ("%s; nor is there a file %s"):format(err.message:gsub("%.$", ""), source) end
  end
  if not count then return nil, err end
  if count == 0 then return nil, sys.error("invalid", ("%s: there are no records in it"):format(source)) end
  if not root.names or #root.names == 0 then
    return nil, sys.error("invalid", ("%s: its records have no fields"):format(source))
  end
  local base = source:match("([^/]*)$"):gsub("%.%a+$", read and "" or "%0")
  local name = options.name or word(read and base or base:match "[^.]*$")
  local ok, script = pcall(script_of, root, count, name, source:match "[^/]*$", count < most)
  if not ok then
    if type(script) == "table" then script.message = ("%s: %s"):format(source, script.message) end
    return nil, type(script) == "table" and script or error(script, 0)
  end
  return script
end

return infer
