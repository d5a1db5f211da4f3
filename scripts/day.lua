--- A shop's day in ten minutes: visitors come at random, most of them in the evening, with a newsletter's
--- burst every three hours.
---
---     kinessis run scripts/day.lua                        (Ctrl-C ends it)
---     kinessis run scripts/day.lua --amount 5000 --dry-run
---
--- docs/pacing.md explains paces.
local kinessis = require "kinessis"
local fake, pace = kinessis.fake, kinessis.pace

local visit = kinessis.schema("visit", {
  { "visit_id",   fake.uuid() },
  { "visited_at", fake.now() },
  { "visitor",    fake.email() },
  { "page",       fake.one_of { "home", "product", "cart", "checkout" } },
})

local hour = 600 / 24
local day = pace.diurnal { peak = 400, trough = 0.1, peak_hour = 20, start_hour = 6, day = 24 * hour }
local newsletter = pace.burst { peak = 1000, every = 3 * hour, lasts = 2 }

return kinessis.scenario {
  records = visit,
  pace    = pace.poisson(day + newsletter),
  to      = kinessis.stream { name = "visits", partition_key = "visit_id" },
}
