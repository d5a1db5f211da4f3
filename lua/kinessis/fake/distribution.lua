--- Numbers with a distribution. Counts whose values are few (Poisson, binomial) are alias tables; others
--- are computed (src/gen/ops_random.c).
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local distribution = {}

local unbounded = 1e300

local scale = { "scale", "integer", 2, "digits after the point", least = 0, most = 15 }
local min = { "min?", "number", nil, "a smaller value is drawn again" }
local max = { "max?", "number", nil, "a larger value is drawn again" }
local tiny = 1e-9

-- What is to be written with so many digits after the point.
local function check_size(name, v, digits)
  local most = 8e17 / 10.0 ^ digits -- a little less than src/gen/ops_random.c can hold
  if v > most or v < -most then
    provider.refuse("%s must be %g to %g, not %s: a number has 18 digits, %d of them after the point (scale)", name,
      -most, most, v, digits)
  end
end

-- A continuous distribution as an operation of the plan. `sizes` are arguments that say where its numbers are:
-- { name, value }, which must be in reach unless a bound is on their side. least, most: between which it has numbers.
local function number(op, a, b, digits, low, high, sizes, least, most)
  check_size("min", low or 0, digits)
  check_size("max", high or 0, digits)
  for _, size in ipairs(sizes or {}) do
    local bound
    if size[2] < 0 then bound = low else bound = high end
    if not bound then check_size(size[1], size[2], digits) end
  end
  low, high = low or -unbounded, high or unbounded
  if low > high then provider.refuse("min %s is greater than max %s", low, high) end
  if least and high < least then
    provider.refuse("max %s is below all numbers of this distribution: they begin with %s", high, least)
  end
  if most and low > most then
    provider.refuse("min %s is above all numbers of this distribution: they end with %s", low, most)
  end
  return { op = op, a = a, b = b, scale = digits, min = low, max = high, type = digits == 0 and "bigint" or "double" }
end

distribution.normal = {
  "normal (Gauss): mean and standard deviation",
  arguments = { { "mean", "number", 0 }, { "sd", "number", 1, least = 0 }, scale, min, max },
  type = "double, bigint",
  example = "fake.normal(20, 5, 1, 0)", shows = "^%d+%.%d$",
  make = function(mean, sd, digits, low, high)
    local only = sd == 0 and mean or nil
    return number("normal", mean, sd, digits, low, high, { { "mean", mean }, { "sd", sd } }, only, only)
  end,
}

distribution.lognormal = {
  "log-normal: its median, and the standard deviation of its logarithm; incomes, prices, latencies",
  arguments = { { "median", "number", 1, least = tiny }, { "sigma", "number", 1, least = 0, most = 20 },
    scale, min, max },
  type = "double, bigint",
  example = "fake.lognormal(100, 0.5)", shows = "^%d+%.%d%d$",
  make = function(median, sigma, digits, low, high)
    local only = sigma == 0 and median or nil
    return number("lognormal", median, sigma, digits, low, high, { { "median", median } }, only or 0, only)
  end,
}

distribution.exponential = {
  "exponential, by its mean: the time between independent events",
  arguments = { { "mean", "number", 1, least = tiny }, scale, min, max },
  type = "double, bigint",
  example = "fake.exponential(30, 1)", shows = "^%d+%.%d$",
  make = function(mean, digits, low, high)
    return number("exponential", mean, 0, digits, low, high, { { "mean", mean } }, 0)
  end,
}

distribution.pareto = {
  "Pareto: its least value and exponent; the smaller the exponent, the heavier the tail",
  arguments = { { "least", "number", 1, least = tiny }, { "alpha", "number", 1.16, least = 0.01 }, scale, min, max },
  type = "double, bigint",
  example = "fake.pareto(10, 2)", shows = "^%d+%.%d%d$",
  make = function(least, alpha, digits, low, high)
    return number("pareto", least, alpha, digits, low, high, { { "least", least } }, least)
  end,
}

distribution.weibull = {
  "Weibull: scale and shape; times to failure",
  arguments = { { "lambda", "number", 1, least = tiny }, { "shape", "number", 1.5, least = 0.01 }, scale, min, max },
  type = "double, bigint",
  example = "fake.weibull(1000, 1.5, 0)", shows = "^%d+$",
  make = function(lambda, shape, digits, low, high)
    return number("weibull", lambda, shape, digits, low, high, { { "lambda", lambda } }, 0)
  end,
}

distribution.gamma = {
  "gamma: shape and scale; its mean is their product",
  arguments = { { "shape", "number", 2, least = 0.001 }, { "theta", "number", 1, least = tiny }, scale, min, max },
  type = "double, bigint",
  example = "fake.gamma(2, 10, 1)", shows = "^%d+%.%d$",
  make = function(shape, theta, digits, low, high)
    return number("gamma", shape, theta, digits, low, high, { { "shape * theta", shape * theta } }, 0)
  end,
}

distribution.beta = {
  "beta, from 0 to 1: ratios and probabilities",
  arguments = {
    { "a", "number", 2, least = 0.001 }, { "b", "number", 5, least = 0.001 },
    { "scale", "integer", 4, "digits after the point", least = 0, most = 15 },
  },
  type = "double",
  example = "fake.beta(2, 5)", shows = "^0%.%d%d%d%d$",
  make = function(a, b, digits) return number("beta", a, b, digits, 0, 1) end,
}

distribution.triangular = {
  "triangular: from min to max, most often near the mode",
  arguments = { { "min", "number", 0 }, { "mode", "number", 0.5 }, { "max", "number", 1 }, scale },
  type = "double, bigint",
  example = "fake.triangular(0, 20, 100, 0)", shows = "^%d+$",
  make = function(low, mode, high, digits)
    if low > mode or mode > high then
      provider.refuse("min %s, mode %s and max %s are not in order", low, mode, high)
    end
    return number("triangular", mode, 0, digits, low, high)
  end,
}

distribution.geometric = {
  "geometric: how often it fails until an event of probability p comes",
  arguments = { { "p", "number", 0.5, least = 1e-9, most = 1 } },
  type = "bigint",
  example = "fake.geometric(0.2)", shows = "^%d+$",
  make = function(p) return number("geometric", p, 0, 0, 0, nil) end,
}

distribution.zipf = {
  "Zipf: 1 to n, k in proportion to 1/k^skew; ranks of words, sites, products",
  arguments = {
    { "n", "integer", 1000, least = 1, most = 1 << 52 }, { "skew", "number", 1, least = 0.01, most = 20 },
  },
  type = "int, bigint",
  example = "fake.zipf(1000, 1.1)", shows = "^%d+$",
  make = function(n, skew) return { op = "zipf", n = n, skew = skew, type = types.of_integers(1, n) } end,
}

-- ---- counts, as tables ----

-- The logarithm of n!, by Stirling's series above the first ones.
local function log_factorial(n)
  if n < 20 then
    local product = 1.0
    for i = 2, n do product = product * i end
    return math.log(product)
  end
  local x = n + 1.0
  return (x - 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi) + 1 / (12 * x) - 1 / (360 * x ^ 3)
end

-- The counts from low to high by the logarithm of their probability.
local function counts(low, high, log_weight)
  local words, weights = {}, {}
  for k = low, high do
    words[#words + 1], weights[#weights + 1] = k, math.exp(log_weight(k))
  end
  return { op = "weighted", words = words, weights = weights, type = types.of_integers(low, high) }
end

local spread = 12 -- standard deviations that the tables reach: what is beyond is less than 1e-30

distribution.poisson = {
  "Poisson, by its mean: how many independent events there are in a time",
  arguments = { { "mean", "number", 1, least = tiny, most = 1000000 } },
  type = "int",
  example = "fake.poisson(4)", shows = "^%d+$",
  make = function(mean)
    local reach = spread * math.sqrt(mean)
    local low, high = math.max(0, math.floor(mean - reach)), math.ceil(mean + reach + 30)
    return counts(low, high, function(k) return k * math.log(mean) - mean - log_factorial(k) end)
  end,
}

distribution.binomial = {
  "binomial: how many of n trials succeed, each with probability p",
  arguments = { { "n", "integer", 10, least = 0, most = 1000000 }, { "p", "number", 0.5, least = 0, most = 1 } },
  type = "int",
  example = "fake.binomial(10, 0.3)", shows = "^%d+$",
  make = function(n, p)
    if p == 0 or p == 1 or n == 0 then return counts(p == 1 and n or 0, p == 1 and n or 0, function() return 0 end) end
    local mean, reach = n * p, spread * math.sqrt(n * p * (1 - p)) + 30
    local low, high = math.max(0, math.floor(mean - reach)), math.min(n, math.ceil(mean + reach))
    return counts(low, high, function(k)
      return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * math.log(p) + (n - k) * math.log(1 - p)
    end)
  end,
}

distribution.histogram = {
  "from bins { min, max, weight }: a bin by its weight, then a number in it, each as likely",
  arguments = { { "bins", "any", nil, "a list of { min, max, weight }" }, scale },
  type = "decimal(p,s)",
  example = "fake.histogram({ { 0, 10, 3 }, { 10, 100, 1 } }, 1)", shows = "^%d+%.%d$",
  make = function(bins, digits)
    if type(bins) ~= "table" or provider.is(bins) or #bins == 0 then
      provider.refuse("bins must be a list of { min, max, weight }, not %s",
        type(bins) == "table" and "empty" or blame.show(bins))
    end
    local fake, decimals, widest = require "kinessis.fake", {}, 0
    for i, bin in ipairs(bins) do
      if type(bin) ~= "table" or #bin ~= 3 then
        provider.refuse("bin %d must be { min, max, weight }, not %s", i, blame.show(bin))
      end
      local decimal = fake.decimal(bin[1], bin[2], digits)
      if decimal.problem then provider.refuse("bin %d: %s", i, decimal.problem) end
      decimals[i] = { decimal, bin[3] }
      widest = math.max(widest, tonumber(decimal.type:match "%d+"))
    end
    local kind = ("decimal(%d,%d)"):format(widest, digits)
    for _, pair in ipairs(decimals) do pair[1].type = kind end
    local made = fake.weighted(decimals)
    if made.problem then provider.refuse("%s", made.problem) end
    return made
  end,
}

distribution.walk = {
  "a random walk: the value of record i is that of the record before and a bell-shaped step of standard deviation "
    .. "`step`, reflected by min and max. It is a function of the index: record i is made without the ones before",
  arguments = {
    { "start", "number", 0 }, { "step", "number", 1, least = 0 }, scale,
    { "min?", "number" }, { "max?", "number" },
  },
  type = "double, bigint",
  example = "fake.walk(20, 0.5, 2, 0, 40)", shows = "^%d+%.%d%d$",
  make = function(start, step, digits, low, high)
    return number("walk", start, step, digits, low, high, { { "start", start }, { "step", step } })
  end,
}

return distribution
