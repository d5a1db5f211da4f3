--- kinessis run FILE: records to where the scenario sends them, and the truth about what arrived.
local options = require "kinessis.options"
local pace = require "kinessis.pace"
local runner = require "kinessis.run"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local count = runner.count

local function log(level, format, ...)
  sys.log(level, format:format(...))
end

local function rate(text)
  local read = options.range(0)
  local value, expected = read(text)
  if not value or value <= 0 then return nil, expected and "records per second, a number above 0" end
  return value
end

--- The stream's sink, then the copy on stdout.
local function sinks_of(scenario, values, where)
  local to, sinks = scenario.to, {}
  if where then
    sinks[1] = {
      kind = to.service,
      name = to.name,
      aws = where.config,
      no_newline = to.newline == false,
      max_records = to.max_records,
      max_bytes = to.max_bytes,
      linger_ms = to.linger_ms,
      requests_in_flight = to.requests_in_flight,
    }
  elseif values.dry_run then
    sinks[1] = { kind = "null" }
  end
  if values.print or scenario.print then sinks[#sinks + 1] = { kind = "text" } end
  return sinks
end

--- 1234.5 -> "1,234", 0.5 -> "0.5"
local function show_rate(records, seconds)
  local value = records / math.max(seconds, 1e-3)
  return value > 0 and value < 10 and ("%.1f"):format(value) or count(value // 1)
end

--- How the run ended, in log lines. What is not certain to have arrived is never called delivered.
--- @return whether every record that was generated was delivered
local function tell(summary, where, label)
  local sent = summary.sinks[1]
  -- Records that a closed stdout did not take were not wanted.
  local lost = where and summary.generated - sent.delivered or sent.failed
  if summary.abandoned then
    log("warning", "Stopped at once: %s messages were on their way and may or may not have arrived.", count(lost))
  elseif summary.stopped and not summary.error then
    log("info", "Stopped before the end.")
  end
  log("info", "%d messages delivered to %s.", sent.delivered, label)
  log("info", "%s generated, %s delivered, %s retried, %s failed in %.2f s (%s records/s).", count(summary.generated),
    count(sent.delivered), count(sent.retried), count(lost), summary.seconds,
    show_rate(sent.delivered, summary.seconds))
  if sent.throttled > 0 then log("warning", "%s sends were throttled.", count(sent.throttled)) end
  if lost > 0 then
    log("error", "%s of %s messages were not delivered%s", count(lost), count(summary.generated),
      sent.first_error and ": " .. tostring(sent.first_error) or ".")
    if where and (sent.first_error or {}).aws_code == "ResourceNotFoundException" then
      log("info", "The stack of a scenario is made by terraform (terraform/), or by --provision.")
    end
  end
  return lost == 0
end

local function go(scenario, values, where)
  if where then
    local ok, err = stack.of(scenario):ensure(where, { provision = values.provision })
    if not ok then return nil, err end
  end
  local sinks = sinks_of(scenario, values, where)
  if #sinks == 0 then
    return nil, sys.error("script", scenario.path .. ": has neither `to` nor `print`: nowhere to send records")
  end
  local summary, err = runner.go(scenario, values, {
    announce = "Started data generation.",
    sinks = sinks,
    due = (values.rate and pace.rate(values.rate) or scenario.pace).start(),
    quiet_terminal = sinks[#sinks].kind == "text",
  })
  if not summary then return nil, err end
  local all = tell(summary, where, where and scenario.to.label or values.dry_run and "nowhere" or "stdout")
  local flushed, flush_error = true, nil
  if where then flushed, flush_error = where:flush() end
  local first = summary.sinks[1].first_error
  if summary.error and tostring(summary.error) ~= tostring(first) then -- not told yet
    if not flushed then log("error", "%s", tostring(flush_error)) end
    return nil, summary.error
  end
  if not flushed then return nil, flush_error end
  return all and not summary.error and 0 or 1
end

return {
  description = "The target lake is an embedded Kinesis, Firehose, S3, Glue and Athena: what the scenario needs is\n"
    .. "made there. On AWS nothing is made unless --provision is given. Ctrl-C delivers what was generated\n"
    .. "and stops; a second one stops at once. Exits 1 when any record was not delivered.\n",
  arguments = { { "FILE", "the scenario" } },
  options = {
    { "--amount", "N", "how many records (default: the scenario's; without any, until Ctrl-C)", short = "-n",
      parse = options.count },
    { "--rate", "R", "records per second, instead of the scenario's pace", parse = rate },
    { "--print", nil, "the records too, on stdout" },
    { "--dry-run", nil, "generate at the scenario's pace, send nothing" },
    { "--provision", nil, "make what the scenario's stack lacks, on AWS too" },
    table.unpack(table.move(target.options, 1, #target.options, #runner.options + 1,
      table.move(runner.options, 1, #runner.options, 1, {}))),
  },
  run = function(arguments, values)
    local scenario, err = require("kinessis.scenario").load(arguments[1])
    if not scenario then return nil, err end
    if values.quiet then sys.log_level "error" end
    if not scenario.to or values.dry_run then return go(scenario, values, nil) end
    local where
    where, err = target.from(values)
    if not where then return nil, err end
    local _ <close> = where
    return go(scenario, values, where)
  end,
}
