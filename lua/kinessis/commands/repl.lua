--- kinessis repl [FILE]
local target = require "kinessis.target"

return {
  description = [[
The library's parts are globals (fake, pace, schema, ...), FILE's value is `script`, the last value is `_`.
Tab completes, Ctrl-C stops a running chunk, Ctrl-D leaves, .help lists the commands.
]],
  arguments = { { "FILE", "a scenario to load first", optional = true } },
  options = target.options,
  run = function(arguments, options)
    return require("kinessis.repl").run(arguments[1], options)
  end,
}
