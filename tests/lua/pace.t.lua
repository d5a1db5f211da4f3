--- kinessis.pace: how many records are due, and what is refused.
local tap = dofile "tests/lua/tap.lua"
local pace = require "kinessis.pace"

local function near(actual, expected, tolerance, name)
  return tap.ok(math.abs(actual - expected) <= tolerance, name, "got:      " .. actual, "expected: " .. expected)
end

-- ---- rate and unlimited ----

tap.is(pace.unlimited().start(), nil, "unlimited: everything is due at once")

local due = pace.rate(250).start()
tap.is(due(0), 0, "rate: nothing is due at the start")
tap.is(due(1), 250.0, "rate: its number after a second")
tap.is(due(3600), 900000.0, "rate: no drift after an hour")
tap.is(pace.rate(0.5).start()(10), 5.0, "rate: less than one a second")

for _, bad in ipairs { 0, -1, 0 / 0, math.huge, "fast", false } do
  tap.raises(function() pace.rate(bad) end, "pace.t.lua:", "rate refuses " .. tostring(bad) .. ", naming the line")
end

-- ---- functions ----

--- The records due after `seconds`, asked every `tick` seconds.
local function run(start, seconds, tick)
  local ask, last = start(), 0
  for t = tick, seconds + tick / 2, tick do
    local now = ask(t)
    if now < last then return -1 end
    last = now
  end
  return last
end

near(run(pace.of(function() return 100 end).start, 10, 0.01), 1000, 1e-6, "a constant function")
near(run(pace.of(function(t) return 20 * t end).start, 10, 0.01), 1000, 1e-6, "a ramp adds up exactly")
near(run(pace.of(function(t) return 20 * t end).start, 10, 2.5), 1000, 1e-6,
  "and does not depend on how often it is asked")
near(run(pace.of(function(t) return 100 + 50 * math.sin(t) end).start, 20 * math.pi, 0.0137), 100 * 20 * math.pi, 1,
  "a wave")
near(run(pace.of(function(t) return t < 5 and 0 or 10 end).start, 10, 0.01), 50, 0.2, "0 pauses")
tap.is(run(pace.of(function(t) return t < 1 and 5 or math.huge end).start, 2, 0.01), math.huge,
  "math.huge lets everything go")

local wave = pace.of(function() return 10 end)
tap.ok(wave.start()(1) == wave.start()(1), "each start begins anew")

for _, case in ipairs { { nil, "nil" }, { -1, "-1" }, { "x", "'x'" }, { 0 / 0, "nan" } } do
  local bad = case[1]
  local ask = pace.of(function() return bad end).start()
  tap.raises(function() ask(0.5) end, "pace.t.lua:", "a function that returns " .. case[2] .. ": names its line")
  tap.raises(function() ask(0.5) end, case[2], "and what it returned")
end

-- ---- what a scenario may give ----

tap.ok(pace.is(pace.of(5)), "a number is a rate")
tap.is(pace.of(5).start()(2), 10.0, "of that many records a second")
tap.is(pace.of(nil).start(), nil, "nil is unlimited")
tap.is(pace.of(0), nil, "0 is no pace")
tap.is(pace.of("5"), nil, "a string is no pace")
tap.is(pace.of({}), nil, "a table is no pace")

tap.done()
