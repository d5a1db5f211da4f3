--- The Glue table of a scenario, as text: CREATE EXTERNAL TABLE for Athena, TableInput for Glue. Both
--- are written from provision.table_input, so they say what `kinessis run` creates.
local json = require "kinessis.json"
local provision = require "kinessis.provision"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"

local glue_table = {}

--- @return the stack and its TableInput; or nil and an error when the stack ends at the stream
local function input_of(scenario)
  if #scenario.destinations == 0 and not (scenario.stack and scenario.stack.stream and scenario.stack.stream.name) then
    return nil, sys.error("script", "the scenario has no `to`: its table's name and place follow from the stream")
  end
  local whole = stack.of(scenario)
  if not whole.delivery_stream then
    return nil, sys.error("script", "the stack has no delivery stream: it ends at the stream, without a table")
  end
  return whole, provision.table_input(whole)
end

glue_table.input_of = input_of

-- ---- DDL ----

local function identifier(name) return "`" .. name:gsub("`", "``") .. "`" end
local function literal(text) return "'" .. text:gsub("[\\']", "\\%0") .. "'" end -- as Hive quotes

local function column_lines(columns)
  local lines = {}
  for i, column in ipairs(columns) do lines[i] = "  " .. identifier(column.Name) .. " " .. column.Type end
  return table.concat(lines, ",\n")
end

local function property_lines(properties, skip)
  local names, lines = {}, {}
  for name in pairs(properties) do
    if name ~= skip then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do lines[i] = ("  %s = %s"):format(literal(name), literal(properties[name])) end
  return table.concat(lines, ",\n")
end

--- CREATE EXTERNAL TABLE as Athena reads it. EXTERNAL = TRUE is what the statement says itself.
function glue_table.ddl(scenario)
  local whole, input = input_of(scenario)
  if not whole then return nil, input end
  local storage = input.StorageDescriptor
  return table.concat {
    "CREATE EXTERNAL TABLE ", identifier(whole.database), ".", identifier(input.Name), " (\n",
    column_lines(storage.Columns), "\n)\n",
    "PARTITIONED BY (\n", column_lines(input.PartitionKeys), "\n)\n",
    "ROW FORMAT SERDE ", literal(storage.SerdeInfo.SerializationLibrary), "\n",
    "WITH SERDEPROPERTIES (\n", property_lines(storage.SerdeInfo.Parameters), "\n)\n",
    "STORED AS INPUTFORMAT ", literal(storage.InputFormat), "\n",
    "OUTPUTFORMAT ", literal(storage.OutputFormat), "\n",
    "LOCATION ", literal(storage.Location), "\n",
    "TBLPROPERTIES (\n", property_lines(input.Parameters, "EXTERNAL"), "\n);\n",
  }
end

-- ---- TableInput ----

-- A table as json.write takes it, its members by name. Lists are those with a first element.
local function ordered(value)
  if type(value) ~= "table" then return value end
  local out = {}
  if value[1] ~= nil then
    for i, item in ipairs(value) do out[i] = ordered(item) end
    return json.list(out)
  end
  for name, inner in pairs(value) do out[#out + 1] = { name, ordered(inner) } end
  table.sort(out, function(a, b) return a[1] < b[1] end)
  return out
end

--- The TableInput of Glue's CreateTable, as JSON.
function glue_table.glue(scenario)
  local whole, input = input_of(scenario)
  if not whole then return nil, input end
  return json.write(ordered(input))
end

return glue_table
