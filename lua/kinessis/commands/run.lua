--- kinessis run FILE: records to where the scenario sends them, and the truth about what arrived.
local core = require "kinessis.core.run"
local metrics = require "kinessis.metrics"
local options = require "kinessis.options"
local outcome = require "kinessis.outcome"
local runner = require "kinessis.run"
local sinks = require "kinessis.sinks"
local stack = require "kinessis.stack"
local state = require "kinessis.state"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"
local thresholds = require "kinessis.thresholds"
local told = require "kinessis.summary"

local missed_threshold = 3 -- the exit code where that is all that went wrong

local function log(level, format, ...)
  sys.log(level, format:format(...))
end

--- What --resume goes on from.
--- @return the state, or nil; and an error
local function last_state(path, values, list)
  if not values.resume then return nil end
  for _, name in ipairs { "seed", "amount", "start", "step" } do
    if values[name] then options.usage("--%s does not go with --resume: the run goes on as it began", name) end
  end
  local last, err = state.read(path)
  if not last then return nil, err end
  local ok
  ok, err = state.hand_over(last, list, values.target)
  if not ok then return nil, err end
  return last
end

--- How the run ended: told to people, and as the exit code or an error.
local function conclude(result, list, judged, where)
  local all = told.tell(result, list, judged, result.amount)
  core.told()
  if result.state_error then log("error", "The run's state could not be kept: %s", tostring(result.state_error)) end
  local flushed, flush_error = true, nil
  if where then flushed, flush_error = where:flush() end
  if result.error and not told.tells_error(result, list, result.error) then
    if not flushed then log("error", "%s", tostring(flush_error)) end
    return nil, result.error
  end
  if not flushed then return nil, flush_error end
  if not all or result.error then return 1 end
  for _, one in ipairs(judged) do
    if not one.passed then return missed_threshold end
  end
  return 0
end

--- @param about what kinessis.outcome wants to know
local function go(scenario, values, where, about)
  if where then
    local ok, err = stack.of(scenario):ensure(where, { provision = values.provision })
    if not ok then return nil, err end
  end
  local list = sinks.of(scenario, values, where)
  if #list == 0 then
    return nil, sys.error("script", scenario.path .. ": has neither `to` nor `print`: nowhere to send records")
  end
  if values.json_summary == "-" and sinks.print(list) then
    options.usage("--json-summary -: the records go to stdout, the summary needs a file")
  end
  local state_path = values.state or state.path(scenario.path, values)
  local last, unread = last_state(state_path, values, list)
  if unread then return nil, unread end
  if last and state.place(last).left == 0 then
    log("info", "Nothing is left to do: the run that ended at %s is complete.", last.updated)
    return 0
  end
  local wanted = thresholds.of(scenario.thresholds, values.threshold)
  local result, err = runner.go(scenario, values, {
    announce = "Started data generation.",
    sinks = list,
    format = scenario:format(),
    pace = values.rate_file and runner.rate_of_file(values.rate_file) or values.rate or scenario.pace,
    where = where,
    quiet_terminal = sinks.print(list),
    thresholds = wanted,
    metrics = about.metrics,
    dead_letters = where and (values.dead_letter or state.path(scenario.path, values, ".dead.jsonl")),
    state = not values.dry_run and #scenario.destinations > 0 and state_path or nil,
    resume = last,
    stay = true,
  })
  if not result then return nil, err end
  about.result, about.sinks, about.judged = result, list, thresholds.judge(wanted, result, list)
  return conclude(result, list, about.judged, where)
end

local function reach(scenario, values, about)
  if values.dry_run or not sinks.need_target(scenario) then return go(scenario, values, nil, about) end
  local where, err = target.from(values)
  if not where then return nil, err end
  local _ <close> = where
  return go(scenario, values, where, about)
end

local function run(path, values, about)
  local scenario, err = require("kinessis.scenario").load(path)
  if not scenario then return nil, err end
  if values.quiet then sys.log_level "error" end
  if values.metrics then
    about.metrics, err = metrics.open(values.metrics)
    if not about.metrics then return nil, err end
  end
  local _ <close> = about.metrics
  return reach(scenario, values, about)
end

return {
  description = "The target lake is an embedded Kinesis, Firehose, S3, Glue and Athena: what the scenario needs is\n"
    .. "made there. On AWS nothing is made unless --provision is given. Ctrl-C delivers what was generated\n"
    .. "and stops; a second one stops at once. SIGUSR1 pauses, and goes on. Exits 1 when any record was not\n"
    .. "delivered: kinessis redrive sends those again; 3 when only a threshold was not met. --resume goes on\n"
    .. "after a run that was stopped or killed.\n",
  arguments = { { "FILE", "the scenario" } },
  options = {
    { "--amount", "N", "how many records (default: the scenario's; without any, until Ctrl-C)", short = "-n",
      parse = options.count },
    { "--rate", "R", "instead of the scenario's pace: 500 or 2k/s records, 5MB/s, 80% of what the stream takes",
      parse = runner.rate },
    { "--rate-file", "FILE", "a file with such a rate; SIGUSR2 reads it again", parse = options.text },
    { "--closed", nil, "wait for the sender: what could not be sent in time is not made up for" },
    { "--print", nil, "the records too, on stdout" },
    { "--dry-run", nil, "generate at the scenario's pace, send nothing" },
    { "--drain", "TIME", "how long Ctrl-C lets deliver what was generated (default: 10s)", parse = options.duration },
    { "--dead-letter", "FILE", "for records that cannot be delivered (default: .kinessis/runs/<scenario>.dead.jsonl)",
      parse = options.text },
    { "--resume", nil, "go on with the scenario's last run, however it ended" },
    { "--changed", nil, "with --resume: although the schema is another one now" },
    { "--state", "FILE", "what a run notes for --resume (default: .kinessis/runs/<scenario>.json)",
      parse = options.text },
    { "--threshold", "T", "what the run must come to, besides the scenario's, such as 'p99 < 200ms', 'failed == 0'",
      parse = thresholds.option, many = true },
    { "--json-summary", "FILE", "how the run went and ended, as one JSON document (- for stdout)",
      parse = options.text },
    { "--metrics", "ADDR", "serve them to Prometheus while it runs, at ADDR (127.0.0.1:9464, or :9464) /metrics",
      parse = metrics.parse },
    { "--provision", nil, "make what the scenario's stack lacks, on AWS too" },
    table.unpack(table.move(target.options, 1, #target.options, #runner.options + 1,
      table.move(runner.options, 1, #runner.options, 1, {}))),
  },
  run = function(arguments, values)
    local about = { scenario = arguments[1], target = values.target, started = sys.now() }
    local function begin() return run(arguments[1], values, about) end
    if not values.json_summary then return begin() end
    return outcome.record(values.json_summary, about, begin)
  end,
}
