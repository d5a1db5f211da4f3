--- Which distribution numbers have, of those that providers make: uniform, normal, log-normal, exponential,
--- Zipf. One of them is named only where there is reason to:
---
---   * from 200 sampled values on (a profile keeps at most 4,000);
---   * its distribution function, with the parameters that the values suggest and cut at the least and
---     the greatest value seen, is nowhere further from that of the sample (Kolmogorov-Smirnov) than
---     2.2/sqrt(n) (uniform) or 1.9/sqrt(n) (fitted): true ones are further less than once in 5,000 times;
---   * of several, the likeliest (by Schwarz's criterion), the simpler one where they are as good; but what
---     may be uniform is, unless another is e^10 times likelier.
---
--- Numbers with d digits after the point are read as rounded to them. Left out on purpose: mixtures and
--- heavier families, which quantiles tell as well.
local fit = {}

local LEAST = 200
local FEWEST = 20            -- fewer are taken for uniform
local UNIFORM, FITTED = 2.2, 1.9
local CLEARLY, BETTER = 10, 2 -- in logarithms of likelihood

-- The normal distribution function, by the series of its integral.
local function normal_cdf(z)
  if z > 8 then return 1.0 elseif z < -8 then return 0.0 end
  local term, sum, k = z, z, 1
  repeat
    k = k + 2
    term = term * z * z / k
    sum = sum + term
  until math.abs(term) <= math.abs(sum) * 1e-12
  return 0.5 + sum * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
end

local function moments(values, of)
  local n, sum, squares = #values, 0.0, 0.0
  for _, v in ipairs(values) do sum = sum + of(v) end
  for _, v in ipairs(values) do squares = squares + (of(v) - sum / n) ^ 2 end
  return sum / n, math.sqrt(squares / n)
end

local function itself(v) return v end

-- ---- the families: each gives { shape, a, b, free (parameters), cdf, log_density }, or nil ----

local function uniform(s)
  local range = s.high - s.low
  return { shape = "uniform", free = 0, cdf = function(v) return (v - s.low) / range end,
    log_density = function() return -math.log(range) end }
end

local families = {}

-- What is cut off below is 1 - exp(-least/mean): the rest is exponential again, from least on.
function families.exponential(s)
  local mean = moments(s.values, itself) - math.max(0, s.least)
  if s.least < 0 or s.least > mean / 2 then return nil end
  return { shape = "exponential", a = mean, free = 1,
    cdf = function(v) return v <= 0 and 0 or 1 - math.exp(-v / mean) end,
    log_density = function(v) return -math.log(mean) - v / mean end }
end

local function bell(z, sd) return -math.log(sd * math.sqrt(2 * math.pi)) - z * z / 2 end

function families.normal(s)
  local mean, sd = moments(s.values, itself)
  return { shape = "normal", a = mean, b = sd, free = 2, cdf = function(v) return normal_cdf((v - mean) / sd) end,
    log_density = function(v) return bell((v - mean) / sd, sd) end }
end

function families.lognormal(s)
  if s.least <= 0 then return nil end
  local mean, sd = moments(s.values, math.log)
  if sd == 0 or sd > 20 then return nil end
  return { shape = "lognormal", a = math.exp(mean), b = sd, free = 2,
    cdf = function(v) return v <= 0 and 0 or normal_cdf((math.log(v) - mean) / sd) end,
    log_density = function(v) return bell((math.log(v) - mean) / sd, sd) - math.log(v) end }
end

-- The sum of k^-skew for k from 1 to n: the first ones added, the others by Euler and Maclaurin.
local function zipf_sum(n, skew)
  local first, sum = math.min(n, 50), 0.0
  for k = 1, first do sum = sum + k ^ -skew end
  if n == first then return sum end
  local integral = math.abs(skew - 1) < 1e-9 and math.log(n / first)
    or (n ^ (1 - skew) - first ^ (1 - skew)) / (1 - skew)
  return sum + integral + (n ^ -skew - first ^ -skew) / 2 + skew * (first ^ (-skew - 1) - n ^ (-skew - 1)) / 12
end

-- The likeliest skew from 0.05 to 5, by the mean logarithm of the ranks: the logarithm of its likelihood has one
-- maximum, which thirds close in on.
local function zipf_skew(n, logs)
  local from, to = 0.05, 5.0
  local function likelihood(skew) return -skew * logs - math.log(zipf_sum(n, skew)) end
  for _ = 1, 40 do
    local third = (to - from) / 3
    if likelihood(from + third) < likelihood(to - third) then from = from + third else to = to - third end
  end
  return from
end

function families.zipf(s)
  if not s.whole or s.least ~= 1 then return nil end
  local n = s.most
  local skew = zipf_skew(n, (moments(s.values, math.log)))
  local total = zipf_sum(n, skew)
  return { shape = "zipf", a = n, b = skew, free = 1,
    cdf = function(v) return v < 1 and 0 or zipf_sum(math.floor(v), skew) / total end,
    log_density = function(v) return -skew * math.log(v) - math.log(total) end }
end

local order = { "exponential", "normal", "lognormal", "zipf" } -- the simpler ones first

-- ---- how well they fit ----

-- Fills far (Kolmogorov-Smirnov), limit and score (likelihood less what the parameters cost).
local function judge(s, family, limit)
  local n, half = #s.values, s.unit / 2
  local below = family.cdf(s.low)
  local mass = family.cdf(s.high) - below
  local far, score, i = 0, -n * math.log(mass) - family.free / 2 * math.log(n), 1
  while i <= n do
    local v, before = s.values[i], i - 1
    while s.values[i] == v do i = i + 1 end
    far = math.max(far, math.abs(before / n - (family.cdf(v - half) - below) / mass),
      math.abs((i - 1) / n - (family.cdf(v + half) - below) / mass))
    score = score + (i - 1 - before) * family.log_density(v)
  end
  family.far, family.limit, family.score = far, limit / math.sqrt(n), score
  return far <= family.limit and family or nil
end

--- @param n the numbers of a profile, least below most @param digits after the point that they are rounded to, or nil
--- @return { shape, a, b (its parameters), far, limit, values (how many were looked at) }; or nil: of none of them
function fit.of(n, digits)
  local values = {}
  for i, v in ipairs(n.sample) do values[i] = v + 0.0 end
  table.sort(values)
  local unit = digits and 10.0 ^ -digits or 0.0
  local s = { values = values, least = n.least + 0.0, most = n.most + 0.0, whole = n.whole, unit = unit,
    low = n.least - unit / 2, high = n.most + unit / 2 }
  local even = judge(s, uniform(s), UNIFORM)
  local best
  for _, name in ipairs(#values >= LEAST and values[1] < values[#values] and order or {}) do
    local family = families[name](s)
    family = family and judge(s, family, FITTED)
    if family and (not best or family.score > best.score + BETTER) then best = family end
  end
  if even and (not best or best.score < even.score + CLEARLY) then best = even end
  if not best and #values < FEWEST then best = uniform(s) end
  if best then best.values = #values end
  return best
end

--- Counts of different values are as even as chance makes them: chi-squared, which is larger than this once in
--- 30,000 times (Wilson and Hilferty).
function fit.even(list)
  local total, sum, free = 0, 0, #list - 1
  for _, n in ipairs(list) do total = total + n end
  local mean = total / #list
  for _, n in ipairs(list) do sum = sum + (n - mean) ^ 2 / mean end
  return free == 0 or sum < free * (1 - 2 / (9 * free) + 4 * math.sqrt(2 / (9 * free))) ^ 3
end

--- By how much the frequent ones of many values are more frequent: the skew of Zipf's law by their ranks, or 0.
function fit.skew(values, counts)
  local list, total, logs = {}, 0, 0.0
  for i, value in ipairs(values) do list[i], total = counts[value], total + counts[value] end
  if fit.even(list) then return 0 end
  table.sort(list, function(a, b) return a > b end)
  for rank, n in ipairs(list) do logs = logs + n * math.log(rank) end
  return zipf_skew(#list, logs / total)
end

--- The sample's values at i/pieces of it, for i from 0 to pieces.
function fit.quantiles(n, pieces)
  local values, list = table.move(n.sample, 1, #n.sample, 1, {}), { n.least }
  table.sort(values)
  for i = 1, pieces - 1 do list[i + 1] = values[math.max(1, (i * #values + pieces - 1) // pieces)] end
  list[pieces + 1] = n.most
  return list
end

return fit
