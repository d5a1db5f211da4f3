--- A pace written in Lua: page views that swell and ebb twice a minute, with a burst at every full one.
---
---     kinessis run scripts/wave.lua                        (Ctrl-C ends it)
---     kinessis run scripts/wave.lua --amount 5000 --dry-run
---
--- The function is asked how many records per second are due, so many seconds after the start.
local kinessis = require "kinessis"
local fake = kinessis.fake

local view = kinessis.schema("view", {
  { "view_id",   fake.uuid() },
  { "viewed_at", fake.now() },
  { "visitor",   fake.first_name() },
  { "status",    fake.one_of { 200, 301, 404 } },
})

local function pace(seconds)
  if seconds % 60 < 1 then return 2000 end
  return 200 + 150 * math.sin(2 * math.pi * seconds / 30)
end

return kinessis.scenario {
  records = view,
  pace    = pace,
  to      = kinessis.stream { name = "views", partition_key = "view_id" },
}
