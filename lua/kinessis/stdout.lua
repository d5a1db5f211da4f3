--- Standard output, one record a line: to = kinessis.stdout {}, or kinessis.stdout { format = "csv" } (which
--- all destinations of the scenario must share). Closing it (| head) ends the run well.
local check = require "kinessis.check"

local function is_format(value)
  if value ~= "json" and value ~= "csv" then
    return ("'json' or 'csv' is expected, not %s"):format(check.show(value))
  end
end

return function(given)
  check("stdout", given or {}, { format = { is_format } }, 3)
  return { kind = "stdout", service = "stdout", label = "stdout", name = "stdout", format = given and given.format }
end
