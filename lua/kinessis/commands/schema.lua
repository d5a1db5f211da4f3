--- kinessis schema ACTION FILE: what follows from the one schema.
local json = require "kinessis.json"
local options = require "kinessis.options"
local target = require "kinessis.target"

-- The actions on a scenario: each returns the text to print, or nil and an error.
local actions = {}

--- The fields as a table, and five records.
function actions.show(scenario)
  local seed = scenario.seed or 1
  return require("kinessis.schema.show").of(scenario.records, 5,
    { seed = seed, start = scenario.start, step = scenario.step })
end

--- The column list as Terraform reads it: terraform/columns.auto.tfvars.json. Glue keeps names in
--- lower case; written otherwise they would differ at every plan.
function actions.tfvars(scenario)
  local lines = {}
  for i, column in ipairs(scenario.records:columns()) do
    lines[i] = ("    { \"name\": %s, \"type\": %s }"):format(json.string(column.name:lower()),
      json.string(column.type))
  end
  return '{\n  "columns": [\n' .. table.concat(lines, ",\n") .. "\n  ]\n}\n"
end

function actions.ddl(scenario) return require("kinessis.schema.table").ddl(scenario) end
function actions.glue(scenario) return require("kinessis.schema.table").glue(scenario) end

actions["json-schema"] = function(scenario)
  return require("kinessis.schema.json_schema").of(scenario.records)
end

local names = { "show", "ddl", "glue", "tfvars", "json-schema", "check", "infer" }

-- The options that an action takes; given to another they are a mistake.
local own_options = {
  table = { check = true }, samples = { check = true, infer = true }, name = { infer = true },
}

local function refuse_others(action, values)
  for name, owners in pairs(own_options) do
    if values[name] ~= nil and not owners[action] then
      options.usage("--%s does not go with schema %s", name, action)
    end
  end
end

-- The target is opened only when a table is looked up there.
local function open_target(values)
  if values.table then return target.from(values) end
end

--- Prints the findings. @return 1 when there are problems
local function check(path, values)
  local samples = require "kinessis.schema.samples"
  local checks = require "kinessis.schema.check"
  local _ <close> = samples.trap() -- before the script can keep a function of os or math
  local scenario, err = require("kinessis.scenario").load(path)
  if not scenario then return nil, err end
  local where <close>, unreached = open_target(values)
  if unreached then return nil, unreached end
  local result
  result, err = checks.run(scenario, { samples = values.samples or 1000, table = values.table, target = where })
  if not result then return nil, err end
  io.stdout:write(checks.text(result))
  return checks.count(result, "problem") > 0 and 1 or 0
end

--- Prints a scenario made from a file or a table.
local function infer(source, values)
  local text, err = require("kinessis.schema.infer").run(source, {
    samples = values.samples or 10000, name = values.name, target = function() return target.from(values) end,
  })
  if not text then return nil, err end
  io.stdout:write(text)
  return 0
end

return {
  description = [[
  show         the fields, their types and providers, and five records
  ddl          the table as Athena's CREATE EXTERNAL TABLE
  glue         the table as Glue's TableInput, for aws glue create-table
  tfvars       the columns as Terraform's columns.auto.tfvars.json
  json-schema  JSON Schema (2020-12) of the records
  check        what would go wrong on the way to SQL, with remedies;
               exits 1 on problems
  infer        a scenario that makes records like those of a .jsonl, .ndjson,
               .csv, .tsv or .parquet file, or of a table (db.name) of --target
]],
  arguments = {
    { "ACTION", table.concat(names, ", "), parse = options.choice(names) },
    { "FILE", "the scenario; for infer, a file of records or a table" },
  },
  options = {
    { "--table", "DB.NAME", "check: against this table of --target, not the one that a run makes",
      parse = function(text) return require("kinessis.schema.check").parse_table(text) end },
    { "--samples", "N", "how many records to look at (default: check 1000, infer the first 10000)",
      parse = options.integer(1, 1000000) },
    { "--name", "NAME", "infer: the name of the schema (default: the file's or the table's)", parse = options.text },
    table.unpack(target.options),
  },
  run = function(arguments, values)
    local action, path = arguments[1], arguments[2]
    refuse_others(action, values)
    if action == "check" then return check(path, values) end
    if action == "infer" then return infer(path, values) end
    local scenario, err = require("kinessis.scenario").load(path)
    if not scenario then return nil, err end
    local text
    text, err = actions[action](scenario)
    if not text then return nil, err end
    io.stdout:write(text)
    return 0
  end,
}
