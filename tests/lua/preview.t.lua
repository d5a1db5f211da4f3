-- kinessis.preview: what is reckoned from a sample and a pace, against figures worked out by hand.
local kinessis = require "kinessis"
local preview = require "kinessis.preview"
local tap = dofile "tests/lua/tap.lua"
local fake, pace = kinessis.fake, kinessis.pace

local function near(actual, expected, tolerance, name)
  tap.ok(math.abs(actual - expected) <= tolerance, ("%s: %s is about %s"):format(name, actual, expected))
end

local function scenario_with(key)
  return kinessis.scenario {
    records = kinessis.schema("p", { { "id", fake.uuid() }, { "name", "x" } }),
    to = kinessis.stream { name = "s", partition_key = key },
  }
end

local function sample(key, shards)
  local scenario = scenario_with(key)
  return assert(preview.sample(scenario, scenario.to, { samples = 4000, shards = shards }))
end

-- Records are {"id":"...36...","name":"x"}: 56 bytes, and 36 of the key.
local even = sample("id", 4)
tap.is(even.bytes, 92.0, "bytes with the key")
for i, shard in ipairs(even.shards) do near(shard.records, 0.25, 0.04, "share of shard " .. i) end

-- MD5("x") is 9dd4e461268c8034f5c8564e155c67a6: 0x9d of 0x100 lies in the third of four shards.
local one = sample("name", 4)
tap.is(one.shards[3].records, 1.0, "a constant key goes to one shard")
tap.is(math.floor(preview.capacity(one, {}, preview.shard_limits) + 0.5), 1000, "which is all that the stream takes")
local loads = preview.loads(one, {}, 1500, preview.shard_limits)
tap.is(loads[3].load, 1.5, "its load")
tap.is(loads[1].load, 0.0, "another's")

local wide = { bytes = 100000, largest = 100000, records = 1, shards = { { records = 1, bytes = 1 } } }
near(preview.capacity(wide, {}, preview.shard_limits), 10.48576, 1e-9, "bytes bind before records do")

-- ---- the pace ----

local rates = preview.rates(pace.rate(250), nil)
tap.is(rates.mean, 250.0, "a rate's mean")
tap.is(rates.peak, 250.0, "and peak")
rates = preview.rates(pace.of(function(seconds) return seconds < 10 and 100 or 0 end), nil)
near(rates.mean, 1000 / 3600, 1e-6, "an hour's mean")
near(rates.peak, 100, 1e-6, "a peak")
rates = preview.rates(pace.rate(1000), 500)
near(rates.mean, 1000, 1e-6, "of less than a second")
tap.is(preview.rates(pace.unlimited(), 5), nil, "no limit")

tap.is(preview.batch(even, {}, 1e6), 500, "a request is full")
tap.is(preview.batch(even, { linger_ms = 1000 }, 20), 20.0, "or has waited")
tap.is(preview.batch(even, {}, 1), 1, "or is alone")
local large = { bytes = 1 << 20 }
tap.is(preview.batch(large, { service = "kinesis" }, 1e6), 5.0, "or has its bytes: 5 MiB of a stream")
tap.is(preview.batch(large, { service = "firehose" }, 1e6), 4.0, "4 MiB of a delivery stream")
tap.is(preview.batch(large, { service = "kinesis", max_bytes = 2 << 20 }, 1e6), 2.0, "or what is given")

-- An aggregate of 50 KiB holds 556 records of 92 bytes: bytes bind, not the 1,000 records.
local together = { aggregate = true }
near(preview.aggregate(even, together, 1e6), 51200 / 92, 1e-6, "an aggregate that is full")
near(preview.aggregate(even, together, 400), 10, 1e-6, "or has waited")
tap.ok(preview.capacity(one, together, preview.shard_limits) > 11000, "one shard takes more records together")

-- ---- prices ----

local prices = assert(preview.prices())
local bill = preview.bill(wide, 10, { to = {}, shards = 2 }, prices)
near(bill[1].cost, 2 * prices.kinesis.shard_hour, 1e-12, "shard hours")
near(bill[2].amount, 10 * 3600 * 4 / 1e6, 1e-12, "100,000 bytes are four payload units")

local path = os.tmpname()
local function own(text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return preview.prices(path)
end
tap.is(assert(own "return { kinesis = { shard_hour = 1 } }").kinesis.shard_hour, 1, "a price of one's own")
tap.is(assert(own "return { kinesis = { shard_hour = 1 } }").firehose.gb, prices.firehose.gb, "the others stay")
for _, case in ipairs {
  { "return 7", "a table of prices is expected, not number" },
  { "return { kinesis = { shard_our = 1 } }", "there is no price kinesis.shard_our" },
  { "return { kinesis = { shard_hour = '1' } }", "kinesis.shard_hour is a string, not a number" },
  { "return { s3 = { gb_month = -1 } }", "a number from 0 up is expected" },
} do
  local _, problem = own(case[1])
  tap.ok(problem and problem:find(case[2], 1, true), case[2])
end
os.remove(path)

tap.done()
