--- Time.
local provider = require "kinessis.fake.provider"

local time = {}

local formats = {
  iso = { op = "now", type = "timestamp", text = true },
  epoch = { op = "now_seconds", type = "bigint" },
  epoch_ms = { op = "now_ms", type = "bigint" },
}

time.now = {
  'when the record is made. "iso": 2022-02-02T15:17:07.123Z, which Firehose reads as a timestamp; "epoch": seconds '
    .. 'since 1970; "epoch_ms": milliseconds. With a simulated clock it is the time that this clock gives to the '
    .. "record, so that the same seed gives the same bytes",
  arguments = { { "format", "choice", "iso", of = { "iso", "epoch", "epoch_ms" } } },
  type = "timestamp, bigint",
  example = "fake.now()", shows = '^"[%d-]+T[%d:.]+Z"$',
  make = function(format)
    local found = formats[format]
    return { op = found.op, type = found.type, text = found.text }
  end,
}

return time
