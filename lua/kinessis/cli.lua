--- The command line: finds the command, reads its options, runs it.
local sys = require "kinessis.core.sys"

local cli = {}

--- @param argv the words after the program's name
--- @return the exit code: 0 done, 1 failed, 2 usage
function cli.main(argv)
  if argv[1] == "--version" then
    print("kinessis " .. sys.version)
    return 0
  end
  if argv[1] == "lua" then
    assert(loadfile(argv[2]))(table.unpack(argv, 3))
    return 0
  end
  io.stderr:write("usage: kinessis COMMAND\n")
  return 2
end

return cli
