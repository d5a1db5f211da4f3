--- Numbers: whole and decimal ones in a range, counters.
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local number = {}

local function check_order(min, max)
  if min > max then provider.refuse("min %s is greater than max %s", min, max) end
end

number.integer = {
  "a whole number, each as likely",
  arguments = { { "min", "integer", 0 }, { "max", "integer", 2147483647 } },
  type = "int, bigint",
  example = "fake.integer(1, 6)", shows = "^[1-6]$",
  make = function(min, max)
    check_order(min, max)
    return { op = "integer", min = min, max = max, type = types.of_integers(min, max) }
  end,
}

number.decimal = {
  "a number with exactly `scale` digits after the point, each as likely; bounds are rounded to that scale",
  arguments = {
    { "min", "number", 0 }, { "max", "number", 100 },
    { "scale", "integer", 2, "digits after the point", least = 0, most = 18 },
  },
  type = "decimal(p,s)",
  example = "fake.decimal(0, 10, 2)", shows = "^%d+%.%d%d$",
  make = function(min, max, scale)
    check_order(min, max)
    local unit = 10.0 ^ scale
    local function scaled(v) return math.tointeger(math.floor(v * unit + 0.5)) end
    local low, high = scaled(min), scaled(max)
    if not low or not high then provider.refuse("min and max have more than 18 digits at scale %d", scale) end
    local largest = math.max(low, high, -low, -high)
    local digits = math.max(#tostring(largest), scale + 1)
    return { op = "decimal", min = low, max = high, scale = scale, type = ("decimal(%d,%d)"):format(digits, scale) }
  end,
}

number.sequence = {
  "start + step * the record's index, and a random whole number from 0 to jitter; with a jitter below the step "
    .. "it is a counter that grows in uneven steps",
  arguments = {
    { "start", "integer", 1 }, { "step", "integer", 1 },
    { "jitter", "integer", 0, least = 0 },
  },
  type = "bigint",
  example = "fake.sequence(100, 10)", shows = "^%d+0$",
  make = function(start, step, jitter)
    return { op = "sequence", start = start, step = step, jitter = jitter, type = "bigint", fails = true }
  end,
}

number.boolean = {
  "true with probability p",
  arguments = { { "p", "number", 0.5, least = 0, most = 1 } },
  type = "boolean",
  example = "fake.boolean(0.9)", shows = "^%l+$",
  make = function(p) return { op = "weighted", words = { true, false }, weights = { p, 1 - p }, type = "boolean" } end,
}

number.bernoulli = {
  "1 with probability p, else 0",
  arguments = { { "p", "number", 0.5, least = 0, most = 1 } },
  type = "int",
  example = "fake.bernoulli(0.1)", shows = "^[01]$",
  make = function(p) return { op = "weighted", words = { 1, 0 }, weights = { p, 1 - p }, type = "int" } end,
}

return number
