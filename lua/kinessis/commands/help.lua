--- kinessis help [COMMAND], kinessis help fake [NAME]
local commands = require "kinessis.commands"
local options = require "kinessis.options"

local help = {
  arguments = {
    { "COMMAND", "the command to explain; `fake` for the providers of values", optional = true },
    { "NAME", "after `fake`: the provider to explain", optional = true },
  },
}

--- The list of commands: what `kinessis` without a command prints.
function help.overview()
  local out = { "usage: kinessis COMMAND [OPTIONS] [ARGUMENTS]\n\ncommands:\n" }
  for _, row in ipairs(commands) do out[#out + 1] = options.describe(row[1], row[2], 10) end
  out[#out + 1] = [[

'kinessis help COMMAND' explains one; 'kinessis help fake' lists the providers
of values; 'kinessis --version' prints the version.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a threshold was not met.
]]
  return table.concat(out)
end

local function explain_provider(name)
  local document = require "kinessis.fake.document"
  if not name then
    io.stdout:write(document.list())
    return 0
  end
  local text, names = document.explain(name)
  if not text then options.usage("unknown provider '%s'%s", name, options.did_you_mean(name, names)) end
  io.stdout:write(text)
  return 0
end

function help.run(arguments)
  local name = arguments[1]
  if not name then
    io.stdout:write(help.overview())
    return 0
  end
  if name == "fake" or name:match "^fake%." then return explain_provider(arguments[2] or name:match "^fake%.(.*)$") end
  if arguments[2] then options.usage("unexpected argument '%s'", arguments[2]) end
  local command, summary = commands.find(name)
  if not command then
    options.usage("unknown command '%s'%s", name, options.did_you_mean(name, commands.names()))
  end
  io.stdout:write(options.explain(name, summary, command))
  return 0
end

return help
