--- The quickstart: ten fake people, from this file to SQL.
---
---     kinessis run scripts/quickstart.lua
---     kinessis query "SELECT status, count(*) FROM person GROUP BY status"
local kinessis = require "kinessis"
local fake, pace = kinessis.fake, kinessis.pace

local person = kinessis.schema("person", {
  { "uuid",       fake.uuid() },
  { "event_date", fake.now() },
  { "status",     fake.one_of { "Active", "Inactive", "Canceled" } },
  { "name",       fake.first_name() },
  { "last_name",  fake.last_name() },
  { "email",      fake.email() },
  { "phone",      fake.integer(900000000, 999999999) },
})

return kinessis.scenario {
  records = person,
  amount  = 10,
  pace    = pace.unlimited(),
  print   = true,
  to      = kinessis.stream { name = "r-d-kinesis-stream", partition_key = "uuid" },
  stack   = kinessis.stack {
    stream = { name = "r-d-kinesis-stream", shards = 1 },
    delivery_stream = { name = "r-d-kinesis-stream-delivery", prefix = "records/person/" },
    bucket = "r-d-kinesis-lake", database = "kinessis", table = "person", workgroup = "kinessis",
  },
}
