--- The distributions are what they say: Kolmogorov-Smirnov for continuous ones, chi-squared for counts, at
--- p < 1e-9: each of these tests fails by chance once in a thousand million runs.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake = kinessis.fake

local seed = tap.seed()

local N = 20000

local function draw(value, n, options)
  options = options or {}
  options.seed = options.seed or seed
  local list = kinessis.schema("t", { { "v", value } }):sample(n or N, options)
  for i, json in ipairs(list) do list[i] = cjson.decode(json).v end
  return list
end

-- sup |F_n - F| * sqrt(n) is above this once in 10^9 (Kolmogorov's distribution: 2 exp(-2 x^2)).
local ks_limit = math.sqrt(-math.log(1e-9 / 2) / 2)

local function ks(name, value, cdf)
  local list = draw(value)
  table.sort(list)
  local worst = 0
  for i, v in ipairs(list) do
    local p = cdf(v)
    worst = math.max(worst, math.abs(i / #list - p), math.abs((i - 1) / #list - p))
  end
  local d = worst * math.sqrt(#list)
  print(("# %s: KS %.2f of %.2f, median %g"):format(name, d, ks_limit, list[#list // 2]))
  tap.ok(d < ks_limit, name .. ": Kolmogorov-Smirnov")
end

-- The value that chi-squared with k degrees of freedom exceeds once in 10^9 (Wilson and Hilferty).
local function chi_limit(k)
  local z = 5.998
  return k * (1 - 2 / (9 * k) + z * math.sqrt(2 / (9 * k))) ^ 3
end

-- probability(v) for v from low on; what is expected less than ten times is one class.
local function chi(name, list, low, probability)
  local counts, classes, expected, observed, sum = {}, 0, 0, 0, 0
  for _, v in ipairs(list) do counts[v] = (counts[v] or 0) + 1 end
  local left, rest, v = 1.0, #list, low
  while left * #list > 10 and v < low + 2000 do
    expected, observed = expected + probability(v) * #list, observed + (counts[v] or 0)
    left, rest = left - probability(v), rest - (counts[v] or 0)
    if expected >= 10 then
      sum, classes = sum + (observed - expected) ^ 2 / expected, classes + 1
      expected, observed = 0, 0
    end
    v = v + 1
  end
  expected, observed = expected + left * #list, observed + rest
  if expected > 1 then sum, classes = sum + (observed - expected) ^ 2 / expected, classes + 1 end
  local limit = chi_limit(math.max(classes - 1, 1))
  print(("# %s: chi-squared %.1f of %.1f, %d classes"):format(name, sum, limit, classes))
  tap.ok(sum < limit, name .. ": chi-squared")
end

-- ---- continuous ----

-- The error function, by its series (small) and continued fraction (large).
local function normal_cdf(x)
  local z = math.abs(x)
  if z > 8 then return x > 0 and 1 or 0 end
  local term, sum, k = z, z, 0
  repeat
    k = k + 1
    term = term * z * z / (2 * k + 1)
    sum = sum + term
  until term <= sum * 1e-14
  local half = sum * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
  return x > 0 and 0.5 + half or 0.5 - half
end

ks("normal", fake.normal(5, 2, 6), function(x) return normal_cdf((x - 5) / 2) end)
ks("normal, bounded", fake.normal(0, 1, 6, 0), function(x) return 2 * normal_cdf(x) - 1 end)
ks("lognormal", fake.lognormal(100, 0.5, 6), function(x) return normal_cdf(math.log(x / 100) / 0.5) end)
ks("exponential", fake.exponential(30, 6), function(x) return 1 - math.exp(-x / 30) end)
ks("pareto", fake.pareto(2, 3, 6), function(x) return 1 - (2 / x) ^ 3 end)
ks("weibull", fake.weibull(10, 1.5, 6), function(x) return 1 - math.exp(-(x / 10) ^ 1.5) end)
ks("gamma, shape 3", fake.gamma(3, 2, 6), function(x)
  local t = x / 2
  return 1 - math.exp(-t) * (1 + t + t * t / 2)
end)
ks("gamma, shape 0.5", fake.gamma(0.5, 1, 9), function(x) return 2 * normal_cdf(math.sqrt(2 * x)) - 1 end)

-- ---- bounds that leave little: what is left keeps its distribution ----

-- The normal distribution beyond x > 0 in units of its density there (Mills' ratio, by a continued fraction).
local function mills(x)
  local r = x
  for k = 200, 1, -1 do r = x + k / r end
  return 1 / r
end

-- P(X > x) / P(X > a) of the standard normal distribution, x >= a > 0.
local function normal_beyond(x, a)
  return math.exp((a - x) * (a + x) / 2) * mills(x) / mills(a)
end

-- From a to b, by what is beyond.
local function between(beyond, a, b)
  local rest = b and beyond(b, a) or 0
  return function(x) return (1 - beyond(x, a)) / (1 - rest) end
end

local function mirrored(cdf) return function(x) return 1 - cdf(-x) end end

ks("normal from 3", fake.normal(0, 1, 9, 3), between(normal_beyond, 3))
ks("normal from 40", fake.normal(0, 1, 9, 40), between(normal_beyond, 40))
ks("normal from 2 to 2.1", fake.normal(0, 1, 9, 2, 2.1), between(normal_beyond, 2, 2.1))
ks("normal to -5", fake.normal(0, 1, 9, nil, -5), mirrored(between(normal_beyond, 5)))
ks("normal, its mean far outside", fake.normal(5000, 10, 9, 0, 100), function(x)
  return 1 - between(normal_beyond, 490, 500)((5000 - x) / 10)
end)
ks("normal, a slice with the mean", fake.normal(0, 1, 9, -0.1, 0.2), function(x)
  return (normal_cdf(x) - normal_cdf(-0.1)) / (normal_cdf(0.2) - normal_cdf(-0.1))
end)
ks("normal, bounds that leave a fifth", fake.normal(0, 1, 9, 0.84), between(normal_beyond, 0.84))
ks("lognormal from 1e5", fake.lognormal(100, 0.5, 9, 1e5), function(x)
  return between(normal_beyond, math.log(1000) / 0.5)(math.log(x / 100) / 0.5)
end)
ks("exponential from 1000 to 1001", fake.exponential(1, 9, 1000, 1001), function(x)
  return (1 - math.exp(1000 - x)) / (1 - math.exp(-1))
end)
ks("exponential to 0.1", fake.exponential(1, 9, nil, 0.1), function(x)
  return (1 - math.exp(-x)) / (1 - math.exp(-0.1))
end)
ks("pareto from 1000", fake.pareto(2, 3, 9, 1000), function(x) return 1 - (1000 / x) ^ 3 end)
ks("pareto to 2.1", fake.pareto(2, 3, 9, nil, 2.1), function(x) return (1 - (2 / x) ^ 3) / (1 - (2 / 2.1) ^ 3) end)
ks("weibull from 100", fake.weibull(10, 1.5, 9, 100), function(x) return 1 - math.exp(10 ^ 1.5 - (x / 10) ^ 1.5) end)
local function gamma3(x, a) return math.exp(a - x) * (1 + x + x * x / 2) / (1 + a + a * a / 2) end
ks("gamma from 50", fake.gamma(3, 1, 9, 50), between(gamma3, 50))
ks("gamma from 4 to 4.2", fake.gamma(3, 1, 9, 4, 4.2), between(gamma3, 4, 4.2))
ks("gamma from 1.9 to 2.2", fake.gamma(3, 1, 9, 1.9, 2.2), between(gamma3, 1.9, 2.2))
ks("gamma to 0.01", fake.gamma(3, 1, 12, nil, 0.01), function(x)
  return between(gamma3, 0, 0.01)(x)
end)
ks("gamma, shape 0.5, from 20", fake.gamma(0.5, 1, 9, 20), function(x)
  return between(normal_beyond, math.sqrt(40))(math.sqrt(2 * x))
end)
ks("gamma, shape 0.5, to 0.001", fake.gamma(0.5, 1, 15, nil, 0.001), function(x)
  return (2 * normal_cdf(math.sqrt(2 * x)) - 1) / (2 * normal_cdf(math.sqrt(0.002)) - 1)
end)
local narrow = draw(fake.gamma(2, 1, 3, 7, 7), 50)
local others = 0
for _, v in ipairs(narrow) do others = others + (v == 7 and 0 or 1) end
tap.is(others, 0, "bounds that leave one number")

-- ---- others ----

ks("beta", fake.beta(2, 3, 9), function(x) return x * x * (6 - 8 * x + 3 * x * x) end)
ks("beta, 0.5", fake.beta(0.5, 0.5, 12), function(x) return 2 / math.pi * math.asin(math.sqrt(x)) end)
ks("triangular", fake.triangular(0, 2, 10, 6), function(x)
  return x < 2 and x * x / 20 or 1 - (10 - x) ^ 2 / 80
end)
ks("decimal", fake.decimal(-3, 5, 9), function(x) return (x + 3) / 8 end)
ks("histogram", fake.histogram({ { 0, 10, 3 }, { 20, 60, 1 } }, 9), function(x)
  return x < 10 and x / 10 * 0.75 or x < 20 and 0.75 or 0.75 + (x - 20) / 40 * 0.25
end)

-- ---- counts ----

chi("integer", draw(fake.integer(0, 99)), 0, function() return 0.01 end)
chi("bernoulli", draw(fake.bernoulli(0.3)), 0, function(k) return k == 1 and 0.3 or k == 0 and 0.7 or 0 end)
chi("weighted", draw(fake.weighted { { 0, 1 }, { 1, 3 }, { 2, 0 }, { 3, 6 } }), 0, function(k)
  return ({ [0] = 0.1, 0.3, 0, 0.6 })[k] or 0
end)
local function poisson(mean)
  local p = {}
  p[0] = math.exp(-mean)
  for k = 1, 300 do p[k] = p[k - 1] * mean / k end
  return function(k) return p[k] or 0 end
end
chi("poisson, 4", draw(fake.poisson(4)), 0, poisson(4))
chi("poisson, 0.1", draw(fake.poisson(0.1)), 0, poisson(0.1))
chi("poisson, 100", draw(fake.poisson(100)), 0, poisson(100))
local function binomial(n, p)
  local list = { [0] = (1 - p) ^ n }
  for k = 1, n do list[k] = list[k - 1] * (n - k + 1) / k * p / (1 - p) end
  return function(k) return list[k] or 0 end
end
chi("binomial", draw(fake.binomial(30, 0.3)), 0, binomial(30, 0.3))
chi("geometric", draw(fake.geometric(0.2)), 0, function(k) return 0.2 * 0.8 ^ k end)
local function zipf(n, s)
  local sum = 0
  for k = 1, n do sum = sum + k ^ -s end
  return function(k) return k <= n and k ^ -s / sum or 0 end
end
chi("zipf, 1.1", draw(fake.zipf(1000, 1.1)), 1, zipf(1000, 1.1))
chi("zipf, 1", draw(fake.zipf(50, 1)), 1, zipf(50, 1))
chi("zipf, 0.3", draw(fake.zipf(20, 0.3)), 1, zipf(20, 0.3))
chi("zipf, 3", draw(fake.zipf(1000000, 3)), 1, zipf(1000, 3))
chi("pool, skewed", draw(fake.pool(fake.sequence(1, 1), 100, 1)), 1, zipf(100, 1))
chi("pool, even", draw(fake.pool(fake.sequence(0, 1), 50)), 0, function() return 1 / 50 end)
chi("one_of providers", draw(fake.one_of { fake.constant(0), fake.constant(1), fake.constant(2) }), 0,
  function() return 1 / 3 end)
local positions = {}
for _, v in ipairs(draw(fake.shuffle { 0, 1, 2, 3 })) do
  positions[#positions + 1] = ((v[1] * 4 + v[2]) * 4 + v[3]) * 4 + v[4]
end
local orders = {}
for _, v in ipairs(positions) do orders[v] = true end
local number, names = 0, {}
for v in pairs(orders) do names[#names + 1] = v end
table.sort(names)
for i, v in ipairs(names) do names[v], number = i - 1, i end
tap.is(number, 24, "shuffle: 24 orders of four")
for i, v in ipairs(positions) do positions[i] = names[v] end
chi("shuffle", positions, 0, function() return 1 / 24 end)
chi("array_of, its lengths", (function()
  local list = draw(fake.array_of(1, 2, 6))
  for i, v in ipairs(list) do list[i] = #v end
  return list
end)(), 2, function() return 0.2 end)

-- ---- the random walk: by index as in order; its steps have the deviation that was asked for ----

local walk = fake.walk(10, 2, 6)
local path = draw(walk, 20001)
tap.is(path[1], 10.0, "walk: its start")
tap.is(draw(walk, 1, { from = 12345 })[1], path[12346], "walk: any index alone")
local sum, squares, products = 0, 0, 0
for i = 2, #path do
  local step = path[i] - path[i - 1]
  sum, squares = sum + step, squares + step * step
  if i > 2 then products = products + step * (path[i - 1] - path[i - 2]) end
end
print(("# walk: mean step %.4f, deviation %.4f, correlation %.4f"):format(sum / N, math.sqrt(squares / N),
  products / squares))
tap.ok(math.abs(math.sqrt(squares / N) - 2) < 0.08, "walk: the deviation of a step")
tap.ok(math.abs(products / squares) < 0.04, "walk: steps do not depend on each other")
-- Far away it is as far as its steps take it: value i over sqrt(i) is bell-shaped over seeds.
local far = {}
for k = 1, 300 do far[k] = (draw(walk, 1, { from = 1000000, seed = seed + k })[1] - 10) / 2000 end
local square = 0
for _, v in ipairs(far) do square = square + v * v end
print(("# walk: deviation at a million steps %.3f of 1"):format(math.sqrt(square / #far)))
tap.ok(square / #far > 0.55 and square / #far < 1.6, "walk: its spread grows as the root of the index")
local vast = draw(fake.array_of(fake.walk(0, 1e308, 0, 0, 40), 200, 200), 50)
local outside = 0
for _, list in ipairs(vast) do
  for _, v in ipairs(list) do outside = outside + (v >= 0 and v <= 40 and 0 or 1) end
end
tap.is(outside, 0, "walk: steps whose sum is no number stay within the bounds")
local bounded = draw(fake.walk(20, 3, 2, 15, 25), 5000)
local low, high = 25, 15
for _, v in ipairs(bounded) do low, high = math.min(low, v), math.max(high, v) end
tap.ok(low >= 15 and low < 15.5 and high <= 25 and high > 24.5, "walk: reflected at its bounds")

-- ---- shapes ----

local function type_of(value) return kinessis.schema("t", { { "v", value } }):columns()[1].type end
tap.is(type_of(fake.normal()) .. " " .. type_of(fake.normal(0, 1, 0)), "double bigint", "types")
tap.is(type_of(fake.zipf(10)) .. " " .. type_of(fake.histogram { { 0, 1000, 1 }, { 5, 6, 1 } }), "int decimal(6,2)",
  "types of zipf and histogram")
local counter = draw(fake.sequence(0, 10, 9), 1000)
local grows, moved = true, 0
for i = 2, #counter do
  grows = grows and counter[i] > counter[i - 1]
  moved = moved + (counter[i] % 10 ~= 0 and 1 or 0)
end
tap.ok(grows, "sequence: with a jitter it still grows")
tap.ok(moved > 500, "sequence: and is moved by it")

-- ---- mistakes ----

local function refused(value, fragment)
  tap.raises(function() kinessis.schema("t", { { "v", value } }) end, "schema t.v: " .. fragment, fragment)
end
refused(fake.normal(0, -1), "sd must be at least 0, not -1")
refused(fake.normal(0, 1, 2, 5, 1), "min 5 is greater than max 1")
refused(fake.normal(0, 1, 16), "scale must be 0 to 15, not 16")
refused(fake.normal(0, 1, 2, 9e15),
  "min must be -8e+15 to 8e+15, not 9e+15: a number has 18 digits, 2 of them after the point (scale)")
refused(fake.normal(0, 1, 2, nil, math.mininteger), "max must be -8e+15 to 8e+15, not -9223372036854775808")
refused(fake.pareto(1e300, 0.01, 15), "least must be -800 to 800, not 1e+300: a number has 18 digits, 15 of them")
refused(fake.normal(5000, 10, 15), "mean must be -800 to 800, not 5000")
refused(fake.normal(-5000, 10, 15, nil, 1), "mean must be -800 to 800, not -5000")
refused(fake.normal(0, 1e300), "sd must be -8e+15 to 8e+15, not 1e+300")
refused(fake.lognormal(1e16), "median must be -8e+15 to 8e+15, not 1e+16")
refused(fake.exponential(801, 15), "mean must be -800 to 800, not 801")
refused(fake.weibull(1e18, 1, 0), "lambda must be -8e+17 to 8e+17, not 1e+18")
refused(fake.gamma(1e9, 1e9), "shape * theta must be -8e+15 to 8e+15, not 1e+18")
refused(fake.walk(801, 1, 15), "start must be -800 to 800, not 801")
tap.ok(kinessis.schema("t", { { "v", fake.normal(1000, 500, 15, 0, 700) } }), "a mean beyond a bound that is in reach")
refused(fake.normal(5, 0, 2, 6), "min 6 is above all numbers of this distribution: they end with 5")
refused(fake.normal(5, 0, 2, nil, 4), "max 4 is below all numbers of this distribution: they begin with 5")
refused(fake.lognormal(5, 1, 2, nil, -1), "max -1 is below all numbers of this distribution: they begin with 0")
refused(fake.lognormal(5, 0, 2, 6), "min 6 is above all numbers of this distribution: they end with 5")
refused(fake.exponential(5, 2, -4, -2), "max -2 is below all numbers of this distribution: they begin with 0")
refused(fake.pareto(5, 2, 2, 1, 4), "max 4 is below all numbers of this distribution: they begin with 5")
refused(fake.weibull(5, 2, 2, nil, -1), "max -1 is below all numbers of this distribution: they begin with 0")
refused(fake.gamma(5, 2, 2, nil, -1), "max -1 is below all numbers of this distribution: they begin with 0")
refused(fake.exponential(0), "mean must be at least 1e-09, not 0")
refused(fake.triangular(0, 5, 1), "min 0, mode 5 and max 1 are not in order")
refused(fake.zipf(0), "n must be 1 to 4503599627370496, not 0")
refused(fake.poisson(1e7), "mean must be 1e-09 to 1000000, not 10000000.0")
refused(fake.binomial(-1), "n must be 0 to 1000000, not -1")
refused(fake.geometric(2), "p must be 1e-09 to 1, not 2")
refused(fake.histogram {}, "bins must be a list of { min, max, weight }, not empty")
refused(fake.histogram { { 1, 2 } }, "bin 1 must be { min, max, weight }, not a table")
refused(fake.histogram { { 2, 1, 1 } }, "bin 1: min 2 is greater than max 1")
refused(fake.histogram { { 1, 2, 0 } }, "the weights sum to 0")
refused(fake.pareto(1, "x"), 'alpha must be a number, not string "x"')
tap.done()
