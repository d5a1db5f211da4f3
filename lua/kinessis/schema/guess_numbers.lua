--- From numbers that have something in common to a provider: sequences, times as numbers, the distributions
--- that schema/fit.lua knows, else quantiles. Never outside of the range that was seen (prices: of its whole units).
---
--- Decimal or double: by the digits that were seen. Up to 9 after the point, and 12 in all, are taken for a
--- decimal, which keeps what is money exact; more than that is what computing leaves: a double.
local fit = require "kinessis.schema.fit"
local sys = require "kinessis.core.sys"
local times = require "kinessis.schema.guess_times"

local numbers = {}

local PIECES = 20        -- quantiles that stand for a distribution without a name
local RISING = 20        -- numbers in order that are no accident
local STEPS = 5          -- nor are so many that follow each other evenly
local EXACT = 1 << 53    -- whole numbers below are exact in a double

local function text_of(value)
  return math.type(value) == "integer" and ("%d"):format(value) or ("%.14g"):format(value)
end

numbers.text_of = text_of

local function short(value) return ("%.5g"):format(value) end

local function thousands(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

numbers.thousands = thousands

local function largest(n) return math.max(math.abs(n.least + 0.0), math.abs(n.most + 0.0)) end

-- ---- decimal or double ----

-- { digits (to write), kind (Glue's type), decimal, why }; digits is nil where 15 of them do not do.
local function notation(n)
  if n.whole then
    return { digits = 0, kind = n.least >= -2 ^ 31 and n.most < 2 ^ 31 and "int" or "bigint", why = "" }
  end
  local high = largest(n)
  if n.scale <= 9 and high * 10.0 ^ n.scale < 1e12 then
    local digits = math.max(#("%d"):format(math.floor(high)) + n.scale, n.scale + 1)
    local kind = ("decimal(%d,%d)"):format(digits, n.scale)
    return { digits = n.scale, kind = kind, decimal = true,
      why = ("; %s: no more than %d digit%s after the point"):format(kind, n.scale, n.scale == 1 and "" or "s") }
  end
  local seen = n.scale < 99 and ("%d digits after the point"):format(n.scale) or "some with an exponent"
  local before = math.ceil(math.log(math.max(high, 1e-300), 10))
  local digits = before >= -6 and before <= 15 and 15 - math.max(0, before) or nil
  return { digits = digits, kind = "double", why = ("; double: %s"):format(seen) }
end

-- ---- distributions ----

local named = {
  normal = { "fake.normal(%s, %s, %d, %s, %s)", "normal: mean %s, standard deviation %s" },
  lognormal = { "fake.lognormal(%s, %s, %d, %s, %s)", "log-normal, a long tail: median %s, sigma %s" },
  exponential = { "fake.exponential(%s, %d, %s, %s)", "exponential, a long tail: mean %s" },
}

-- How far the sample is from what is named, and how far it may be.
local function measured(found, n)
  local of = found.values < n.n and (", %s of them looked at"):format(thousands(found.values)) or ""
  return ("%.3f off, %.3f allowed%s"):format(found.far, found.limit, of)
end

local function uniform(n, form)
  local least, most = text_of(n.least), text_of(n.most)
  if n.whole then return ("fake.integer(%s, %s)"):format(least, most), "whole numbers of this range, each as likely" end
  if form.digits then
    return ("fake.decimal(%s, %s, %d)"):format(least, most, form.digits), "numbers of this range, each as likely"
  end
  local text = 'fake.derive(function(ctx) return %s + (%s - %s) * ctx.random() end, "double")'
  if n.most - n.least == math.huge then -- more than a number is
    text = 'fake.derive(function(ctx) local u = ctx.random() return (1 - u) * %s + u * %s end, "double")'
  end
  return text:format(least, most, least), "numbers of this range, each as likely"
end

-- Prices as shops make them: all sampled ones end as those of fake.price do, and their units are even.
local function are_prices(n, form)
  if not form.decimal or n.scale ~= 2 or #n.sample < RISING or n.least < 0 then return false end
  local units = { whole = true, sample = {}, least = math.floor(n.least), most = math.floor(n.most) }
  for i, value in ipairs(n.sample) do
    local cents = math.floor(value * 100 + 0.5)
    units.sample[i] = cents // 100
    cents = cents % 100
    if cents ~= 99 and cents ~= 95 and cents ~= 49 and cents ~= 0 then return false end
  end
  local found = units.least < units.most and fit.of(units, 0)
  return found and found.shape == "uniform"
end

local function fitted(n, found, form)
  if found.shape == "uniform" then return uniform(n, form) end
  if found.shape == "zipf" then
    return ("fake.zipf(%d, %s)"):format(n.most, short(found.b)),
      ("Zipf: k of %d in proportion to 1/k^%s; %s"):format(n.most, short(found.b), measured(found, n))
  end
  local row, parameters = named[found.shape], { short(found.a), found.b and short(found.b) }
  local bounds = { form.digits, text_of(n.least), text_of(n.most) }
  local given = table.move(bounds, 1, 3, #parameters + 1, table.move(parameters, 1, #parameters, 1, {}))
  return row[1]:format(table.unpack(given)),
    ("%s; %s"):format(row[2]:format(table.unpack(parameters)), measured(found, n))
end

-- Bins between quantiles; those of a value that comes often are one.
local function histogram(n, form)
  local list, bins, weight = fit.quantiles(n, PIECES), {}, 0
  for i = 1, PIECES do
    weight = weight + 1
    if list[i] ~= list[i + 1] or i == PIECES or list[i + 1] ~= list[i + 2] then
      bins[#bins + 1] = ("{ %s, %s, %d }"):format(text_of(list[i]), text_of(list[i + 1]), weight)
      weight = 0
    end
  end
  return ("fake.histogram({ %s }, %d)"):format(table.concat(bins, ", "), form.digits),
    "uneven, like no distribution that has a name here: quantiles"
end

-- ---- what rises ----

local function steps(n)
  if n.step and n.step ~= 0 then
    return { text = ("fake.sequence(%d, %d)"):format(n.start, n.step),
      why = ("each is %d after the one before"):format(n.step) }
  end
  local mean = (n.last - n.start) / (n.n - 1)
  local step = math.max(1, math.floor(mean + 0.5))
  return { text = ("fake.sequence(%d, %d%s)"):format(n.start, step, step > 1 and (", %d"):format(step - 1) or ""),
    why = ("they rise by steps of %s on average"):format(short(mean)) }
end

-- Seconds, thousandths and millionths since 1970, of 2001 to 2096.
local epochs = { { "epoch", 1 }, { "epoch_ms", 1000 }, { "epoch_us", 1000000 } }
local named_as_time = { "time", "stamp", "epoch", "date", "^ts$", "_ts$", "^at$", "_at$", "_at_ms$", "^when$" }

local function epoch(n, name, clock)
  local is_time = false
  for _, part in ipairs(named_as_time) do is_time = is_time or name:lower():find(part) ~= nil end
  for _, row in ipairs(is_time and epochs or {}) do
    local unit = row[2]
    if n.least >= 1e9 * unit and n.most < 4e9 * unit then
      local least, most = n.least / unit, n.most / unit
      local what = ("times as %s, %s to %s"):format(row[1], sys.iso(least), sys.iso(most))
      if n.never_falls and n.n >= RISING and most > least and times.follow(clock, least, most) then
        return { text = ("fake.now(%q)"):format(row[1]), why = what .. ", rising: the clock of the scenario" }
      end
      return { text = ("fake.between(%.6f, %.6f, %q)"):format(least, most, row[1]), why = what }
    end
  end
end

-- The provider has the type without being told.
local function own_type(provider, form)
  if provider == "decimal" or provider == "histogram" or provider == "price" then return form.decimal end
  return provider == "integer" or provider == "zipf" or provider == "derive" or form.kind == "bigint"
    or form.kind == "double"
end

--- Numbers that are not few; name is the field's. @return { text =, why =, kind = Glue's type, or nil }
function numbers.guess(n, name, clock)
  local time = n.whole and epoch(n, name, clock)
  if time then return time end
  local exact, rising = n.step and n.step ~= 0 and n.n >= STEPS, n.rises and n.n >= RISING and largest(n) < EXACT
  if n.whole and (exact or rising) then return steps(n) end
  local form = notation(n)
  local made, why, found
  if n.least == n.most or not form.digits or n.whole and largest(n) >= EXACT then
    made, why = uniform(n, form)
  elseif are_prices(n, form) then
    made = ("fake.price(%d, %d)"):format(math.floor(n.least), math.floor(n.most))
    why = "prices of this range that end with .99, .95, .49 or .00"
  else
    found = fit.of(n, (n.whole or form.decimal) and form.digits or nil)
    if found then made, why = fitted(n, found, form) else made, why = histogram(n, form) end
  end
  local own = own_type(made:match "^fake%.(%l+)", form)
  return { text = made, why = why .. form.why, kind = not own and form.kind or nil }
end

return numbers
