--- How fast records arrive.
---
---     pace.unlimited()                                        as fast as they can be made and sent
---     pace.rate(500)                                          evenly; also "5 MB/s", "80%" (kinessis.pace.unit)
---     pace.ramp { from = 0, to = 2000, over = "10m", after = "hold" or "end" }
---     pace.steps { { 100, "1m" }, { 500, "5m" }, { 100 }, after = "hold" or "end" }
---     pace.burst { base = 100, peak = 5000, every = "1m", lasts = "5s" }
---     pace.diurnal { peak = 1000, trough = 0.2, peak_hour = 20, start_hour = 0, day = "24h" }
---     pace.poisson(500)                                       at random; of a rate, or of any pace
---     pace.trace { file = "log.csv", column = "time", speed = 2 }, or { times = { 0, 0.5, 0.7 } }
---     function(seconds) return 100 + seconds end              any curve of records per second
---
---     p + q         both            p * 2         twice as many      p * q     their rates multiplied
---     p:limit(900)  never more      p:jitter(0.2, "1s")              p:lasting "10m"   then it is over
---     pace.sequence { { p, "10m" }, { q, "5m" }, r, times = 1 }      one after the other
---
--- A pace says when records are *due*, whatever the destination does. It is a table with start(context), which
--- returns a fresh curve (kinessis.pace.curve), or nil when all are due at once. context, which only some need:
--- { seed =, record_bytes = function() -> bytes, capacity = function() -> records/s }.
---
--- A multiple of a pace, and the part of it that one of several machines keeps, are made where its rates are: twice
--- a Poisson process is one of twice the rate, not pairs of records. So the context also has the factor (scale) that
--- is on its way there; what is made of no other pace is a shape and applies it.
local blame = require "kinessis.blame"
local check = require "kinessis.check"
local curve = require "kinessis.pace.curve"
local unit = require "kinessis.pace.unit"

local pace = {}

local Pace = { __name = "kinessis.pace" }
Pace.__index = Pace

local function new(name, start)
  return setmetatable({ name = name, start = start }, Pace)
end

-- The context of a pace within another one: its rates are `scale` times as high.
local function within(context, scale, part)
  local root = context and context.root or context or {}
  return setmetatable({ root = root, scale = scale, part = part or context and context.part }, { __index = root })
end

local function scale_of(context) return context and context.scale or 1 end

-- A pace that is made of no other.
local function shape(name, start)
  return new(name, function(context)
    local due, scale = start(context), scale_of(context)
    return scale == 1 and due or curve.scaled(due, scale)
  end)
end

--- @return whether the value is a pace
function pace.is(value)
  return getmetatable(value) == Pace
end

function Pace:__tostring()
  return "pace: " .. self.name
end

local show = check.show

--- Raises the message with the user's line.
local function complain(format, ...)
  local where = blame.where()
  error((where == "" and "" or where .. ": ") .. format:format(...), 0)
end

-- A rate given as the only argument.
local function rate_of(what, value)
  local rate = unit.read(value)
  if not rate or rate.amount <= 0 then complain("%s: %s is no rate: %s", what, show(value), unit.expected) end
  return rate
end

--- As fast as records can be made and sent.
function pace.unlimited()
  return new("unlimited", function() return nil end)
end

--- @param rate records per second above 0, or as kinessis.pace.unit has it
function pace.rate(rate)
  local read = rate_of("pace.rate", rate)
  return shape(unit.show(read), function(context) return curve.constant(unit.resolve(read, context)) end)
end

--- A function of the seconds since the start that returns records per second: 0 pauses, math.huge
--- lets everything left go.
function pace.of_function(rate_at)
  if type(rate_at) ~= "function" then
    complain("pace.of_function: a function is expected, not %s", show(rate_at))
  end
  local info = debug.getinfo(rate_at, "S")
  local where = ("%s:%d"):format(info.short_src, info.linedefined)
  local function checked(seconds)
    local rate = rate_at(seconds)
    if type(rate) ~= "number" or rate < 0 or rate ~= rate then
      error(("%s: the pace returned %s after %.2f s: records per second, a number from 0 up, is expected")
        :format(where, show(rate), seconds), 0)
    end
    return rate
  end
  return shape("function at " .. where, function() return curve.of_function(checked) end)
end

--- What a scenario may give: a pace, a rate (a number or a text such as "80%") or a function; nil is unlimited.
--- @return the pace, or nil when it is none of these
function pace.of(value)
  if value == nil then return pace.unlimited() end
  if pace.is(value) then return value end
  if type(value) == "function" then return pace.of_function(value) end
  local rate = unit.read(value)
  return rate and rate.amount > 0 and pace.rate(value) or nil
end

--- A part of another pace.
local function part(what, value)
  local given = value ~= nil and pace.of(value)
  if not given then complain("%s: a pace, a rate or a function is expected, not %s", what, show(value)) end
  if given.name == "unlimited" then
    complain("%s: pace.unlimited() has no rate that another pace could be made of", what)
  end
  return given
end

-- ---- shapes ----

local function is_after(value)
  if value ~= "hold" and value ~= "end" then return "'hold' or 'end' is expected, not " .. show(value) end
end

local function is_share(value)
  if type(value) ~= "number" or not (value >= 0 and value <= 1) then
    return "a share from 0 to 1 is expected, not " .. show(value)
  end
end

local function is_hour(value)
  if type(value) ~= "number" or not (value >= 0 and value <= 24) then
    return "an hour from 0 to 24 is expected, not " .. show(value)
  end
end

-- A leg of a constant rate, for curve.sequence.
local function even(rate, context, duration)
  local records = unit.resolve(rate, context)
  return { start = function() return curve.constant(records) end, duration = duration }
end

local ramp_rules = {
  from = { unit.is_rate },
  to = { unit.is_rate, required = "the rate at the end" },
  over = { unit.is_duration, required = "how long it takes" },
  after = { is_after },
}

--- From one rate (default 0) to another, evenly, over a time; then that rate on (after = "hold", the default)
--- or nothing more (after = "end"). At a rate of 0 nothing more would come: that is an end, too.
function pace.ramp(given)
  check("pace.ramp", given, ramp_rules, 3)
  local from, to = unit.read(given.from or 0), unit.read(given.to)
  local over = unit.duration(given.over)
  return shape(("from %s to %s over %g s"):format(unit.show(from), unit.show(to), over), function(context)
    local low, high = unit.resolve(from, context), unit.resolve(to, context)
    local legs = { { start = function() return curve.linear(low, high, over) end, duration = over } }
    if given.after ~= "end" and high > 0 then legs[2] = even(to, context) end
    return curve.sequence(legs, 1)
  end)
end

--- Rates for a time each: { { rate, duration }, ... }; the last may go without a duration. after = "hold" (the
--- default) keeps the last rate, unless it is 0; "end" ends the run.
function pace.steps(given)
  if type(given) ~= "table" or #given == 0 then complain("pace.steps: a list of { rate, duration } is expected") end
  local rows, hold = {}, given.after ~= "end"
  for key in pairs(given) do
    if key ~= "after" and math.type(key) ~= "integer" then complain("pace.steps.%s: no such field", key) end
  end
  if given.after ~= nil and is_after(given.after) then complain("pace.steps.after: %s", is_after(given.after)) end
  for i, row in ipairs(given) do
    if type(row) ~= "table" then complain("pace.steps[%d]: { rate, duration } is expected, not %s", i, show(row)) end
    local rate, duration = row.rate or row[1], row.duration or row[2]
    if not unit.read(rate) then complain("pace.steps[%d]: %s", i, unit.is_rate(rate)) end
    if unit.is_duration(duration) and (i < #given or duration ~= nil) then
      complain("pace.steps[%d]: %s", i, unit.is_duration(duration))
    end
    rows[i] = { unit.read(rate), unit.duration(duration) }
    if i == #given and rows[i][1].amount == 0 then
      if not rows[i][2] then complain("pace.steps[%d]: a pause without an end: how long is it?", i) end
      hold = false
    end
  end
  return shape(#rows .. " steps", function(context)
    local legs = {}
    for i, row in ipairs(rows) do legs[i] = even(row[1], context, row[2]) end
    if hold then legs[#legs].duration = nil end
    return curve.sequence(legs, 1)
  end)
end

local burst_rules = {
  base = { unit.is_rate },
  peak = { unit.is_rate, required = "the rate of a burst" },
  every = { unit.is_duration, required = "from the start of a burst to that of the next" },
  lasts = { unit.is_duration, required = "how long a burst lasts" },
}

--- A base rate (default 0), and a burst at the end of each time `every`.
function pace.burst(given)
  check("pace.burst", given, burst_rules, 3)
  local base, peak = unit.read(given.base or 0), unit.read(given.peak)
  local every, lasts = unit.duration(given.every), unit.duration(given.lasts)
  if lasts >= every then complain("pace.burst.lasts: a burst that lasts until the next is none") end
  return shape(("%s, %s for %g s every %g s"):format(unit.show(base), unit.show(peak), lasts, every), function(context)
    return curve.sequence({ even(base, context, every - lasts), even(peak, context, lasts) }, math.huge)
  end)
end

local diurnal_rules = {
  peak = { unit.is_rate, required = "the rate of the busiest hour" },
  trough = { is_share },
  peak_hour = { is_hour },
  start_hour = { is_hour },
  day = { unit.is_duration },
}

--- A day's curve, over and over: `peak` at peak_hour (default 20), a share `trough` of it (default 0.2) twelve hours
--- later, a cosine between. It begins at start_hour (default 0); a day may take less than "24h".
function pace.diurnal(given)
  check("pace.diurnal", given, diurnal_rules, 3)
  local peak, day = unit.read(given.peak), unit.duration(given.day or "24h")
  local top = ((given.peak_hour or 20) - (given.start_hour or 0)) / 24 * day
  return shape(("a day of %g s with up to %s"):format(day, unit.show(peak)), function(context)
    local high = unit.resolve(peak, context)
    return curve.wave(high * (given.trough or 0.2), high, top, day)
  end)
end

-- ---- chance ----

local function mix(x) -- SplitMix64's finaliser, as src/base/rng.h
  x = (x ~ (x >> 30)) * 0xBF58476D1CE4E5B9
  x = (x ~ (x >> 27)) * 0x94D049BB133111EB
  return x ~ (x >> 31)
end

local function unit_at(key, k) return (mix(key + k * 0x9E3779B97F4A7C15) >> 11) * 0x1p-53 end

--- A key of its own for each random pace of a run: by its seed, else the run's and its turn.
local function key_of(seed, context)
  if seed then return mix(seed + 1) end
  if not context then return mix(1) end
  local root = context.root or context
  root.random_paces = (root.random_paces or 0) + 1
  return mix(mix((root.seed or 0) + 1) + root.random_paces)
end

local seed_rules = { seed = { check.integer(math.mininteger, math.maxinteger) } }

local function seed_in(what, given)
  if given == nil then return nil end
  check(what, given, seed_rules, 4)
  return math.tointeger(given.seed)
end

--- Records at random moments: a Poisson process of that rate, which may be any pace. The run's seed, or
--- { seed = n }, repeats it. The parts of a run draw moments of their own: together they are such a process again,
--- whenever each of them begins.
function pace.poisson(rate, given)
  local mean, seed = part("pace.poisson", rate), seed_in("pace.poisson", given)
  return new("Poisson, " .. mean.name, function(context)
    local key, k = key_of(seed, context), 0
    if context and context.part then key = mix(key + context.part) end
    return curve.poisson(mean.start(context), function()
      k = k + 1
      return unit_at(key, k)
    end)
  end)
end

--- The rate changed at random by up to that share, up or down, anew every so often (default "1s").
function Pace:jitter(share, every, given)
  local seconds, seed = unit.duration(every or 1), seed_in("pace:jitter", given)
  if is_share(share) then complain("pace:jitter: %s", is_share(share)) end
  if not seconds then complain("pace:jitter: %s", unit.is_duration(every)) end
  part("pace:jitter", self)
  return new(("%s, give or take %g%%"):format(self.name, share * 100), function(context)
    local key = key_of(seed, context)
    return curve.shaken(self.start(context), seconds, function(k) return 1 + share * (2 * unit_at(key, k) - 1) end)
  end)
end

local trace_rules = {
  file = { check.string },
  column = { check.string },
  times = { require("kinessis.pace.trace").is_list },
  speed = { function(value)
    if type(value) ~= "number" or not (value > 0 and value < math.huge) then
      return "a number above 0 is expected, not " .. show(value)
    end
  end },
}

--- The arrivals of a recorded trace, from the first on, `speed` times as fast; the run ends with the last. The file
--- is read when the run starts.
function pace.trace(given)
  check("pace.trace", given, trace_rules, 3)
  if (given.file == nil) == (given.times == nil) then
    complain("pace.trace: either file = and column =, or times = a list, is expected")
  end
  if given.file and not given.column then complain("pace.trace.column: is missing: the file's column of times") end
  local copy = { file = given.file, column = given.column, times = given.times, speed = given.speed or 1 }
  return shape("the trace " .. (given.file or "of a list"), function()
    return curve.moments(require("kinessis.pace.trace").moments(copy))
  end)
end

-- ---- composition ----

function Pace.__add(a, b)
  local first, second = part("pace +", a), part("pace +", b)
  return new(("%s + %s"):format(first.name, second.name), function(context)
    return curve.sum(first.start(context), second.start(context))
  end)
end

function Pace.__mul(a, b)
  if type(a) == "number" then a, b = b, a end
  if type(b) == "number" then
    if not (b > 0 and b < math.huge) then complain("pace *: %s is no factor: a number above 0", show(b)) end
    if a.name == "unlimited" then return a end
    return new(("%g * (%s)"):format(b, a.name), function(context)
      return a.start(within(context, b * scale_of(context)))
    end)
  end
  local first, second = part("pace *", a), part("pace *", b)
  return new(("(%s) * (%s)"):format(first.name, second.name), function(context)
    return curve.product(first.start(context), second.start(within(context, 1)))
  end)
end

--- Never more than that rate; what is over it is not due later.
function Pace:limit(rate)
  local most, inner = rate_of("pace:limit", rate), part("pace:limit", self)
  return new(("%s, at most %s"):format(self.name, unit.show(most)), function(context)
    return curve.limited(inner.start(context), unit.resolve(most, context) * scale_of(context))
  end)
end

local nothing = shape("nothing", function() return curve.constant(0) end)

-- A leg of a sequence: { pace, duration }, or a pace that is over some time. 0 is a rest.
local function leg_of(row, where)
  local value, duration = row, nil
  if type(row) == "table" and not pace.is(row) then
    value, duration = row[1], unit.duration(row[2])
    if not duration and row[2] ~= nil then complain("%s: %s", where, unit.is_duration(row[2])) end
  end
  return { pace = value == 0 and nothing or part(where, value), duration = duration }
end

--- One pace after the other, each for its duration, or, without one, until it is over. times = n repeats all of
--- them (math.huge: without end). When the last is over, the run ends.
function pace.sequence(given)
  if type(given) ~= "table" or #given == 0 then complain("pace.sequence: a list of { pace, duration } is expected") end
  local times = given.times or 1
  if type(times) ~= "number" or times < 1 or times ~= times then
    complain("pace.sequence.times: a number from 1 up is expected, not %s", show(times))
  end
  local rows = {}
  for i, row in ipairs(given) do rows[i] = leg_of(row, ("pace.sequence[%d]"):format(i)) end
  return new(("%d paces after one another"):format(#rows), function(context)
    local legs = {}
    for i, row in ipairs(rows) do
      legs[i] = { start = function() return row.pace.start(context) end, duration = row.duration }
    end
    return curve.sequence(legs, times)
  end)
end

--- This pace for so long; then it is over.
function Pace:lasting(duration)
  if unit.is_duration(duration) then complain("pace:lasting: %s", unit.is_duration(duration)) end
  return pace.sequence { { part("pace:lasting", self), duration } }
end

--- What the number-th of several machines keeps of this pace: its rate divided by them, and every so many-th record,
--- from that number on, of those that come at known moments. All of them, begun together, make the whole.
function Pace:part(number, of)
  if of == 1 or self.name == "unlimited" then return self end
  return new(("part %d/%d of %s"):format(number, of, self.name), function(context)
    return curve.ahead(self.start(within(context, scale_of(context) / of, number)), (of - number) / of)
  end)
end

return pace
