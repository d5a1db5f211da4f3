--- Standard output, one record a line: to = kinessis.stdout {}, or kinessis.stdout { format = "csv" } (which
--- all destinations of the scenario must share). Closing it (| head) ends the run well.
local check = require "kinessis.check"

local rules = {
  format = { check.choice("json", "csv") },
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  given = given or {}
  check("stdout", given, rules, 3)
  return { kind = "stdout", service = "stdout", label = "stdout", name = "stdout", format = given.format,
    pace = given.pace }
end
