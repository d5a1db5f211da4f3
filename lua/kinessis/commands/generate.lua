--- kinessis generate FILE: records to stdout or a file, without a network and without a pace.
local options = require "kinessis.options"
local runner = require "kinessis.run"

return {
  description = "Record i depends on the seed and on i only: the output is the same for any number of workers,\n"
    .. "--from continues where another output ended, and the parts of --part K/N make the whole. Only the\n"
    .. "wall clock is not repeatable: with --start records happen on a simulated clock.\n",
  arguments = { { "FILE", "the scenario" } },
  options = {
    { "--amount", "N", "how many records (default: the scenario's; without any, no end)", short = "-n",
      parse = options.count },
    { "--from", "I", "the index of the first record", parse = options.count, default = 0 },
    { "--format", "F", "json (JSON lines, the default) or csv", parse = options.choice { "json", "csv" } },
    { "--no-header", nil, "no line of names before the rows of CSV; later parts have none in any case" },
    { "--out", "FILE", "where to write (default: -, which is stdout)", parse = options.text },
    table.unpack(runner.options),
  },
  run = function(arguments, values)
    if values.no_header and values.format ~= "csv" then options.usage "--no-header goes with --format csv" end
    local scenario, err = require("kinessis.scenario").load(arguments[1])
    if not scenario then return nil, err end
    local path = values.out ~= "-" and values.out or nil
    local later = values.part and values.part.number > 1
    local header = values.format == "csv" and not values.no_header and not later
    local summary
    summary, err = runner.go(scenario, values, {
      first = values.from,
      format = values.format,
      sinks = { { kind = "text", path = path, header = header and scenario.records:csv_header() or nil } },
      quiet_terminal = not path,
    })
    if not summary then return nil, err end
    if summary.error then return nil, summary.error end
    return 0
  end,
}
