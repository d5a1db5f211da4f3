--- Curves: how many records are due so long after the start. A curve is a function that remembers
--- where it was:
---
---     records, until, over, slope = due(seconds)
---
--- seconds and records never fall. `until`: the curve is straight from here to there, where it bends or
--- jumps (nil: not known; it is smooth for the next 10 ms). over: no more will ever be due. slope: records
--- per second from here on. The run (src/run/run.c) draws its schedule with these.
local curve = {}

curve.stride = 0.01 -- seconds: a smooth curve is asked this often, and a function added up this finely

--- The next bend of two: what is straight nowhere hides a bend that is far away.
local function nearer(a, b, seconds)
  if a and b then return math.min(a, b) end
  local bend = a or b
  return bend and bend - seconds <= curve.stride and bend or nil
end

--- So many records per second.
function curve.constant(rate)
  return function(seconds) return rate * seconds, math.huge, false, rate end
end

--- From one rate to another in so many seconds.
function curve.linear(from, to, over)
  local gain = (to - from) / over
  return function(seconds)
    return (from + gain * seconds / 2) * seconds, nil, false, math.max(0, from + gain * seconds)
  end
end

--- A cosine between low and high, highest after `top` seconds and every `day` of them.
function curve.wave(low, high, top, day)
  local mean, swing, w = (low + high) / 2, (high - low) / 2, 2 * math.pi / day
  local start = math.sin(w * top)
  return function(seconds)
    local angle = w * (seconds - top)
    return mean * seconds + swing / w * (math.sin(angle) + start), nil, false, mean + swing * math.cos(angle)
  end
end

--- rate_at(seconds) -> records per second, added up: the middle of each step stands for the step.
function curve.of_function(rate_at)
  local at, due = 0.0, 0.0
  return function(seconds)
    local rate
    while at < seconds do
      local width = math.min(curve.stride, seconds - at)
      rate = rate_at(at + width / 2)
      due = due + rate * width
      at = at + width
      if due == math.huge then at = seconds end
    end
    return due, nil, false, rate or rate_at(seconds)
  end
end

--- One record at each of the moments (sorted, from 0 on).
function curve.moments(times)
  local n = 0
  return function(seconds)
    while n < #times and times[n + 1] <= seconds + 1e-9 do n = n + 1 end
    return n, times[n + 1] or math.huge, n == #times, 0
  end
end

--- Legs after one another: { start = function() -> curve, duration = seconds, or nil: until it is over },
--- so many times.
function curve.sequence(legs, times)
  local leg, round, due = 1, 1, nil
  local begun, before = 0.0, 0.0 -- the present leg: when, with how many due
  local function go_on(at, records)
    begun, before, due = at, before + records, nil
    leg = leg + 1
    if leg > #legs and round < times then leg, round = 1, round + 1 end
  end
  return function(seconds)
    while legs[leg] do
      local duration = legs[leg].duration
      due = due or legs[leg].start()
      if duration and seconds - begun >= duration then
        go_on(begun + duration, (due(duration)))
      else
        local records, bend, over, slope = due(seconds - begun)
        if over and not duration then
          go_on(seconds, records)
        else
          if over then bend = math.huge end
          if duration then bend = nearer(bend, duration, seconds - begun) end
          return before + records, bend and begun + bend, false, over and 0 or slope
        end
      end
    end
    return before, math.huge, true, 0
  end
end

--- The records of both; over when both are.
function curve.sum(a, b)
  return function(seconds)
    local records, bend, over, slope = a(seconds)
    local records2, bend2, over2, slope2 = b(seconds)
    return records + records2, nearer(bend, bend2, seconds), over and over2, slope + slope2
  end
end

--- So many times the records.
function curve.scaled(due, factor)
  return function(seconds)
    local records, bend, over, slope = due(seconds)
    return records * factor, bend, over, slope * factor
  end
end

--- Less than a record more: the first is due that much sooner, and so are all.
function curve.ahead(due, records)
  return function(seconds)
    local sum, bend, over, slope = due(seconds)
    return sum + records, bend, over, slope
  end
end

--- The curve with its rate multiplied by that of another, step by step.
function curve.product(a, b)
  local at, due, last_a, last_b = 0.0, 0.0, a(0), b(0)
  return function(seconds)
    local bend, over, slope, bend2, over2, slope2
    repeat
      local next = math.min(at + curve.stride, seconds)
      local now_a, now_b
      now_a, bend, over, slope = a(next)
      now_b, bend2, over2, slope2 = b(next)
      if next > at then due = due + (now_a - last_a) * (now_b - last_b) / (next - at) end
      at, last_a, last_b = next, now_a, now_b
    until at >= seconds
    return due, nearer(bend, bend2, seconds), over or over2, slope * slope2
  end
end

--- Never more than so many records per second; what is over is not due later. What was left unused is
--- kept for 10 ms (at least one record), so that single records pass.
function curve.limited(due, rate)
  local at, sum, last, spare = 0.0, 0.0, 0.0, 0.0
  local most = math.max(1, rate * curve.stride)
  return function(seconds)
    local bend, over, slope
    repeat
      local next = math.min(at + curve.stride, seconds)
      local now
      now, bend, over, slope = due(next)
      local room = spare + rate * (next - at)
      local taken = math.min(now - last, room)
      sum, spare = sum + taken, math.min(room - taken, most)
      at, last = next, now
    until at >= seconds
    return sum, nearer(nil, bend, seconds), over, math.min(slope, rate)
  end
end

--- The rate times a factor that changes every so many seconds: factor(k) in the k-th of those times, from 0.
function curve.shaken(due, every, factor)
  local k, sum, last = 0, 0.0, due(0)
  local start = last
  return function(seconds)
    local edge = (k + 1) * every
    while edge <= seconds do
      local now = due(edge)
      sum, last, k = sum + (now - last) * factor(k), now, k + 1
      edge = (k + 1) * every
    end
    local now, bend, over, slope = due(seconds)
    sum, last = sum + (now - last) * factor(k), now
    return start + sum, nearer(bend, edge, seconds), over, slope * factor(k)
  end
end

--- A Poisson process whose rate is the curve's: records come at the moments at which the curve reaches
--- the sums of exponential gaps. Above 10,000 records a second the moments are told to the millisecond: so
--- many in each, which is Poisson again, spread evenly within it.
--- @param unit() -> a random number in [0, 1)
function curve.poisson(due, unit)
  local function gap() return -math.log(1 - unit()) end
  local next, records = gap(), 0
  local many = 1000 -- gaps at once are a normal number: within 1 % of the Poisson distribution
  local last = 0.0
  return function(seconds)
    local level, bend, over, slope = due(seconds)
    if level == math.huge then return level, nil, over, slope end
    if level - last > many then
      local z = math.sqrt(-2 * math.log(1 - unit())) * math.cos(2 * math.pi * unit())
      records = records + math.max(0, math.floor(level - last + math.sqrt(level - last) * z + 0.5))
      next = level + gap()
    end
    while next <= level + 1e-6 do
      records, next = records + 1, next + gap()
    end
    last = level
    local coming = slope > 0 and seconds + math.max((next - level) / slope, slope > 1e4 and 1e-3 or 0) or math.huge
    return records, math.min(coming, bend or seconds + curve.stride), over, slope
  end
end

return curve
