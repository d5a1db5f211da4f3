--- The commands, in the order in which help shows them. Each is a module kinessis.commands.<name>,
--- loaded when it is named:
---
---     return {
---       arguments = {...}, options = {...},   -- kinessis.options explains them
---       description = "more than one line, for help",
---       run = function(arguments, options)
---         return 0                            -- the exit code; or nil and an error
---       end,
---     }
local commands = {
  { "demo", "show the journey on this machine: script, stream, Parquet, SQL" },
  { "run", "generate records and send them to a stream" },
  { "redrive", "send records again that could not be delivered" },
  { "generate", "write records to stdout or a file, without a network" },
  { "repl", "interactive Lua with the whole library loaded" },
  { "preview", "tell a run's throttling, requests and cost, without sending" },
  { "tail", "print the records of a stream as they come" },
  { "verify", "prove what arrived: lost, duplicated, altered records" },
  { "query", "run SQL through Athena and print the result" },
  { "schema", "show, check or infer a schema; DDL, Glue, Terraform, JSON Schema" },
  { "whoami", "show which credentials, region and endpoints are used" },
  { "lake", "serve Kinesis, Firehose, S3, Glue and Athena on this machine" },
  { "lua", "run a plain Lua file with the library at hand" },
  { "help", "explain a command" },
}

--- @return the names, in order
function commands.names()
  local names = {}
  for i, row in ipairs(commands) do names[i] = row[1] end
  return names
end

--- @return the command's module and its one-line summary, or nil when there is no such command
function commands.find(name)
  for _, row in ipairs(commands) do
    if row[1] == name then return require("kinessis.commands." .. name), row[2] end
  end
  return nil
end

return commands
