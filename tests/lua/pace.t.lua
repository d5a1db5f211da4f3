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
tap.is(pace.of("5").start()(2), 10.0, "so is a text with one")
tap.is(pace.of("fast"), nil, "another text is no pace")
tap.is(pace.of({}), nil, "a table is no pace")

-- ---- units ----

local context = { seed = 7, record_bytes = function() return 250 end, capacity = function() return 4000 end }

for _, case in ipairs { { "500", 500 }, { "2k/s", 2000 }, { "90 / min", 1.5 }, { "3600 records/h", 1 },
  { "1_000/s", 1000 }, { "5 MB/s", 20000 }, { "1MiB/s", (1 << 20) / 250 }, { "60 KB/min", 4 }, { "80%", 3200 },
  { "12.5 %", 500 } } do
  near(pace.rate(case[1]).start(context)(1), case[2], 1e-9 * case[2], "a rate of " .. case[1])
end
for _, bad in ipairs { "5MB", "5 XB/s", "%", "-5", "1e999", "5 6", "5/", "0%" } do
  tap.raises(function() pace.rate(bad) end, "pace.t.lua:", "no rate: " .. bad)
end
tap.raises(function() pace.rate("80%").start {} end, "no Kinesis stream", "a share needs a stream")
tap.raises(function() pace.rate("5 MB/s").start {} end, "size is not known", "bytes need records")

-- ---- shapes, by their exact integrals ----

--- Asks the curve as a run does: ahead in steps of at most 10 ms, around every bend that it tells of.
--- @return the moments and the numbers of records; and when it was over, or nil
local function draw(start, seconds)
  local ask, points, at, bend = start(context), {}, 0, nil
  local function sample(t)
    local records, next, over = ask(t)
    points[#points + 1] = { t, records }
    at, bend = t, next
    return over
  end
  local over = sample(0)
  while not over and at < seconds do
    local next = math.min(at + 0.01, seconds)
    if bend and bend > at + 1e-4 then
      next = math.min(bend, seconds)
      if next == bend then over = sample(next - 1e-6) end
    elseif bend then
      next = math.min(at + 1e-4, seconds)
    end
    over = over or sample(next)
  end
  return points, over and at or nil
end

--- The records due at that time, by what was drawn.
local function due_at(points, t)
  for i = #points, 1, -1 do
    local a, b = points[i], points[i + 1]
    if a[1] <= t then
      return b and a[2] + (b[2] - a[2]) * (t - a[1]) / (b[1] - a[1]) or a[2]
    end
  end
  return 0
end

local function falls(points)
  for i = 2, #points do
    if points[i][2] < points[i - 1][2] - 1e-9 or points[i][1] < points[i - 1][1] then return true end
  end
  return false
end

--- The pace is what exact(t) says, at all of the times.
local function is_curve(p, seconds, exact, name, tolerance)
  local points = draw(p.start, seconds)
  local worst, where = 0, 0
  for i = 0, 200 do
    local t = seconds * i / 200
    local off = math.abs(due_at(points, t) - exact(t))
    if off > worst then worst, where = off, t end
  end
  tap.ok(not falls(points), name .. ": never falls")
  return tap.ok(worst <= (tolerance or 1e-3), name, ("off by %g after %g s: %g, not %g"):format(worst, where,
    due_at(points, where), exact(where)))
end

local function ramp(from, to, over)
  return function(t)
    local x = math.min(t, over)
    return from * x + (to - from) * x * x / 2 / over + to * math.max(0, t - over)
  end
end

is_curve(pace.ramp { from = 100, to = 300, over = "10s" }, 15, ramp(100, 300, 10), "a ramp, then its end", 0.01)
is_curve(pace.ramp { to = 50, over = 5 }, 10, ramp(0, 50, 5), "a ramp from 0", 0.01)
is_curve(pace.ramp { from = 400, to = 0, over = 5, after = "end" }, 9, ramp(400, 0, 5), "a ramp down", 0.01)
near(select(2, draw(pace.ramp { to = 10, over = 3, after = "end" }.start, 9)), 3, 2e-4, "which is over when it ends")
tap.is(select(2, draw(pace.ramp { to = 10, over = 3 }.start, 9)), nil, "one that holds is never over")
near(select(2, draw(pace.ramp { from = 5, to = 0, over = 3 }.start, 9)), 3, 2e-4, "but not at 0")
near(select(2, draw(pace.steps { { 5, 2 }, { 0, 1 } }.start, 9)), 3, 2e-4, "nor do steps that end in a pause")

local function steps(t)
  return 100 * math.min(t, 2) + 500 * math.max(0, math.min(t - 2, 1)) + 50 * math.max(0, t - 3)
end
is_curve(pace.steps { { 100, "2s" }, { 500, 1 }, { 50 } }, 5, steps, "steps")
local named = { { rate = 100, duration = "2s" }, { rate = "500/s", duration = 1 }, { 50, 2 }, after = "end" }
is_curve(pace.steps(named), 5, steps, "steps with names")
near(select(2, draw(pace.steps { { 5, 2 }, { 0, 1.5 }, after = "end" }.start, 9)), 3.5, 1e-9, "steps that end")
is_curve(pace.steps { { 5, 2 }, { 7, 1 } }, 9, function(t) return 5 * math.min(t, 2) + 7 * math.max(0, t - 2) end,
  "the last step holds, whatever its duration")

is_curve(pace.burst { base = 10, peak = 1000, every = "2s", lasts = "250ms" }, 9, function(t)
  local whole, rest = t // 2, t % 2
  return whole * (10 * 1.75 + 250) + 10 * math.min(rest, 1.75) + 1000 * math.max(0, rest - 1.75)
end, "bursts")

local day = pace.diurnal { peak = 100, trough = 0.5, peak_hour = 18, start_hour = 6, day = "20s" }
local w = 2 * math.pi / 20
is_curve(day, 50, function(t) return 75 * t + 25 / w * math.sin(w * (t - 10)) end, "days of 20 s", 1e-3)
near(draw(day.start, 20)[1][2], 0, 0, "begin with nothing due")
local half = draw(pace.diurnal { peak = 60, trough = 0 }.start, 3600)
local quiet = due_at(half, 3600) / 3600
local function hour_after(h) return 60 * (1 + math.cos(2 * math.pi * h / 24)) / 2 end
tap.ok(quiet < hour_after(4) and quiet > hour_after(5), "a real day's first hour is 4 to 5 hours after its peak", quiet)

-- ---- traces ----

local function trace_is(p, expected, name)
  local points, over = draw(p.start, 100)
  local times = {}
  for i = 1, #points do
    local before = i > 1 and points[i - 1][2] or 0
    for _ = before + 1, points[i][2] do times[#times + 1] = ("%.3f"):format(points[i][1]) end
  end
  tap.is(table.concat(times, " "), expected, name)
  return over
end

near(trace_is(pace.trace { times = { 10, 10.5, 10.5, 12 } }, "0.000 0.500 0.500 2.000", "a trace"), 2, 1e-6,
  "is over with its last")
trace_is(pace.trace { times = { 0, 1, 4 }, speed = 2 }, "0.000 0.500 2.000", "twice as fast")
trace_is(pace.trace { times = { "2022-02-02T15:17:09Z", "2022-02-02T15:17:07.250Z" } }, "0.000 1.750",
  "ISO times, put in order")
trace_is(pace.trace { times = { 1700000000000, 1700000000250 } }, "0.000 0.250", "milliseconds")
local name = os.tmpname()
local function write(text)
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
end
write 'id,"the time",x\r\n1,100,a\r\n"2,3",100.5,"b ""c"""\r\n'
trace_is(pace.trace { file = name, column = "the time" }, "0.000 0.500", "a column of CSV")
write '{"a":{"t":5}}\n\n{"a":{"t":6.5}}\n'
trace_is(pace.trace { file = name, column = "a.t" }, "0.000 1.500", "a member of JSON lines")
tap.raises(function() pace.trace({ file = name, column = "b" }).start() end, "line 1: has no 'b'",
  "a missing member")
write "a,b\n1,2\n"
tap.raises(function() pace.trace({ file = name, column = "c" }).start() end, "there is no column 'c'",
  "a missing column")
write "a,b\n"
tap.raises(function() pace.trace({ file = name, column = "a" }).start() end, "holds no times", "an empty file")
tap.raises(function() pace.trace({ file = "tests", column = "a" }).start() end, "tests: Is a directory", "a folder")
os.remove(name)
tap.raises(function() pace.trace({ file = name, column = "a" }).start() end, name, "no file")

-- ---- composition ----

local burst = function() return pace.burst { base = 10, peak = 100, every = 1, lasts = 0.1 } end
local function bursts(t) return t // 1 * 19 + 10 * math.min(t % 1, 0.9) + 100 * math.max(0, t % 1 - 0.9) end
is_curve(burst() + pace.ramp { to = 100, over = 5 }, 8, function(t) return bursts(t) + ramp(0, 100, 5)(t) end,
  "a sum", 0.01)
is_curve(burst() + 5, 8, function(t) return bursts(t) + 5 * t end, "a sum with a number")
is_curve(burst() * 3, 8, function(t) return 3 * bursts(t) end, "a multiple")
is_curve(0.5 * burst(), 8, function(t) return bursts(t) / 2 end, "from the left too")
is_curve(pace.rate(100) * pace.ramp { to = 2, over = 4 }, 8, function(t) return 100 * ramp(0, 2, 4)(t) end,
  "a product", 0.01)
is_curve(pace.rate(100) * function(t) return t end, 3, function(t) return 50 * t * t end,
  "a product with a function", 0.01)
is_curve(pace.sequence { { 100, "2s" }, { burst(), "3s" }, { 1, 5 } }, 9, function(t)
  return 100 * math.min(t, 2) + (t > 2 and bursts(math.min(t - 2, 3)) or 0) + math.max(0, t - 5)
end, "a sequence")
near(select(2, draw(pace.sequence { { 5, 1 }, { 7, 0.5 }, times = 3 }.start, 9)), 4.5, 1e-6, "three times over")
is_curve(pace.sequence { pace.rate(10):lasting "1s", { 20, 1 }, times = math.huge }, 7, function(t)
  return t // 2 * 30 + 10 * math.min(t % 2, 1) + 20 * math.max(0, t % 2 - 1)
end, "without end; a pace that is over makes room for the next", 0.01)
is_curve(pace.rate(300):limit(100), 5, function(t) return 100 * t end, "a limit")
is_curve(pace.rate(30):limit(100), 5, function(t) return 30 * t end, "a limit out of reach")
is_curve(pace.ramp { from = 0, to = 200, over = 10 }:limit(100), 20, function(t)
  return t < 5 and 10 * t * t or 250 + 100 * (t - 5)
end, "a limit is reached within a record", 1.01)
trace_is(pace.trace { times = { 0, 0.001, 0.002, 5, 9 } }:limit(1), "5.000 9.000",
  "what is over a limit is not due later")

local shaken = draw(pace.rate(1000):jitter(0.3).start, 400)
local least, most = math.huge, 0
for t = 0, 399 do
  local rate = due_at(shaken, t + 1) - due_at(shaken, t)
  least, most = math.min(least, rate), math.max(most, rate)
end
tap.ok(least >= 700 and least < 720 and most <= 1300 and most > 1280, "a jitter of 30 % uses all of it", least, most)
near(due_at(shaken, 400) / 400, 1000, 40, "and has the mean")

-- ---- Poisson: in simulated time, with a seed; the bounds are 6.5 standard deviations ----

local seed = tap.seed()

--- The moments of the records of the pace in so many seconds.
local function arrivals(p, seconds)
  local points, times = draw(p.start, seconds), {}
  for i = 2, #points do
    local a, b = points[i - 1], points[i]
    for k = 1, b[2] - a[2] do times[#times + 1] = a[1] + (b[1] - a[1]) * k / (b[2] - a[2]) end
  end
  return times
end

--- The variance of the numbers in intervals of that width, over their mean: 1 for Poisson.
local function dispersion(times, seconds, width)
  local counts, n, mean, variance = {}, seconds // width, 0, 0
  for i = 1, n do counts[i] = 0 end
  for _, t in ipairs(times) do
    local i = t // width + 1
    if counts[i] then counts[i] = counts[i] + 1 end
  end
  for _, c in ipairs(counts) do mean = mean + c / n end
  for _, c in ipairs(counts) do variance = variance + (c - mean) ^ 2 / (n - 1) end
  return variance / mean, 6.5 * math.sqrt(2 / n)
end

for _, case in ipairs { { 20, 500, 1 }, { 500, 20, 0.05 }, { 5000, 4, 0.005 }, { 50000, 2, 0.004 },
  { 5e6, 0.9, 0.002 } } do
  local rate, seconds, width = table.unpack(case)
  local times = rate <= 5000 and arrivals(pace.poisson(rate, { seed = seed }), seconds)
  if times then
    near(#times, rate * seconds, 6.5 * math.sqrt(rate * seconds), ("Poisson of %g/s: the mean"):format(rate))
    local index, bound = dispersion(times, seconds, width)
    near(index, 1, bound, "its dispersion")
    local worst, gaps = 0, {}
    for i = 2, #times do gaps[i - 1] = times[i] - times[i - 1] end
    table.sort(gaps)
    for i, gap in ipairs(gaps) do worst = math.max(worst, math.abs(i / #gaps - (1 - math.exp(-rate * gap)))) end
    -- What is closer than 0.1 ms may be told up to that much apart.
    near(worst, 0, 3.3 / math.sqrt(#gaps) + rate * 1e-4, "its gaps are exponential (Kolmogorov-Smirnov)")
  else
    local points = draw(pace.poisson(rate, { seed = seed }).start, seconds)
    local n, mean, square, last = seconds // width, rate * width, 0, 0
    for i = 1, n do
      local now = due_at(points, i * width)
      square, last = square + (now - last - mean) ^ 2 / n, now
    end
    near(square / mean, 1, 6.5 * math.sqrt(2 / n) + 0.01, ("Poisson of %g/s: its dispersion"):format(rate))
  end
end

local function first_of(p, from)
  local c = { seed = from }
  local _, bend = p.start(c)(0)
  return bend
end
tap.is(first_of(pace.poisson(5), 1), first_of(pace.poisson(5), 1), "the run's seed repeats it")
tap.ok(first_of(pace.poisson(5), 1) ~= first_of(pace.poisson(5), 2), "another does not")
local twice = { seed = 1 }
local _, one = pace.poisson(5).start(twice)(0)
local _, two = pace.poisson(5).start(twice)(0)
tap.ok(one ~= two, "two in one run differ")
local varying = arrivals(pace.poisson(pace.sequence { { 100, 10 }, { 1000, 10 } }, { seed = seed }), 20)
local early = 0
for _, t in ipairs(varying) do early = early + (t < 10 and 1 or 0) end
near(early, 1000, 6.5 * math.sqrt(1000), "a Poisson process whose rate changes: before")
near(#varying - early, 10000, 6.5 * math.sqrt(10000), "and after")

-- ---- parts: what each of several machines keeps ----

--- When each record is due in so many seconds, by the curve: also where it is no whole number.
local function moments(p, seconds)
  local own = { seed = 3, record_bytes = context.record_bytes, capacity = context.capacity }
  local points, times, n = draw(function() return p.start(own) end, seconds), {}, 0
  for i, b in ipairs(points) do
    local a = points[i - 1] or { 0, 0 }
    while b[2] + 1e-6 >= n + 1 do
      n = n + 1
      times[n] = b[2] > a[2] and a[1] + (b[1] - a[1]) * math.max(0, math.min(1, (n - a[2]) / (b[2] - a[2]))) or b[1]
    end
  end
  return times
end

local function parts_of(p, of, seconds)
  local all, each = {}, {}
  for k = 1, of do
    each[k] = moments(p:part(k, of), seconds)
    table.move(each[k], 1, #each[k], #all + 1, all)
  end
  table.sort(all)
  return all, each
end

local trace = pace.trace { times = { 0, 0.2, 0.2, 0.9, 1, 1.4, 3, 3.5, 4, 4.1 } }
for what, p in pairs {
  ["a rate"] = pace.rate(50),
  ["a share of the stream"] = pace.rate "1%",
  ["bytes"] = pace.rate "10 kB/s",
  ["a function"] = pace.of(function(t) return 20 + 10 * math.sin(t) end),
  ["a ramp"] = pace.ramp { to = 50, over = 4 },
  ["steps"] = pace.steps { { 10, 1 }, { 50, 2 }, { 5 } },
  ["bursts"] = pace.burst { base = 5, peak = 100, every = 1, lasts = 0.2 },
  ["a day"] = pace.diurnal { peak = 60, day = "4s" },
  ["a trace"] = trace,
  ["a sum"] = pace.rate(10) + trace,
  ["a multiple"] = trace * 2,
  ["a product"] = pace.rate(50) * function(t) return t < 2 and 1 or 0.5 end,
  ["a limit"] = pace.rate(300):limit(40),
  ["a jitter"] = pace.rate(50):jitter(0.5, "500ms"),
  ["a sequence"] = pace.sequence { { 20, 1 }, { 0, 1 }, { trace, 5 } },
} do
  local whole, parts, worst = moments(p, 6), parts_of(p, 3, 6), 0
  for i, t in ipairs(parts) do worst = math.max(worst, math.abs(t - (whole[i] or math.huge))) end
  tap.is(#parts, #whole, "three parts of " .. what .. ": as many records")
  near(worst, 0, 2e-3, "at the same moments")
end
tap.is(pace.unlimited():part(2, 3).start(), nil, "a part of no limit has none")
tap.is(pace.rate(5):part(1, 1).start()(2), 10.0, "one part of one is the whole")

local _, two_of_two = parts_of(trace, 2, 6)
local texts = {}
for i, t in ipairs(two_of_two[2]) do texts[i] = ("%.1f"):format(t) end
tap.is(table.concat(texts, " "), "0.2 0.9 1.4 3.5 4.1", "the second of two keeps every second arrival of a trace")
near(select(2, draw(trace:part(1, 2).start, 9)), 4.1, 1e-6, "and is over when the trace is")

local function is_poisson(times, rate, seconds, what)
  near(#times, rate * seconds, 6.5 * math.sqrt(rate * seconds), what .. ": the mean")
  local index, bound = dispersion(times, seconds, 1)
  near(index, 1, bound, "its dispersion")
end
local together, each = parts_of(pace.poisson(40, { seed = seed }), 4, 500)
is_poisson(together, 40, 500, "four parts of a Poisson process")
is_poisson(each[3], 10, 500, "one of them")
tap.ok(each[1][1] ~= each[2][1], "each has moments of its own")
is_poisson(moments(pace.poisson(20, { seed = seed }) * 2, 500), 40, 500, "twice a Poisson process")

-- ---- what is refused, with the user's line ----

for what, wrong in pairs {
  ["pace.ramp.to: is missing"] = function() pace.ramp { from = 1, over = 2 } end,
  ["pace.ramp.over: a duration"] = function() pace.ramp { to = 1, over = "soon" } end,
  ["pace.ramp.after: 'hold' or 'end'"] = function() pace.ramp { to = 1, over = 2, after = "x" } end,
  ["pace.steps: a list"] = function() pace.steps {} end,
  ["pace.steps[1]: a duration"] = function() pace.steps { { 1 }, { 2, 3 } } end,
  ["pace.steps[2]: records per second"] = function() pace.steps { { 1, 1 }, { "x", 3 } } end,
  ["pace.steps[1]: { rate, duration } is expected, not 5"] = function() pace.steps { 5 } end,
  ["pace.steps[2]: a pause without an end"] = function() pace.steps { { 1, 1 }, { 0 } } end,
  ["pace.poisson.sed: no such field (did you mean seed?)"] = function() pace.poisson(5, { sed = 7 }) end,
  ["pace.poisson: a table is expected, not 7"] = function() pace.poisson(5, 7) end,
  ["pace:jitter: a share from 0 to 1 is expected, not nil"] = function() pace.rate(1):jitter() end,
  ["pace.burst.lasts: a burst"] = function() pace.burst { peak = 1, every = 2, lasts = 2 } end,
  ["pace.diurnal.trough: a share"] = function() pace.diurnal { peak = 1, trough = 2 } end,
  ["pace.diurnal.paek: no such field (did you mean peak?)"] = function() pace.diurnal { paek = 1 } end,
  ["pace.poisson: a pace, a rate"] = function() pace.poisson {} end,
  ["pace.poisson: pace.unlimited() has no rate"] = function() pace.poisson(pace.unlimited()) end,
  ["pace +: pace.unlimited()"] = function() return pace.rate(1) + pace.unlimited() end,
  ["pace *: 0 is no factor"] = function() return pace.rate(1) * 0 end,
  ["pace:limit: 'x' is no rate"] = function() pace.rate(1):limit "x" end,
  ["pace:jitter: a share"] = function() pace.rate(1):jitter(2) end,
  ["pace.sequence[2]: a pace"] = function() pace.sequence { { 1, 2 }, { {}, 3 } } end,
  ["pace.sequence.times: a number"] = function() pace.sequence { { 1, 2 }, times = 0 } end,
  ["pace.trace: either"] = function() pace.trace {} end,
  ["pace.trace.times: time 2 is none"] = function() pace.trace { times = { 1, "x" } } end,
} do
  tap.raises(wrong, what, "refused: " .. what)
  tap.raises(wrong, "pace.t.lua:", "with the line")
end

tap.done()
