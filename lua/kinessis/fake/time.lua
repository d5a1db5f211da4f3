--- Time.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local time = {}

local formats = {
  iso = { op = "now", type = "timestamp", text = true },
  epoch = { op = "now_seconds", type = "bigint" },
  epoch_ms = { op = "now_ms", type = "bigint" },
}

--- now(format = "iso"): when the record is made. "iso": 2022-02-02T15:17:07.123Z, which Firehose reads
--- as a timestamp; "epoch": seconds since 1970; "epoch_ms": milliseconds. With a simulated clock it is
--- the time that this clock gives to the record, so that the same seed gives the same bytes.
function time.now(format)
  if format == nil then format = "iso" end
  local found = formats[format]
  if not found then
    provider.refuse('the format must be "iso", "epoch" or "epoch_ms", not %s', blame.show(format))
  end
  return { op = found.op, type = found.type, text = found.text }
end

return time
