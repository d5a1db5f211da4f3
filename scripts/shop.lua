--- A shop: users who come and go, their visits as ordered events, orders that refer to both.
---
---     kinessis generate scripts/shop.lua -n 20 --seed 1
---
--- user_id is a key of the table that scripts/users.lua makes with the same seed.
local kinessis = require "kinessis"
local fake = kinessis.fake
local users = require "shop.people"

local buyer = users:pick { zipf = 1.1 } -- few of them make most visits

local visits = kinessis.sessions("visit", {
  steps = {
    { "view",     { view = 0.5, cart = 0.2 } },
    { "cart",     { view = 0.3, purchase = 0.4 } },
    { "purchase" },
  },
  fields = {
    { "user_id", buyer:id() },
    { "email",   buyer:attribute("email") },
    { "device",  fake.weighted { phone = 6, desktop = 3, tablet = 1 } },
  },
})

return kinessis.scenario {
  records = kinessis.schema("shop_event", {
    { "session",  visits:id() },
    { "position", visits:position() },
    { "happened", fake.now() },
    { "event",    visits:step() },
    { "user_id",  visits:attribute("user_id") },
    { "email",    visits:attribute("email") },
    { "device",   visits:attribute("device") },
    { "order_id", visits:when("purchase", fake.uuid()) },
    { "amount",   visits:when({ "cart", "purchase" }, fake.decimal(1, 200)) },
  }),
  amount = 1000, start = "2022-02-02T15:00:00Z", step = 0.25,
  to     = kinessis.stream { name = "shop", partition_key = "session" },
}
