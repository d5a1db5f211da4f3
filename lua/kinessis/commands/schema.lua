--- kinessis schema ACTION FILE: what follows from the one schema.
local options = require "kinessis.options"
local report = require "kinessis.report"

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
    lines[i] = ("    { \"name\": %s, \"type\": %s }"):format(report.json_string(column.name:lower()),
      report.json_string(column.type))
  end
  return '{\n  "columns": [\n' .. table.concat(lines, ",\n") .. "\n  ]\n}\n"
end

function actions.ddl(scenario) return require("kinessis.schema.table").ddl(scenario) end
function actions.glue(scenario) return require("kinessis.schema.table").glue(scenario) end

actions["json-schema"] = function(scenario)
  return require("kinessis.schema.json_schema").of(scenario.records)
end

local names = { "show", "ddl", "glue", "tfvars", "json-schema" }

return {
  description = [[
show         the fields, their types and providers, and five records
ddl          the table as Athena's CREATE EXTERNAL TABLE
glue         the table as Glue's TableInput: aws glue create-table --table-input file://...
tfvars       the columns as Terraform's columns.auto.tfvars.json
json-schema  JSON Schema (2020-12) of the records
]],
  arguments = {
    { "ACTION", table.concat(names, ", "), parse = options.choice(names) },
    { "FILE", "the scenario" },
  },
  run = function(arguments)
    local scenario, err = require("kinessis.scenario").load(arguments[2])
    if not scenario then return nil, err end
    local text
    text, err = actions[arguments[1]](scenario)
    if not text then return nil, err end
    io.stdout:write(text)
    return 0
  end,
}
