--- A file to write records to, in the order of their index whatever the number of workers.
---
---     to = kinessis.file { path = "people.jsonl" }
---     to = kinessis.file { path = "people.csv.gz", format = "csv", gzip = true }
---
--- A run begins the file anew. gzip is on by itself where the path ends in .gz. With format = "csv" (which
--- all destinations of the scenario must share) the file begins with a line of names. It is not rotated: one file holds
--- the run.
local check = require "kinessis.check"

local rules = {
  path = { check.text("^[^\0]+$", 4000, "a path"), required = "where to write" },
  format = { check.choice("json", "csv") },
  gzip = { check.boolean },
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  check("file", given, rules, 3)
  local file = { kind = "file", service = "file", label = "file" }
  for key, value in pairs(given) do file[key] = value end
  file.name = file.path
  if file.gzip == nil then file.gzip = file.path:find "%.gz$" ~= nil end
  return file
end
