--- The quickstart with one field as a Lua function, for the benchmarks.
local kinessis = require "kinessis"
local fake = kinessis.fake

return kinessis.scenario {
  records = kinessis.schema("person", {
    { "uuid",       fake.uuid() },
    { "event_date", fake.now() },
    { "status",     fake.one_of { "Active", "Inactive", "Canceled" } },
    { "name",       fake.first_name() },
    { "last_name",  fake.last_name() },
    { "email",      fake.email() },
    { "phone",      function(ctx) return 900000000 + ctx.random(0, 99999999) end, type = "int" },
  }),
  amount  = 1000000,
  to      = kinessis.stream { name = "r-d-kinesis-stream", partition_key = "uuid" },
}
