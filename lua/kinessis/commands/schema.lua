--- kinessis schema ACTION FILE: what follows from the one schema.
local options = require "kinessis.options"
local report = require "kinessis.report"

local actions = {}

--- The column list as Terraform reads it: terraform/columns.auto.tfvars.json.
function actions.tfvars(schema)
  local lines = {}
  for i, column in ipairs(schema:columns()) do
    lines[i] = ("    { \"name\": %s, \"type\": %s }"):format(report.json_string(column.name),
      report.json_string(column.type))
  end
  return '{\n  "columns": [\n' .. table.concat(lines, ",\n") .. "\n  ]\n}\n"
end

--- The columns as a table.
function actions.show(schema)
  local rows = {}
  for i, column in ipairs(schema:columns()) do rows[i] = { column.name, column.type } end
  return report.table({ "column", "type" }, rows)
end

return {
  description = [[
tfvars  the columns as Terraform's columns.auto.tfvars.json
show    the columns and their types
]],
  arguments = {
    { "ACTION", "tfvars or show", parse = options.choice { "tfvars", "show" } },
    { "FILE", "the scenario" },
  },
  run = function(arguments)
    local scenario, err = require("kinessis.scenario").load(arguments[2])
    if not scenario then return nil, err end
    io.stdout:write(actions[arguments[1]](scenario.records))
    return 0
  end,
}
