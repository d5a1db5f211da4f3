--- A Firehose delivery stream to send to directly (PutRecordBatch).
---
---     to = kinessis.delivery_stream { name = "clicks-to-s3" }
---
--- Firehose joins records as they are, so each is ended with a newline unless newline = false. What is
--- sent in one request can be lowered from the service's limits: max_records (500), max_bytes (4 MiB),
--- linger_ms (100), requests_in_flight (4 per worker).
local check = require "kinessis.check"

local rules = {
  name = { check.text("^[%w_.-]+$", 64, "a delivery stream name: 1 to 64 of a-z A-Z 0-9 _ . -"),
    required = "the delivery stream's name" },
  newline = { check.boolean },
  aggregate = { function()
    return "Firehose takes aggregates apart only when it reads a stream: send to kinessis.stream, or leave this out"
  end },
  max_records = { check.integer(1, 500) },
  max_bytes = { check.integer(1024, 4 << 20) },
  linger_ms = { check.integer(1, 60000) },
  requests_in_flight = { check.integer(1, 64) },
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  check("delivery_stream", given, rules, 3)
  local stream = { kind = "delivery_stream", service = "firehose", label = "Firehose" }
  for key, value in pairs(given) do stream[key] = value end
  return stream
end
