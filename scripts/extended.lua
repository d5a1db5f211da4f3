--- An extended schema: the quickstart's person with two more fields, one of them from a module of one's
--- own beside this file (scripts/fields/loyalty.lua). Nothing is recompiled.
---
---     kinessis generate scripts/extended.lua -n 5
local kinessis = require "kinessis"
local fake = kinessis.fake
local loyalty = require "fields.loyalty"

local person = {
  { "uuid",       fake.uuid() },
  { "event_date", fake.now() },
  { "status",     fake.one_of { "Active", "Inactive", "Canceled" } },
  { "name",       fake.first_name() },
  { "last_name",  fake.last_name() },
  { "email",      fake.email() },
  { "phone",      fake.integer(900000000, 999999999) },
}

person[#person + 1] = { "newsletter", fake.one_of { true, false } }
person[#person + 1] = { "loyalty", loyalty.card() }

return kinessis.scenario {
  records = kinessis.schema("member", person),
  amount  = 1000,
  to      = kinessis.stream { name = "members", partition_key = "uuid" },
}
