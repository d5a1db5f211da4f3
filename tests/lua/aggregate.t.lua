-- Aggregated records in scripts.
local tap = dofile "tests/lua/tap.lua"
local aws = require("kinessis").aws

local records = {
  { data = "one", partition_key = "abcd" },
  { data = "t\0o", partition_key = "b", explicit_hash_key = "340282366920938463463374607431768211455" },
  { data = "", partition_key = "abcd" },
}
local outer = aws.aggregate(records)
tap.is(outer.partition_key, "a", "the outer partition key")
tap.is(outer.explicit_hash_key, "301716283811389038011477436469853762335", "the outer hash key is the first record's")
tap.is(outer.data:sub(1, 4), "\xF3\x89\x9A\xC2", "the data is an aggregate")
local back, aggregated = aws.deaggregate(outer.data)
tap.ok(aggregated, "it says so")
tap.is(#back, #records, "every record comes back")
for i, record in ipairs(records) do
  for _, name in ipairs { "data", "partition_key", "explicit_hash_key" } do
    tap.is(back[i][name], record[name], ("record %d: %s"):format(i, name))
  end
end

local single = aws.aggregate { records[2] }
tap.is(single.data, records[2].data, "one record stays as it is")
tap.is(single.partition_key, "b", "... with its key")
tap.is(single.explicit_hash_key, records[2].explicit_hash_key, "... and its hash key")

back, aggregated = aws.deaggregate "plain"
tap.ok(not aggregated and #back == 1 and back[1].data == "plain" and back[1].partition_key == nil,
  "what is not aggregated is one record")

tap.raises(function() aws.aggregate {} end, "an aggregate without records", "none raises")
tap.raises(function() aws.aggregate { "x" } end, "aggregate record 1: expected a table, got string", "a text raises")
tap.raises(function() aws.aggregate { records[1], { data = "x" } } end,
  "aggregate record 2: partition_key: expected a string, got nil", "a missing key raises")
tap.raises(function() aws.aggregate { { data = "x", partition_key = "k", explicit_hash_key = "1e9" } } end,
  "aggregate record 1: the explicit hash key '1e9' is not a decimal number below 2^128", "a wrong hash key raises")
tap.done()
