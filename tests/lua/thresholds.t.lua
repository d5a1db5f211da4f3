-- Thresholds: what can be said, what is refused and how, what is judged.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local thresholds = require "kinessis.thresholds"

local function sent(counts)
  local out = { generated = 1000, delivered = 990, failed = 10, retried = 3, throttled = 5, uncertain = 0,
    maybe_twice = 0, requests = 4, bytes = 1e5 // 1, delivery_lag = 1.5,
    latency = { count = 990, mean = 0.02, p50 = 0.01, p90 = 0.05, p99 = 0.18, p999 = 0.3, max = 0.5 } }
  for name, value in pairs(counts or {}) do out[name] = value end
  return out
end

local function judge(texts, sinks, list)
  local behind = { seconds = 0.25, most = 3, records = 0, waited = 0 }
  local result = { seconds = 2, behind = behind, sinks = sinks or { sent() } }
  return thresholds.judge(thresholds.of(texts), result, list or { {}, {} })
end

-- ---- judged ----

for _, row in ipairs {
  { "p99 < 200ms", true, "180 ms" }, { "p99 < 0.18s", false, "180 ms" }, { "p99<=0.18s", true, "180 ms" },
  { "p50 >= 10000us", true, "10 ms" }, { "p99.9 < 1m", true, "300 ms" }, { "max < 500 ms", false, "500 ms" },
  { "mean < 1h", true, "20 ms" }, { "p90 != 50ms", false, "50 ms" },
  { "failed == 0", false, "10" }, { "failed <= 1%", true, "1.00 %" }, { "failed < 1%", false, "1.00 %" },
  { "delivered >= 1k", false, "990" }, { "delivered > 98.5 %", true, "99 %" }, { "throttled < 1%", true, "0.50 %" },
  { "rate > 494", true, "495/s" }, { "rate > 0.5k/s", false, "495/s" }, { "bytes == 100k", true, "100,000" },
  { "behind < 1s", true, "250 ms" }, { "most_behind < 1s", false, "3.0 s" }, { "seconds < 1m", true, "2.0 s" },
  { "delivery_lag < 2s", true, "1.5 s" }, { "delivery_lag <= 1s", false, "1.5 s" },
} do
  local one = judge({ row[1] })[1]
  tap.ok(one.passed == row[2] and one.shown == row[3], row[1], one.passed, one.shown)
end

local nothing = sent { generated = 0, delivered = 0, failed = 0,
  latency = { count = 0, mean = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0 } }
local judged = judge({ "p99 < 1s", "delivered >= 99%", "failed == 0" }, { nothing })
tap.ok(not judged[1].passed and judged[1].shown == "nothing was delivered", "no latency meets no threshold",
  judged[1].shown)
tap.ok(not judged[2].passed and judged[2].shown == "nothing was generated", "nor a share of nothing", judged[2].shown)
tap.ok(judged[3].passed, "but nothing has failed")

-- ---- several destinations ----

local two = { sent { failed = 0 }, sent { failed = 7, latency = { count = 1, p99 = 0.01 } } }
judged = judge({ "failed == 0", "p99 < 200ms", "delivered > 10" }, two)
tap.ok(not judged[1].passed and judged[1].sink == 2, "every destination must meet it: the one that fails is told")
tap.ok(judged[2].passed and judged[2].sink == 1, "when all meet it, the nearest to failing")
judged = judge({ "failed == 0" }, two, { {}, { copy = true } })
tap.ok(judged[1].passed, "a copy on stdout is not judged")

-- ---- refused ----

for _, row in ipairs {
  { "p99 < 200", "200 of what? A time needs a unit: us, ms, s, m or h" },
  { "p99 < 2 days", "'days' is no unit of time" },
  { "p99 < fast", "'fast' is not a time" },
  { "p95 < 1s", "no metric is called p95 (did you mean p90?)" },
  { "delivred > 1", "(did you mean delivered?)" },
  { "zzzzzzzz > 1", "no metric is called zzzzzzzz: there are behind, bytes, delivered," },
  { "failed = 0", "= does not compare: there are <, <=, >, >=, == and !=" },
  { "failed == many", "'many' is not a number of records" },
  { "failed == -1", "'-1' is not a number of records" },
  { "bytes < 5%", "'5%' is not a number" },
  { "rate > 5MB/s", "'5MB' is not records per second" },
  { "failed ==", "a value is missing after ==" },
  { "failed", "METRIC OP VALUE is expected" },
  { "", "METRIC OP VALUE is expected" },
} do
  local read, problem = thresholds.read(row[1])
  tap.ok(not read, ("'%s' is refused"):format(row[1]))
  tap.like(problem, row[2], "and told why")
end

local function scenario(list)
  return kinessis.scenario { records = kinessis.schema("n", { { "n", 1 } }), print = true, thresholds = list }
end
tap.raises(function() return (scenario { "failed == 0", "p99 < 3" }) end,
  "scenario.thresholds[2]: 'p99 < 3': 3 of what?", "a scenario's mistake names its place")
tap.raises(function() return (scenario { 5 }) end, "scenario.thresholds[1]: a text", "not a text")
tap.raises(function() return (scenario { p99 = "200ms" }) end, "without names", "not a list")
tap.raises(function() return (scenario "p99 < 1s") end, "scenario.thresholds: a list", "one text is no list")
tap.ok(scenario { "failed == 0" }, "a scenario may have them")
tap.done()
