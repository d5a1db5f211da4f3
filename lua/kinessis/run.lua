--- What `kinessis run` and `kinessis generate` share: their options, the seed, the call into
--- kinessis.core.run.
local capacity = require "kinessis.capacity"
local function_code = require "kinessis.function_code"
local options = require "kinessis.options"
local pace = require "kinessis.pace"
local progress = require "kinessis.progress"
local show = require "kinessis.show"
local state = require "kinessis.state"
local sys = require "kinessis.core.sys"
local unit = require "kinessis.pace.unit"

local run = {}

-- "2/8" -> { number = 2, of = 8 }
local function part(text)
  local number, of = text:match("^(%d+)/(%d+)$")
  number, of = number and math.tointeger(tonumber(number)), of and math.tointeger(tonumber(of))
  if not number or not of or number < 1 or number > of then
    return nil, "a part such as 2/8, the second of eight"
  end
  return { number = number, of = of }
end

-- As a scenario's `start` is.
local function clock_start(text)
  local seconds = options.time(text)
  if not seconds or seconds < 0 then
    return nil, "an ISO 8601 date or time from 1970 on, such as 2022-02-02T15:17:07Z"
  end
  return seconds
end

run.options = {
  { "--seed", "S", "the same seed makes the same records (default: the scenario's, else one at random)",
    parse = options.count },
  { "--start", "TIME", "a simulated clock that starts then: record i happens i steps later", parse = clock_start },
  { "--step", "TIME", "of the simulated clock (default: the scenario's, else 1ms)", parse = options.duration },
  { "--part", "K/N", "only the K-th of N parts: after one another they are the whole", parse = part },
  { "--workers", "W", "threads (default: one per processor)", parse = options.integer(1, 64) },
  { "--progress", "HOW", "auto (what fits the terminal, the default), panel, line, log (a line every 10s; log:1m), "
    .. "none",
    parse = progress.parse },
  { "--quiet", nil, "print only errors", short = "-q" },
}

--- Reads an option's rate: a pace of so many records, bytes or percent of the stream's capacity per second.
function run.rate(text)
  local read = pace.of(text)
  if not read then return nil, "a rate: " .. unit.expected end
  return read
end

local function log(format, ...)
  sys.log("info", format:format(...))
end

-- Where part k of n parts of the amount ends, without overflow.
local function part_end(amount, k, n)
  return amount // n * k + amount % n * k // n
end

-- A step without a clock would be ignored.
local function check_clock(scenario, values)
  if values.step and not (values.start or scenario.start) then
    return nil, sys.error("usage", "--step is of the simulated clock, and there is none, as the scenario has no start: "
      .. "give --start TIME too, such as --start 2022-02-02T15:17:07Z")
  end
  return true
end

-- What the run keeps of a pace: all of it, or its part.
local function share_of_pace(given, values)
  local chosen = values.part
  return chosen and given:part(chosen.number, chosen.of) or given
end

--- The index of the first record, and how many, by --from, the amount and --part.
--- @return nil and an error when there is no amount to take a part of
local function share_of_records(scenario, values, first)
  local amount, chosen = values.amount or scenario.amount, values.part
  if not chosen then return first, amount end
  if not amount then
    return nil, sys.error("usage", "--part needs an amount: the scenario has none, give --amount")
  end
  if not (values.seed or scenario.seed) then
    return nil, sys.error("usage", "--part needs a seed: parts of different seeds are no whole, give --seed")
  end
  local before = part_end(amount, chosen.number - 1, chosen.of)
  return first + before, part_end(amount, chosen.number, chosen.of) - before
end

local function pick_seed(scenario, values, in_script)
  local seed = values.seed or scenario.seed
  if not seed then
    seed = math.random(0) & 0xffffffff
    local option = in_script and "seed = " or "--seed "
    log("Seed %d, picked at random: %s%d makes the same records again.", seed, option, seed)
  end
  return seed
end

-- Some sink asks for values that the plan keeps.
local function has_keys(sinks)
  for _, sink in ipairs(sinks) do
    if sink.partition_key or sink.explicit_hash_key then return true end
  end
  return false
end

-- What a run goes on from: told, and put into the place of what the options say.
local function take_up(read, values)
  local place = state.place(read)
  local twice = place.doubtful > 0 and (": up to %s may arrive twice"):format(show.count(place.doubtful)) or ""
  if place.left ~= 0 then
    log("Going on at record %s%s%s.", show.count(place.at - read.first),
      read.amount and " of " .. show.count(read.amount) or "", twice)
  end
  values.start, values.step = read.clock_start, read.clock_step
  return place.at, place.left
end

--- A pace from the file of --rate-file: a rate, as --rate takes it.
--- @return nil and what is wrong
local function read_rate(path)
  local file, why = io.open(path)
  if not file then return nil, why end
  local text = file:read "l" or ""
  file:close()
  local read = pace.of(text:match "^%s*(.-)%s*$")
  if not read then return nil, ("%s: '%s' is no rate: %s"):format(path, text, unit.expected) end
  return read
end

--- What signals ask for: told, and done where it is not the run's.
local function control_of(values, context)
  local function reload()
    if not values.rate_file then return nil, "there is no --rate-file to read" end
    local read, wrong = read_rate(values.rate_file)
    if not read then return nil, wrong end
    local started, due = pcall(share_of_pace(read, values).start, context)
    if not started then return nil, tostring(due) end
    log("The pace is %s from now on.", read.name)
    return due
  end
  return function(what)
    if what == "paused" then
      log("Paused; another SIGUSR1 goes on.")
    elseif what == "resumed" then
      log("Going on.")
    else
      local due, wrong = reload()
      if not due then sys.log("warning", "The pace is as before: " .. wrong) end
      return due
    end
  end
end

-- What is told while it runs: to people, to who asks for metrics, to a script.
-- @return a function of the status, nil where nobody is told; and what is drawn on the terminal, or nil
local function watch(scenario, values, amount, with)
  local shown = progress.open(values.progress, { amount = amount, sinks = with.sinks, thresholds = with.thresholds,
    printed = with.quiet_terminal, quiet = values.quiet })
  if not shown and not with.metrics and not with.watch then return nil end
  local about = { scenario = scenario.path or scenario.records.name, sinks = with.sinks }
  return function(status)
    if shown and not (with.hidden and shown.live and with.hidden()) then shown.draw(status) end
    if with.metrics then with.metrics.watch(status, about) end
    if with.watch then with.watch(status) end
  end, shown
end

--- The run of a scenario, as kinessis.core.run takes it.
--- @param values of run.options and --amount
--- @param with { sinks = of kinessis.core.run, first = index, pace = to keep, where = the target, announce = text,
---   format = of the plan, dead_letters = file, state = path of the state file (nil: none), whose folder exists,
---   resume = the state to go on from (kinessis.state);
---   quiet_terminal = records are printed on stdout: nothing is drawn where that is a terminal,
---   in_script = the caller writes options as a script does, not as a command line,
---   thresholds = to be shown (kinessis.thresholds), metrics = who asks for them (kinessis.metrics), watch = a function
---   of each status, hidden = a function: whether the terminal is somebody else's now }
--- @return the table; the context of its pace (kinessis.pace); what is drawn (kinessis.progress), or nil; or nil and an
---   error
function run.prepare(scenario, values, with)
  if with.resume then values.seed = with.resume.seed end
  local clock, problem = check_clock(scenario, with.resume and {} or values) -- a state has its clock
  if not clock then return nil, problem end
  local first, amount = share_of_records(scenario, values, with.first or 0)
  if not first then return nil, amount end
  local plan = scenario:plan(with.format, has_keys(with.sinks))
  local last = with.resume
  local fingerprint = (last or with.state) and plan:fingerprint(function_code.of(plan:scripts()))
  if last and last.fingerprint ~= fingerprint and not values.changed then
    return nil, sys.error("state", ("%sthe schema has changed since the run began, or a function that it calls: what "
      .. "is left would be other records (--changed goes on all the same)"):format(
        scenario.path and scenario.path .. ": " or ""))
  end
  local asked = { first = last and last.first or first, amount = last and last.amount or amount }
  if last then first, amount = take_up(last, values) end
  local seed = pick_seed(scenario, values, with.in_script)
  for _, sink in ipairs(with.sinks) do
    if sink.stem then sink.stem = ("%s%d-"):format(sink.stem, seed) end
  end
  local context = capacity.of(scenario, seed, with.where)
  local due = with.pace and share_of_pace(with.pace, values).start(context)
  if with.announce then sys.log("info", with.announce) end
  io.stdout:flush() -- what the script printed comes before the records
  local told, shown = watch(scenario, values, amount, with)
  return {
    progress = told,
    plan = plan,
    format = with.format,
    path = scenario.path,
    sinks = with.sinks,
    seed = seed,
    first = first,
    amount = amount,
    workers = values.workers,
    clock_start = values.start or scenario.start,
    clock_step = values.step or scenario.step,
    disorder = scenario.disorder,
    due = due,
    closed = (values.closed or scenario.model == "closed") and with.pace ~= nil,
    control = control_of(values, context),
    drain = values.drain,
    state = with.state and { path = with.state, head = state.head {
      scenario = scenario.path, fingerprint = fingerprint, seed = seed, first = asked.first, amount = asked.amount,
      clock_start = values.start or scenario.start, clock_step = values.step or scenario.step,
      target = values.target, part = values.part, started = last and last.started,
    } },
    dead_letters = with.dead_letters,
    target = values.target,
  }, context, shown
end

--- Adds to a summary what was run.
function run.describe(summary, config)
  summary.seed, summary.first, summary.amount = config.seed, config.first, config.amount
  return summary
end

--- Runs the scenario.
--- @param with of run.prepare; and stay = signals are listened to until the program ends, so that none keeps it from
---   telling the summary
--- @return the summary of kinessis.core.run, and its seed, first and amount; or nil and an error
function run.go(scenario, values, with)
  if values.quiet then sys.log_level "error" end
  local config, err, shown = run.prepare(scenario, values, with)
  if not config then return nil, err end
  local _ <close> = setmetatable({}, { __close = function() if shown then shown.clear() end end })
  config.stay = with.stay
  local summary
  summary, err = require("kinessis.core.run").go(config)
  if not summary then return nil, err end
  return run.describe(summary, config)
end

--- The file of --rate-file, where there is one already.
--- @return its pace, or nil; raises what is wrong with it
function run.rate_of_file(path)
  local file, why = io.open(path)
  if not file then
    sys.log("warning", ("No rate yet: %s. The scenario's pace counts until SIGUSR2 reads the file."):format(why))
    return nil
  end
  file:close()
  local read, wrong = read_rate(path)
  if not read then error(sys.error("usage", wrong), 0) end
  return read
end

return run
