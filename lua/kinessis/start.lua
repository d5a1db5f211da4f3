--- A run in the background of the REPL or of a script, which can be changed while it lasts.
---
---     local run = kinessis.start(script, { rate = 100, target = "lake" })  -- or nil and an error
---     run:rate(500)      run:rate "80%"     another pace from now on, of any form that a scenario may give
---     run:pause()        run:resume()       what would have been due meanwhile is not
---     run:status()                          numbers: kinessis.core.run
---     run:stop()                            delivers what was made; a second time waits for nothing
---     run:wait()         run:wait(5)        until it is over, or so long -> the summary when it is
---
--- It takes the options of `kinessis run`, by their names, and does with them the same (kinessis.delivery). A value may
--- be a text, as on the command line, or a Lua value; of threshold a list; progress may be a function of the status.
--- The summary is as status(), and has seed, first, amount, error, thresholds, dead_letters, outcome and exit_code.
---
--- The workers are threads; progress is told, and a pace that bends kept, by whoever waits: the REPL while it waits for
--- a key, wait() elsewhere. Such a pace is asked a second ahead, so that short work between does not disturb it.
local check = require "kinessis.check"
local delivery = require "kinessis.delivery"
local metrics = require "kinessis.metrics"
local options = require "kinessis.options"
local outcome = require "kinessis.outcome"
local pace = require "kinessis.pace"
local runner = require "kinessis.run"
local show = require "kinessis.show"
local sys = require "kinessis.core.sys"

local ahead = 1 -- seconds

local start = {}

local Run = { __name = "kinessis.run" }
Run.__index = Run

local active = {} -- runs that are not over, in the order they were started
local waiting = 0 -- calls of wait(): what is drawn on the terminal is drawn only then

local function need(self)
  if not self.core then error("the run is over", 3) end
  return self.core
end

--- From now on at that pace: a rate, a pace or a function; nil is as fast as possible.
function Run:rate(value)
  local core, given = need(self), pace.of(value)
  if not given then error("run:rate: a rate such as 500 or '80%', a pace or a function is expected", 2) end
  core:change((given.start(self.context)))
end

--- Stops the pace's clock: nothing is due until resume().
function Run:pause() need(self):pause(true) end

--- The pace goes on where it was.
function Run:resume() need(self):pause(false) end

--- No record is begun any more; what was made is delivered. wait() tells when that is done.
function Run:stop() need(self):stop() end

--- How it fares now: generated, sinks[i].delivered, ...; once it is over, the summary.
function Run:status()
  return self.summary or need(self):status()
end

function Run:__tostring()
  local status, scenario = self:status(), self.job.scenario
  return ("run of %s: %s, %s generated"):format(scenario.path or scenario.records.name,
    self.summary and self.summary.outcome or "running", show.count(status.generated))
end

local function clear(self)
  if self.shown then self.shown.clear() end
end

local function finish(self)
  local core, job = self.core, self.job
  self.core = nil
  for i, run in ipairs(active) do
    if run == self then table.remove(active, i) end
  end
  clear(self)
  local result = runner.describe(core:finish(), self.config)
  self.summary = result
  local code, err = job:conclude(result)
  job:close()
  if err then sys.log("error", tostring(err)) end
  local path = job.values.json_summary
  if path then code, err = outcome.finish(path, job.about, code, err) end
  result.exit_code = outcome.exit_code(code, err)
  result.outcome, result.thresholds = outcome.name(result.exit_code), job.about.judged
end

--- Keeps the pace, waiting at most so long. @return whether the run still lasts
function Run:step(seconds)
  if not self.core then return false end
  if self.core:step(math.floor((seconds or 0) * 1000)) then return true end
  finish(self)
  return false
end

-- What was drawn while somebody waited does not stay when nobody does.
local function stop_waiting()
  waiting = waiting - 1
  for _, run in ipairs(waiting == 0 and active or {}) do clear(run) end
end

--- @return the summary; nil when it is not over after so many seconds
function Run:wait(seconds)
  if seconds ~= nil and type(seconds) ~= "number" then
    error("run:wait: seconds are expected, or nothing, not " .. check.show(seconds), 2)
  end
  if self.core and self.core:inside() then
    error("run:wait: its own progress and its own pace cannot wait for it", 2)
  end
  local stop = seconds and sys.now() + seconds
  waiting = waiting + 1
  local _ <close> = setmetatable({}, { __close = stop_waiting })
  while self:step(0.01) do
    start.step() -- the others too
    if stop and sys.now() >= stop then return nil end
  end
  return self.summary
end

for _, name in ipairs { "rate", "pause", "resume", "stop", "status", "step", "wait" } do
  local method = Run[name]
  Run[name] = function(self, ...)
    if getmetatable(self) == Run then return method(self, ...) end -- a tail call: the caller stays that of the method
    error(("run.%s is called with a colon: run:%s(...)"):format(name, name), 2)
  end
end

--- Keeps the pace of all that run.
function start.step()
  for i = #active, 1, -1 do
    if active[i] then active[i]:step(0) end -- a run that ends may end others: progress is a function
  end
end

--- Stops all that run, and waits.
--- @param why a warning, told where there are any; or nil
function start.stop(why)
  if why and active[1] then sys.log("warning", why) end
  while active[1] do
    active[1]:stop()
    active[1]:wait()
  end
end

-- ---- options ----

local names, by_name = {}, {}
for _, definition in ipairs(delivery.options) do
  local name = definition[1]:gsub("^%-%-", ""):gsub("%-", "_")
  names[#names + 1], by_name[name] = name, definition
end

local elsewhere = {
  rate_file = "is of kinessis run, where a signal reads it again; here run:rate() changes the pace",
  quiet = "is of kinessis run: what it silences is the whole program",
}

-- What a command line cannot say, by the option; each gives the value, or nil.
local natural = {
  rate = pace.of,
  progress = function(value) return type(value) == "function" and value or nil end,
  metrics = function(value) return math.type(value) == "integer" and metrics.parse((":%d"):format(value)) or nil end,
}
local or_else = { rate = ", a pace or a function", progress = ", or a function of the run's status",
  metrics = ", or a port" }
for _, name in ipairs { "start", "step", "drain" } do -- times in seconds
  natural[name] = function(value)
    return type(value) == "number" and value >= 0 and value < math.huge and value or nil
  end
end

local function word_of(value)
  if type(value) == "string" then return value end
  if type(value) ~= "number" then return nil end
  return ("%d"):format(math.tointeger(value) or 0) == ("%.0f"):format(value) and ("%d"):format(value) or tostring(value)
end

-- One value, or nil and what was expected.
local function read_value(name, definition, value)
  local taken = natural[name] and natural[name](value)
  if taken ~= nil then return taken end
  if not definition[2] then
    if type(value) == "boolean" then return value end
    return nil, "true or false"
  end
  local read, expected = definition.parse(word_of(value) or "")
  return read, read == nil and expected .. (or_else[name] or "") or nil
end

local function read_option(name, value)
  local definition = by_name[name]
  if elsewhere[name] or not definition then
    return nil, elsewhere[name] or "no such option" .. options.did_you_mean(tostring(name), names)
  end
  if not definition.many then
    local read, expected = read_value(name, definition, value)
    return read, read == nil and ("%s is not %s"):format(check.show(value), expected) or nil
  end
  local given, list = type(value) == "table" and value or { value }, {}
  for key in pairs(given) do
    if math.type(key) ~= "integer" or key < 1 or key > #given then
      return nil, ("[%s]: a list is expected, and that is no place in one"):format(check.show(key))
    end
  end
  for i = 1, #given do
    local expected
    list[i], expected = read_value(name, definition, given[i])
    if list[i] == nil then return nil, ("%s is not %s"):format(check.show(given[i]), expected) end
  end
  return list
end

-- The options as kinessis.delivery takes them; raises what is wrong in the caller's name.
local function read_options(given)
  if given ~= nil and type(given) ~= "table" then
    error("kinessis.start: a table of options is expected, not " .. check.show(given), 3)
  end
  local values = {}
  for name, value in pairs(given or {}) do
    local read, wrong = read_option(name, value)
    if wrong then error(("kinessis.start: %s: %s"):format(tostring(name), wrong), 3) end
    values[name] = read or nil
  end
  values.target = values.target or "lake"
  return values
end

-- ---- starting ----

local function hidden() return waiting == 0 end

-- A job that is open becomes a run.
local function go(job)
  local values, with = job.values, job.with
  if job:complete() then job:tell_complete() end
  with.hidden, with.in_script = hidden, true
  if type(values.progress) == "function" then
    with.watch, values.progress = values.progress, nil
  end
  values.progress = values.progress or { kind = "none" }
  local config, context, shown = runner.prepare(job.scenario, values, with)
  if not config then return nil, context end
  config.ahead = ahead
  local core, err = require("kinessis.core.run").start(config)
  if not core then return nil, err end
  core:step(0) -- asks the pace: nobody may come again
  return setmetatable({ core = core, job = job, config = config, context = context, shown = shown }, Run)
end

local function open(scenario, values, about)
  local job, err = delivery.open(scenario, values, about)
  if not job then return nil, err end
  local run
  local _ <close> = setmetatable({}, { __close = function()
    if not run then job:close() end
  end })
  run, err = go(job)
  return run, err
end

-- The same, where it names options: as a script writes them.
local function in_script(err)
  if type(err) == "table" then
    err.message = err.message:gsub("%f[%w%-]%-%-(%l[%l%-]*)", function(word)
      local name = word:gsub("%-", "_")
      return by_name[name] and name or nil
    end)
  end
  return err
end

-- Raises a mistake, telling it where the summary goes, too.
local function open_told(scenario, values, about)
  local path = values.json_summary
  local ok, err = true, nil
  if path then ok, err = outcome.begin(path, about) end
  if not ok then return nil, err end
  local ran, run, why = pcall(open, scenario, values, about)
  if not ran then run, why = nil, run end
  why = in_script(why)
  if path and not run then outcome.finish(path, about, nil, why) end
  if not ran and type(why) == "table" then error("kinessis.start: " .. tostring(why), 3) end
  if not ran then error(why, 0) end
  return run, why
end

--- @param values options of kinessis run, by name: amount, rate, seed, dead_letter, state, resume, threshold,
---   json_summary, progress, drain, target, data, ...
--- @return the run, or nil and an error
local function begin(_, scenario, given)
  if type(scenario) ~= "table" or not scenario.destinations then
    error("kinessis.start: a scenario (kinessis.scenario{...}) is expected, not " .. check.show(scenario), 2)
  end
  local values = read_options(given)
  local about = { scenario = scenario.path, target = values.target, started = sys.now() }
  local run, err = open_told(scenario, values, about)
  if not run then return nil, err end
  active[#active + 1] = run
  return run
end

return setmetatable(start, { __call = begin })
