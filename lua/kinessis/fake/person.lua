--- People. The values of one person agree (kinessis.agree): the first name with gender and prefix, mail
--- address and user name with the names, age with the date of birth, the phone with the place.
local about = require "kinessis.fake.about"
local provider = require "kinessis.fake.provider"
local sys = require "kinessis.core.sys"

local person = {}

local genders = { gender = { text = ' ("male" or "female")', check = about.choice("male", "female") } }

-- A list of one of the forms of given names ("first", "address", "gender"), as the person's gender asks.
local function given(record, words, form)
  return about.pick(words.given[form][record.option("given", "gender") or "any"], record.stream("given", "name"))
end

local first_name = {
  "a given name",
  attribute = "first_name", role = "given", anchors = { "given" }, options = genders, type = "string",
  example = 'fake.first_name { gender = "female" }', shows = '^"%u%a+"$',
  make = function(record, words) return given(record, words, "first") end,
}

local last_name = {
  "a family name",
  attribute = "last_name", role = "family", anchors = { "family" }, type = "string",
  example = "fake.last_name()", shows = '^"%u[%a\']+"$',
  make = function(record, words) return about.pick(words.family.last, record.stream("family", "name")) end,
}

person.first_name = about.declare(first_name)
person.last_name = about.declare(last_name)

-- What stands inside of other values: the same draws, without being a use of its own.
local inside = {
  first_name = first_name,
  last_name = last_name,
  second_last_name = {
    attribute = "last_name", role = "family", type = "string",
    make = function(record, words) return about.pick(words.family.last, record.stream("family", "second")) end,
  },
  address_first = {
    attribute = "email", role = "given", type = "string",
    make = function(record, words) return given(record, words, "address") end,
  },
  address_last = {
    attribute = "email", role = "family", type = "string",
    make = function(record, words) return about.pick(words.family.address, record.stream("family", "name")) end,
  },
}

local function part(name)
  return provider.new(about.make(inside[name], {}))
end

person.name = about.declare {
  "a full name, in the order of the locale",
  attribute = "name", role = "given", anchors = { "given", "family" }, options = genders, type = "string",
  example = "fake.name()", shows = '^"%u%a+ %u[%a\']+"$',
  make = function(_, words) return { parts = about.parts(words.name_format, part) } end,
}

person.gender = about.declare {
  "male or female, as the locale says it; goes with the first name",
  attribute = "gender", role = "given", type = "string",
  example = "fake.gender()", shows = '^"f?e?male"$',
  make = function(record, words) return given(record, words, "gender") end,
}

person.prefix = about.declare {
  "a title, as the gender asks: before the name, in ja_JP and zh_CN after it",
  attribute = "prefix", role = "given", type = "string",
  example = "fake.prefix()", shows = '^"[MD]r?s?%."$',
  make = function(record, words)
    return about.by_gender(record, words.prefix, record.stream("given", "prefix"))
  end,
}

person.suffix = about.declare {
  "what follows a name: a degree; for men of some locales, junior",
  attribute = "suffix", role = "given", type = "string",
  example = "fake.suffix()", shows = '^"[%a%.]+"$',
  make = function(record, words)
    return about.by_gender(record, words.suffix, record.stream("given", "suffix", true))
  end,
}

-- james.smith42
local function user_parts(record)
  return {
    part "address_first", ".", part "address_last",
    provider.new { op = "integer", min = 1, max = 99, stream = record.stream("given", "number", true) },
  }
end

person.username = about.declare {
  "of the person's first and last name; ASCII in every locale",
  attribute = "username", role = "given", type = "string",
  example = "fake.username()", shows = '^"%l+%.%l+%d+"$',
  make = function(record) return { parts = user_parts(record) } end,
}

person.email = about.declare {
  "the user name at a domain that RFC 2606 reserves, so that no mail reaches anybody",
  attribute = "email", role = "given", type = "string",
  example = "fake.email()", shows = '^"%l+%.%l+%d+@[%l%.]*example%.%l+"$',
  make = function(record, words)
    local parts = user_parts(record)
    parts[#parts + 1] = "@"
    parts[#parts + 1] = about.pick(words.domain, record.stream("given", "domain", true))
    return { parts = parts }
  end,
}

person.password = about.declare {
  "letters and digits",
  attribute = "password", role = "given", type = "string",
  options = { length = { text = " (4 to 128; 12)", check = about.integer(4, 128) } },
  example = "fake.password { length = 8 }", shows = '^"%w%w%w%w%w%w%w%w"$',
  make = function(record, _, options)
    return about.expand({ ("*"):rep(options.length or 12) }, record.stream("given", "password", true), 0)
  end,
}

person.national_id = about.declare {
  "in the form of the country's number of a person, from a range that is never given out",
  attribute = "national_id", role = "given", type = "string",
  example = "fake.national_id()", shows = '^"000%-%d%d%-%d%d%d%d"$',
  make = function(record, words) return about.expand(words.national_id, record.stream("given", "id", true), 0) end,
}

-- ---- phones ----

local PHONE_SALT = 1 -- of the draws for a row of cities; fake/place.lua has the others

-- The patterns of numbers, one for each city where they have its area code.
local function phone_rows(words, kind)
  local rows, by_city = {}, false
  for _, pattern in ipairs(words.phone[kind]) do by_city = by_city or pattern:find("{area}", 1, true) end
  if not by_city then return words.phone[kind], false end
  local patterns = words.phone[kind]
  for i, area in ipairs(words.place.area) do
    rows[i] = patterns[(i - 1) % #patterns + 1]:gsub("{area}", (area:gsub("%%", "%%%%")))
  end
  return rows, true
end

-- "0161 496 0###" -> "+441614960###"; a class [789] stays
local function international(words, pattern)
  local digits = pattern:gsub("[^%d#%%%[%]]", "")
  local trunk = words.phone.trunk
  if trunk ~= "" and digits:sub(1, #trunk) == trunk then digits = digits:sub(#trunk + 1) end
  return "+" .. words.country.phone .. digits
end

person.phone = about.declare {
  "a number of the place's area, as E.164 has it (+14155550123), or as people write it ((415) 555-0123)",
  attribute = "phone", role = "place", type = "string",
  options = {
    format = { text = ' ("e164" or "national"; e164)', check = about.choice("e164", "national") },
    type = { text = ' ("landline" or "mobile"; landline)', check = about.choice("landline", "mobile") },
  },
  example = 'fake.phone { format = "national" }', shows = '^"%(%d%d%d%) 555%-%d%d%d%d"$',
  make = function(record, words, options)
    local rows, by_city = phone_rows(words, options.type or "landline")
    if options.format ~= "national" then
      local plain = {}
      for i, row in ipairs(rows) do plain[i] = international(words, row) end
      rows = plain
    end
    if by_city then
      return about.expand(rows, record.stream("place", "city"), PHONE_SALT + record.repeated("place") * 16)
    end
    return about.expand(rows, record.stream("place", "phone", true), 0)
  end,
}

-- ---- age ----

-- The day of "2025-01-31", years earlier: whole days since 1970.
local function day_before(on, years)
  local year, month, day = on:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  local text = ("%04d-%s-%s"):format(year - years, month, day)
  local seconds = sys.parse_iso(text) or sys.parse_iso(("%04d-03-01"):format(year - years)) -- February 29
  return seconds // 86400
end

local function check_day(name, value)
  local day = type(value) == "string" and value:match("^[12]%d%d%d%-%d%d%-%d%d$")
  if not day or not sys.parse_iso(day) then
    provider.refuse('%s must be a day like "2025-01-31" from 1000 to 2999', name)
  end
  return value
end

local births = {
  min_age = { text = " (0 to 150; 18)", check = about.integer(0, 150) },
  max_age = { text = " (0 to 150; 90)", check = about.integer(0, 150) },
  on = { text = ': the day on which ages are counted ("2025-01-01"; not today)', check = check_day },
}

local function check_ages(options)
  local least, most = options.min_age or 18, options.max_age or 90
  if least > most then provider.refuse("min_age %d is greater than max_age %d", least, most) end
end

-- The operation that draws a birthday, so that the age on a day is in the range.
local function birth(op)
  return function(record)
    local on = record.option("birth", "on") or "2025-01-01"
    local first = day_before(on, (record.option("birth", "max_age") or 90) + 1) + 1
    local last = day_before(on, record.option("birth", "min_age") or 18)
    return {
      op = op, first = math.tointeger(first), days = math.tointeger(last - first + 1),
      on = math.tointeger(day_before(on, 0)), stream = record.stream("birth", "day"),
    }
  end
end

person.date_of_birth = about.declare {
  "a day",
  attribute = "date_of_birth", role = "birth", anchors = { "birth" }, options = births, check = check_ages,
  type = "date", make = birth "birth_date",
  example = "fake.date_of_birth { min_age = 30, max_age = 39 }", shows = '^"19[89]%d%-%d%d%-%d%d"$',
}

person.age = about.declare {
  "whole years; with a date of birth in the record, its age. Of two ranges for one person the first counts",
  attribute = "age", role = "birth", options = births, check = check_ages,
  anchors = function(options) return (options.min_age or options.max_age or options.on) and { "birth" } or nil end,
  type = "int", text = false, make = birth "age",
  example = "fake.age { max_age = 65 }", shows = "^%d%d$",
}

return person
