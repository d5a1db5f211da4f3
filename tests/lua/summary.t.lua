-- What the end of a run says of its pace.
local tap = dofile "tests/lua/tap.lua"
local summary = require "kinessis.summary"
local sys = require "kinessis.core.sys"

local list = { { service = "kinesis", label = "Kinesis", name = "clicks" } }

-- The last line that summary.tell logs and that fits.
local function line_of(pattern, ...)
  local log, found = sys.log, nil
  sys.log = function(level, text)
    if text:find(pattern) then found = level .. ": " .. text end
  end
  local ok, err = pcall(summary.tell, ...)
  sys.log = log
  assert(ok, err)
  return found
end

-- The line about the pace of a run of 36,000 records that were due within 12 seconds.
local function pace_line(change)
  local result = {
    seconds = change.seconds, asked = 3000, due = 36000, generated = 36000,
    behind = { seconds = change.behind or 0, most = change.behind or 0, records = 0, waited = 0 },
    sinks = { { generated = 36000, delivered = 36000, retried = 0, failed = 0, uncertain = 0, throttled = 0,
      latency = { count = 36000, mean = 1, p50 = 0.1, p90 = 0.2, p99 = change.p99, p999 = change.p99,
        max = change.p99 },
      delivery_lag = change.lag or 0 } },
  }
  return line_of("^The pace", result, list)
end

tap.is(pace_line { seconds = 12.1, p99 = 0.2 }, "info: The pace was kept: 3,000 records/s were asked for.", "kept")
tap.is(pace_line { seconds = 17.2, p99 = 6.5, lag = 5.1 },
  "warning: The pace was kept in making records, not in delivering them: "
  .. "asked for 3,000 records/s, took 2,093/s, the last 5.1 s late.", "a stream that is slower")
tap.is(pace_line { seconds = 17.2, p99 = 0.2 }, "info: The pace was kept: 3,000 records/s were asked for.",
  "a run that was paused")
tap.like(pace_line { seconds = 17.2, p99 = 6.5, behind = 5, lag = 5.1 },
  "The pace was not kept: asked for 3,000 records/s", "records that were made late")

-- A run that an error ended after it had made so many of 20,000 records.
local function unmade_line(made, err)
  local latency = { count = 0 }
  return line_of("never made", { seconds = 1, generated = 1, made = made, error = err, sinks = {
    { generated = 1, delivered = 0, retried = 0, failed = 1, uncertain = 0, throttled = 0, latency = latency,
      first_error = err } } }, list, nil, 20000)
end
tap.is(unmade_line(1, { code = "aws" }), "error: 19,999 of 20,000 records were never made: the error ended the run.",
  "what an error kept from being made")
tap.is(unmade_line(20000, { code = "aws" }), nil, "nothing, where all were made")
tap.is(unmade_line(1, nil), nil, "nor where no error ended the run")
tap.done()
