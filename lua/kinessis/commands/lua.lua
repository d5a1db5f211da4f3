--- kinessis lua FILE [ARGS...]: a plain Lua file, with the library at hand and modules beside it.
local sys = require "kinessis.core.sys"

return {
  plain = true, -- options after FILE are the script's
  arguments = {
    { "FILE", "the Lua file" },
    { "ARGS", "passed to it as ...", optional = true, many = true },
  },
  run = function(arguments)
    local file = arguments[1]
    local folder = file:match("^(.*)/[^/]*$") or "."
    package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
    local chunk, message = loadfile(file)
    if not chunk then return nil, sys.error("script", message) end
    chunk(table.unpack(arguments, 2))
    return 0
  end,
}
