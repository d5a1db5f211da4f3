--- The command line: finds the command, reads its options, runs it, says what went wrong.
local sys = require "kinessis.core.sys"

local cli = {}

local exit_codes = { usage = 2 } -- by the error's code; others are 1

local function complain(text, hint)
  io.stderr:write("kinessis: ", text, "\n", hint or "")
end

local function dispatch(name, argv)
  local options = require "kinessis.options"
  local commands = require "kinessis.commands"
  if name == "--help" or name == "-h" then name = "help" end
  local command, summary = commands.find(name)
  if not command then
    local nearest = options.did_you_mean(name, { "--version", table.unpack(commands.names()) })
    if not name:find "^%-" then options.usage("unknown command '%s'%s", name, nearest) end
    options.usage("unknown option %s%s; a command's options stand after the command", name, nearest)
  end
  local arguments, values = options.parse(command, table.move(argv, 2, #argv, 1, {}))
  if values.help then
    io.stdout:write(options.explain(name, summary, command))
    return 0
  end
  return command.run(arguments, values)
end

--- @param argv the words after the program's name
--- @return the exit code: 0 done, 1 failed, 2 usage
function cli.main(argv)
  local name = argv[1]
  if name == "--version" then
    print("kinessis " .. sys.version)
    return 0
  end
  if not name then
    io.stderr:write(require("kinessis.commands.help").overview())
    return 2
  end
  local ok, code, err = xpcall(dispatch, sys.traceback, name, argv)
  if not ok then code, err = nil, code end
  if err ~= nil then
    code = type(err) == "table" and exit_codes[err.code] or 1
    local hint = code == 2 and ("Try 'kinessis help%s'.\n"):format(
      name ~= "help" and package.loaded["kinessis.commands." .. name] and " " .. name or "")
    complain(tostring(err), hint)
  end
  local flushed, reason, gone = sys.flush()
  if not flushed and not gone then -- a reader that leaves has what it wanted
    complain(tostring(reason))
    return 1
  end
  return code or 0
end

return cli
