--- A Kinesis stream to send to.
---
---     to = kinessis.stream { name = "clicks", partition_key = "user_id" }
---
--- The value of the field partition_key (1 to 256 characters) chooses a record's shard. What is sent
--- in one PutRecords request can be lowered from the service's limits:
--- max_records (500), max_bytes (5 MiB; 10 MiB where the server allows it), linger_ms (100: how long a
--- record waits for others), requests_in_flight (4 per worker).
local check = require "kinessis.check"

local rules = {
  name = { check.text("^[%w_.-]+$", 128, "a stream name: 1 to 128 of a-z A-Z 0-9 _ . -"),
    required = "the stream's name" },
  partition_key = { check.string, required = "the name of the field whose value chooses the shard" },
  max_records = { check.integer(1, 500) },
  max_bytes = { check.integer(1024, 10 << 20) },
  linger_ms = { check.integer(1, 60000) },
  requests_in_flight = { check.integer(1, 64) },
}

return function(given)
  check("stream", given, rules, 3)
  local stream = { kind = "stream", service = "kinesis", label = "Kinesis" }
  for key, value in pairs(given) do stream[key] = value end
  return stream
end
