--- The users of the shop, for scripts/shop.lua and scripts/users.lua.
local kinessis = require "kinessis"
local fake = kinessis.fake

return kinessis.population("users", 5000, {
  { "name",       fake.first_name() },
  { "last_name",  fake.last_name() },
  { "email",      fake.email() },
  { "registered", fake.now() },
}, { every = 200, lives = { 100000, 2000000 } }) -- in records: one more every 200, gone after 100,000 or later
