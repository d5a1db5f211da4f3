--- Numbers.
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local number = {}

local function check_order(min, max)
  if min > max then provider.refuse("min %s is greater than max %s", min, max) end
end

--- integer(min = 0, max = 2147483647): a whole number, each as likely.
function number.integer(min, max)
  min = provider.integer("min", min, 0)
  max = provider.integer("max", max, 2147483647)
  check_order(min, max)
  return { op = "integer", min = min, max = max, type = types.of_integers(min, max) }
end

--- decimal(min = 0, max = 100, scale = 2): a number with exactly `scale` digits (0 to 18) after the
--- point. Bounds are rounded to that scale.
function number.decimal(min, max, scale)
  min, max = provider.number("min", min, 0), provider.number("max", max, 100)
  scale = provider.integer("scale", scale, 2, 0, 18)
  check_order(min, max)
  local unit = 10.0 ^ scale
  local function scaled(v) return math.tointeger(math.floor(v * unit + 0.5)) end
  local low, high = scaled(min), scaled(max)
  if not low or not high then provider.refuse("min and max have more than 18 digits at scale %d", scale) end
  local largest = math.max(low, high, -low, -high)
  local digits = math.max(#tostring(largest), scale + 1)
  return { op = "decimal", min = low, max = high, scale = scale, type = ("decimal(%d,%d)"):format(digits, scale) }
end

--- sequence(start = 1, step = 1): start + step * the record's index.
function number.sequence(start, step)
  return {
    op = "sequence",
    start = provider.integer("start", start, 1),
    step = provider.integer("step", step, 1),
    type = "bigint",
  }
end

--- boolean(p = 0.5): true with probability p.
function number.boolean(p)
  p = provider.number("p", p, 0.5, 0, 1)
  return { op = "weighted", words = { true, false }, weights = { p, 1 - p }, type = "boolean" }
end

return number
