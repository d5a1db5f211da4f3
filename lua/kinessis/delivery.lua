--- A delivery: a scenario's records sent to its destinations, from the options to how it ended: the target and what
--- must exist there, the dead-letter file, the state file and what a run goes on from, thresholds, the summary. It is
--- what `kinessis run` and kinessis.start share; between open and conclude each of them lets kinessis.run go.
---
---     local job <close> = assert(delivery.open(scenario, values, about))
---     local code, err = job:conclude(assert(runner.go(scenario, values, job.with)))
local core = require "kinessis.core.run"
local metrics = require "kinessis.metrics"
local options = require "kinessis.options"
local runner = require "kinessis.run"
local sinks = require "kinessis.sinks"
local stack = require "kinessis.stack"
local state = require "kinessis.state"
local summary = require "kinessis.summary"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"
local thresholds = require "kinessis.thresholds"

local delivery = {}

delivery.options = {
  { "--amount", "N", "how many records (default: the scenario's; without any, until Ctrl-C)", short = "-n",
    parse = options.count },
  { "--rate", "R", "instead of the scenario's pace: 500 or 2k/s records, 5MB/s, 80% of what the stream takes",
    parse = runner.rate },
  { "--rate-file", "FILE", "a file with such a rate; SIGUSR2 reads it again", parse = options.file },
  { "--closed", nil, "wait for the sender: what could not be sent in time is not made up for" },
  { "--print", nil, "the records too, on stdout" },
  { "--dry-run", nil, "generate at the scenario's pace, send nothing" },
  { "--drain", "TIME", "how long Ctrl-C lets deliver what was generated (default: 10s)", parse = options.duration },
  { "--dead-letter", "FILE", "for records that cannot be delivered (default: .kinessis/runs/<scenario>.dead.jsonl)",
    parse = options.file },
  { "--resume", nil, "go on with the scenario's last run, however it ended" },
  { "--changed", nil, "with --resume: although the schema is another one now" },
  { "--state", "FILE", "what a run notes for --resume (default: .kinessis/runs/<scenario>.json)",
    parse = options.file },
  { "--threshold", "T", "what the run must come to, besides the scenario's, such as 'p99 < 200ms', 'failed == 0', "
    .. "'delivery_lag < 5s'",
    parse = thresholds.option, many = true },
  { "--json-summary", "FILE", "how the run went and ended, as one JSON document (- for stdout)",
    parse = options.file },
  { "--metrics", "ADDR", "serve them to Prometheus while it runs, at ADDR (127.0.0.1:9464, or :9464) /metrics",
    parse = metrics.parse },
  { "--provision", nil, "make what the scenario's stack lacks, on AWS too" },
  table.unpack(table.move(target.options, 1, #target.options, #runner.options + 1,
    table.move(runner.options, 1, #runner.options, 1, {}))),
}

local missed_threshold = 3 -- the exit code where that is all that went wrong

local function log(level, format, ...)
  sys.log(level, format:format(...))
end

local Delivery = { __name = "kinessis.delivery" }
Delivery.__index = Delivery

--- Of a scenario that a script made, which has no file: a word to call its files by.
local function name_of(scenario)
  return scenario.path or scenario.records.name:gsub("[^%w_.-]", "_")
end

-- The state file that is asked for, or that a scenario's file has.
local function state_path(scenario, values)
  if values.state then return values.state end
  if scenario.path then return state.path(scenario.path, values) end
  if values.resume then options.usage "resume: which run? The scenario is of no file: give the state file, too" end
  return nil
end

-- Before anything is made: what cannot go with --resume, or without.
local function check_resume(values)
  if values.changed and not values.resume then options.usage "--changed goes with --resume" end
  for _, name in ipairs(values.resume and { "seed", "amount", "start", "step" } or {}) do
    if values[name] then options.usage("--%s does not go with --resume: the run goes on as it began", name) end
  end
end

--- What the run goes on from.
--- @return the state, or nil; and an error
local function last_state(path, values, list)
  if not values.resume then return nil end
  local last, err = state.read(path)
  if not last then return nil, err end
  local ok
  ok, err = state.hand_over(last, list, values.target)
  if not ok then return nil, err end
  return last
end

-- The lock of a state file, as other names of the file find it, too; or nil and an error.
local function claim(path)
  local real = sys.real_path(path)
  local lock
  local ok, err = sys.mkdirs(real:match "^(.+)/[^/]*$" or ".")
  if ok then lock, err = sys.lock(real .. ".lock") end
  if lock then return lock end
  if err.code ~= "state" then return nil, sys.error(err.code, "the run's state cannot be kept: " .. tostring(err)) end
  return nil, sys.error("state", path .. ": a run that lasts keeps its state there: wait until it is over, or give "
    .. "this one another state file")
end

-- Claims the state file until the delivery is closed, in this process and among all.
-- @return true, also where a run goes without one, as nobody asked for it; or nil and an error
local function keep_state(self, path)
  local values = self.values
  if not path or values.dry_run or #self.scenario.destinations == 0 then return true end
  local lock, err = claim(path)
  if lock then
    self.state, self.lock = path, lock
    return true
  end
  if values.state or values.resume then return nil, err end
  log("warning", "This run cannot be resumed: %s.", tostring(err))
  return true
end

local function reach(self)
  local scenario, values = self.scenario, self.values
  if values.dry_run or not sinks.need_target(scenario) then return true end
  local where, err = target.from(values)
  if not where then return nil, err end
  self.where = where
  return stack.of(scenario):ensure(where, { provision = values.provision })
end

local function prepare(self)
  local scenario, values = self.scenario, self.values
  check_resume(values)
  if values.metrics then
    local page, problem = metrics.open(values.metrics)
    if not page then return nil, problem end
    self.metrics = page
  end
  local ok, err = reach(self)
  if not ok then return nil, err end
  self.list = sinks.of(scenario, values, self.where)
  if #self.list == 0 then
    return nil, sys.error("script", ("%shas neither `to` nor `print`: nowhere to send records")
      :format(scenario.path and scenario.path .. ": " or "the scenario "))
  end
  if values.json_summary == "-" and sinks.print(self.list) then
    options.usage("--json-summary -: the records go to stdout, the summary needs a file")
  end
  local path = state_path(scenario, values)
  ok, err = keep_state(self, path) -- before it is read: nobody writes it any more
  if not ok then return nil, err end
  local last, unread = last_state(path, values, self.list)
  if unread then return nil, unread end
  self.wanted = thresholds.of(scenario.thresholds, values.threshold)
  self.last = last
  self.with = {
    sinks = self.list,
    format = scenario:format(),
    pace = values.rate_file and runner.rate_of_file(values.rate_file) or values.rate or scenario.pace,
    where = self.where,
    quiet_terminal = sinks.print(self.list),
    thresholds = self.wanted,
    metrics = self.metrics,
    dead_letters = self.where and (values.dead_letter or state.path(name_of(scenario), values, ".dead.jsonl")),
    state = self.state,
    resume = last,
  }
  return true
end

--- Reaches the target, makes what the stack lacks, reads what the run goes on from.
--- @param values of delivery.options; target is not nil
--- @param about what kinessis.outcome wants to know; conclude() fills it in
--- @return the delivery, to be closed: with = for kinessis.run, list = its sinks; or nil and an error
function delivery.open(scenario, values, about)
  local self = setmetatable({ scenario = scenario, values = values, about = about }, Delivery)
  local opened
  local _ <close> = setmetatable({}, { __close = function()
    if not opened then self:close() end
  end })
  local ok, err = prepare(self)
  if not ok then return nil, err end
  opened = true
  return self
end

--- @return whether nothing is left to do of the run that was to go on
function Delivery:complete()
  return self.last ~= nil and state.place(self.last).left == 0
end

--- Says so.
function Delivery:tell_complete()
  log("info", "Nothing is left to do: the run that ended at %s is complete.", self.last.updated)
end

--- How the run ended: told to people, and as the exit code or an error.
--- @param result the summary of kinessis.run
function Delivery:conclude(result)
  local about, list = self.about, self.list
  if self:complete() and not result.error then
    about.judged = {}
    return 0 -- nothing was done, nothing is to be told or judged
  end
  local judged = thresholds.judge(self.wanted, result, list)
  about.result, about.sinks, about.judged = result, list, judged
  local all = summary.tell(result, list, judged, result.amount)
  core.told()
  if result.state_error then log("error", "The run's state could not be kept: %s", tostring(result.state_error)) end
  local flushed, flush_error = true, nil
  if self.where then flushed, flush_error = self.where:flush() end
  if result.error and not summary.tells_error(result, list, result.error) then
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

--- Idempotent.
function Delivery:close()
  local where, page = self.where, self.metrics
  self.where, self.metrics = nil, nil
  if self.lock then self.lock:close() end
  self.lock = nil
  if page then page.close() end
  if where then where:close() end
end

Delivery.__close = Delivery.close

return delivery
