--- A Kinesis stream to send to.
---
---     to = kinessis.stream { name = "clicks", partition_key = "user_id" }
---
--- partition_key (1 to 256 characters) chooses a record's shard: the value of a field, by its name; or a
--- value that is not part of the record: fake.uuid() (random), fake.constant "x" (all to one shard), or a
--- function(ctx), as a field's. explicit_hash_key, a number below 2^128 in decimal digits, is of the same
--- forms, and chooses the shard instead.
---
--- What is sent in one PutRecords request can be lowered from the service's limits:
--- max_records (500), max_bytes (5 MiB; 10 MiB where the server allows it), linger_ms (100: how long a
--- record waits for others), requests_in_flight (4 per worker). max_record_bytes (1 MiB) is of one record;
--- a stream whose MaxRecordSize was raised takes up to 10 MiB.
---
--- aggregate = true puts records that go to one shard together, in the Kinesis Producer Library's format,
--- in aggregates of aggregate_bytes (50 KiB) at most: a shard takes 1,000 of those a second, too. Who reads
--- the stream takes them apart: Firehose, `kinessis tail`, the Kinesis Client Library, Lambda with the
--- library for it. It needs the permission kinesis:ListShards.
local check = require "kinessis.check"
local provider = require "kinessis.fake.provider"

-- What it is made of is checked with the schema (kinessis.keys).
local function is_key(value)
  if type(value) ~= "string" and type(value) ~= "function" and not provider.is(value) then
    return "the name of a field, a provider of kinessis.fake or a function(ctx) is expected, not " .. check.show(value)
  end
end

local rules = {
  name = { check.text("^[%w_.-]+$", 128, "a stream name: 1 to 128 of a-z A-Z 0-9 _ . -"),
    required = "the stream's name" },
  partition_key = { is_key, required = "the name of the field whose value chooses the shard" },
  explicit_hash_key = { is_key },
  aggregate = { check.boolean },
  aggregate_bytes = { check.integer(1024, 1 << 20) },
  max_records = { check.integer(1, 500) },
  max_bytes = { check.integer(1024, 10 << 20) },
  max_record_bytes = { check.integer(1024, 10 << 20) },
  linger_ms = { check.integer(1, 60000) },
  requests_in_flight = { check.integer(1, 64) },
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  check("stream", given, rules, 3)
  if given.aggregate_bytes and not given.aggregate then
    check.raise("stream.aggregate_bytes: has a meaning only with aggregate = true", 3)
  end
  if given.max_record_bytes and given.max_bytes and given.max_record_bytes > given.max_bytes then
    check.raise("stream.max_record_bytes: no request of max_bytes can hold such a record", 3)
  end
  local stream = { kind = "stream", service = "kinesis", label = "Kinesis" }
  for key, value in pairs(given) do stream[key] = value end
  return stream
end
