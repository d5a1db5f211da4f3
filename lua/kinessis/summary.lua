--- The end of a run, told to people.
local count = require("kinessis.run").count
local sys = require "kinessis.core.sys"

local summary = {}

local function log(level, format, ...)
  sys.log(level, format:format(...))
end

--- 1234.5 -> "1,234", 0.5 -> "0.5"
local function show_rate(records, seconds)
  local value = records / math.max(seconds, 1e-3)
  return value > 0 and value < 10 and ("%.1f"):format(value) or count(value // 1)
end

--- How the run ended, in log lines. What is not certain to have arrived is never called delivered.
--- @param result of kinessis.core.run
--- @param where the target, nil where nothing was sent
--- @param label what the records were delivered to
--- @return whether every record that was generated was delivered
function summary.tell(result, where, label)
  local sent = result.sinks[1]
  -- Records that a closed stdout did not take were not wanted.
  local lost = where and result.generated - sent.delivered or sent.failed
  if result.abandoned then
    log("warning", "Stopped at once: %s messages were on their way and may or may not have arrived.", count(lost))
  elseif result.stopped and not result.error then
    log("info", "Stopped before the end.")
  end
  log("info", "%d messages delivered to %s.", sent.delivered, label)
  log("info", "%s generated, %s delivered, %s retried, %s failed in %.2f s (%s records/s).", count(result.generated),
    count(sent.delivered), count(sent.retried), count(lost), result.seconds,
    show_rate(sent.delivered, result.seconds))
  if sent.throttled > 0 then log("warning", "%s sends were throttled.", count(sent.throttled)) end
  if lost > 0 then
    log("error", "%s of %s messages were not delivered%s", count(lost), count(result.generated),
      sent.first_error and ": " .. tostring(sent.first_error) or ".")
    if where and (sent.first_error or {}).aws_code == "ResourceNotFoundException" then
      log("info", "The stack of a scenario is made by terraform (terraform/), or by --provision.")
    end
  end
  return lost == 0
end

return summary
