--- A run in the background of the REPL or of a script, which can be changed while it lasts.
---
---     local run = kinessis.start(script, { rate = 100, target = "lake" })  -- or nil and an error
---     run:rate(500)      run:rate "80%"     another pace from now on, of any form that a scenario may give
---     run:pause()        run:resume()       what would have been due meanwhile is not
---     run:status()                          numbers: kinessis.core.run
---     run:stop()                            delivers what was made; a second time waits for nothing
---     run:wait()         run:wait(5)        until it is over, or so long -> the summary when it is
---
--- The workers are threads; the pace is kept by whoever waits: the REPL while it waits for a key, wait() elsewhere.
--- The pace is asked a second ahead, so that short work between does not disturb it.
local pace = require "kinessis.pace"
local runner = require "kinessis.run"
local sinks = require "kinessis.sinks"
local stack = require "kinessis.stack"
local summary = require "kinessis.summary"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local ahead = 1 -- seconds

local start = {}

local Run = { __name = "kinessis.run" }
Run.__index = Run

local active = {} -- runs that are not over, in the order they were started

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

function Run:pause() need(self):pause(true) end

function Run:resume() need(self):pause(false) end

function Run:stop() need(self):stop() end

--- @return the summary once it is over
function Run:status()
  return self.summary or need(self):status()
end

local function finish(self)
  self.summary, self.core = self.core:finish(), nil
  for i, run in ipairs(active) do
    if run == self then table.remove(active, i) end
  end
  summary.tell(self.summary, self.list)
  if self.summary.error then sys.log("error", tostring(self.summary.error)) end
  if not self.where then return end
  local flushed, err = self.where:flush()
  if not flushed then sys.log("error", tostring(err)) end
  self.where:close()
end

--- Keeps the pace, waiting at most so long. @return whether the run still lasts
function Run:step(seconds)
  if not self.core then return false end
  if self.core:step(math.floor((seconds or 0) * 1000)) then return true end
  finish(self)
  return false
end

--- @return the summary; nil when it is not over after so many seconds
function Run:wait(seconds)
  local stop = seconds and sys.now() + seconds
  while self:step(0.01) do
    start.step() -- the others too
    if stop and sys.now() >= stop then return nil end
  end
  return self.summary
end

--- Keeps the pace of all that run.
function start.step()
  for i = #active, 1, -1 do active[i]:step(0) end
end

--- Stops all that run, and waits.
function start.stop()
  while active[1] do
    active[1]:stop()
    active[1]:wait()
  end
end

local function open(scenario, values)
  if values.dry_run or not sinks.need_target(scenario) then return nil end
  local where, err = target.open(values.target, values)
  if not where then return nil, err end
  local ok, lacking = stack.of(scenario):ensure(where, { provision = values.provision })
  if ok then return where end
  where:close()
  return nil, lacking
end

--- @param values of the options of kinessis run: amount, rate, seed, start, step, workers, closed, dry_run, print,
---   provision, target, data, region, profile
--- @return the run, or nil and an error
local function begin(_, scenario, values)
  values = values or {}
  local rate = values.rate == nil and scenario.pace or pace.of(values.rate)
  if not rate then error("kinessis.start: rate: a rate such as 500 or '80%', a pace or a function is expected", 2) end
  local where, err = open(scenario, values)
  if err then return nil, err end
  local list = sinks.of(scenario, values, where)
  if #list == 0 then return nil, sys.error("script", "the scenario has neither `to` nor `print`: nowhere to send") end
  local config, context = runner.prepare(scenario, values, {
    sinks = list, format = scenario:format(), pace = rate, where = where,
  })
  if not config then return nil, context end
  config.ahead = ahead
  local core
  core, err = require("kinessis.core.run").start(config)
  if not core then return nil, err end
  local self = setmetatable({ core = core, list = list, where = where, context = context }, Run)
  active[#active + 1] = self
  return self
end

return setmetatable(start, { __call = begin })
