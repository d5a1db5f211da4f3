--- kinessis lua FILE [ARGS...]: a plain Lua file, with the library at hand and modules beside it.
local sys = require "kinessis.core.sys"

-- A run that the script leaves behind delivers what it made, and tells how it ended.
local function stop_runs()
  local start = package.loaded["kinessis.start"]
  if start then start.stop "The script is over and its run is not: it is stopped. run:wait() waits for its end." end
end

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
    local _ <close> = setmetatable({}, { __close = stop_runs })
    chunk(table.unpack(arguments, 2))
    return 0
  end,
}
