-- What the end of a run says of its pace.
local tap = dofile "tests/lua/tap.lua"
local summary = require "kinessis.summary"
local sys = require "kinessis.core.sys"

local list = { { service = "kinesis", label = "Kinesis", name = "clicks" } }

-- The line about the pace of a run of 36,000 records that were due within 12 seconds.
local function pace_line(change)
  local result = {
    seconds = change.seconds, asked = 3000, due = 36000, generated = 36000,
    behind = { seconds = change.behind or 0, most = change.behind or 0, records = 0, waited = 0 },
    sinks = { { generated = 36000, delivered = 36000, retried = 0, failed = 0, uncertain = 0, throttled = 0,
      latency = { count = 36000, mean = 1, p50 = 0.1, p90 = 0.2, p99 = change.p99, p999 = change.p99,
        max = change.p99 } } },
  }
  local log, found = sys.log, nil
  sys.log = function(level, text)
    if text:find "^The pace" then found = level .. ": " .. text end
  end
  local ok, err = pcall(summary.tell, result, list)
  sys.log = log
  assert(ok, err)
  return found
end

tap.is(pace_line { seconds = 12.1, p99 = 0.2 }, "info: The pace was kept: 3,000 records/s were asked for.", "kept")
tap.is(pace_line { seconds = 17.2, p99 = 6.5 }, "warning: The pace was kept in making records, not in delivering them: "
  .. "asked for 3,000 records/s, took 2,093/s, up to 6.5 s after they were due.", "a stream that is slower")
tap.is(pace_line { seconds = 17.2, p99 = 0.2 }, "info: The pace was kept: 3,000 records/s were asked for.",
  "a run that was paused")
tap.like(pace_line { seconds = 17.2, p99 = 6.5, behind = 5 }, "The pace was not kept: asked for 3,000 records/s",
  "records that were made late")
tap.done()
