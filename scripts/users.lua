--- The users of scripts/shop.lua, as a table of their own: record i is user i.
---
---     kinessis generate scripts/users.lua --seed 1 --format csv
local kinessis = require "kinessis"

return kinessis.scenario {
  records = require("shop.people"):schema(),
  amount  = 6000, start = "2022-02-02T15:00:00Z", step = 0.25, -- the clock of the shop
  to      = kinessis.stream { name = "users", partition_key = "email" },
}
