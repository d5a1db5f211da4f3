--- Places. The values of one place agree (kinessis.agree): city, state, postcode, area code, coordinates
--- and time zone are those of one city, the address is made of them.
local about = require "kinessis.fake.about"
local countries = require "kinessis.locales.countries"
local provider = require "kinessis.fake.provider"

local place = {}

-- What is drawn for a row of cities, beside the row; fake/person.lua has 1 (phones).
local POSTCODE, LATITUDE, LONGITUDE = 2, 3, 4

local function salt(record, n)
  return n + record.repeated("place") * 16
end

-- A value that is one column of the locale's cities.
local function column(what)
  what.role, what.type = "place", "string"
  function what.make(record, words)
    return about.pick(words.place[what.attribute], record.stream("place", "city"))
  end
  return about.declare(what)
end

place.city = column {
  "a city", attribute = "city", anchors = { "place" },
  example = "fake.city()", shows = '^"%u[%a%. ]+"$',
}
place.state = column {
  "the city's state, province or region", attribute = "state",
  example = "fake.state()", shows = '^"%u[%a ]+"$',
}
place.state_code = column {
  "its abbreviation", attribute = "state_code",
  example = "fake.state_code()", shows = '^"%u%u"$',
}
place.time_zone = column {
  "the city's time zone (IANA)", attribute = "time_zone",
  example = "fake.time_zone()", shows = '^"%u%a+/%u[%a/_]+"$',
}

-- A value of the country: the locale's, or with `any` one column of the list of countries.
local function of_country(at, of, what)
  local list
  what.role, what.type = "country", "string"
  what.options = { any = { text = " (true: of one of a hundred countries; false)", check = about.boolean } }
  function what.make(record, words, options)
    if not options.any then return about.pick({ of(words) }, record.stream("country", what.attribute)) end
    if not list then
      list = {}
      for i, row in ipairs(countries) do list[i] = row[at] end
    end
    return about.pick(list, record.stream("country", "any"))
  end
  return about.declare(what)
end

place.country = of_country(2, function(words) return words.country.name end, {
  "the country of the locale", attribute = "country",
  example = "fake.country { any = true }", shows = '^"%u[%a ]+"$',
})
place.country_code = of_country(1, function(words) return words.country.code end, {
  "its code (ISO 3166)", attribute = "country_code",
  example = "fake.country_code()", shows = '^"US"$',
})
place.currency_code = of_country(3, function(words) return words.currency end, {
  "the country's currency (ISO 4217)", attribute = "currency_code",
  example = "fake.currency_code()", shows = '^"USD"$',
})

place.locale_code = about.declare {
  "the name of the locale",
  attribute = "locale_code", role = "place", type = "string",
  example = "fake.locale_code()", shows = '^"en_US"$',
  make = function(record, words) return about.pick({ words.name }, record.stream("place", "locale")) end,
}

place.postcode = about.declare {
  "a postcode of the city, in the form of the country",
  attribute = "postcode", role = "place", type = "string",
  example = "fake.postcode()", shows = '^"%d%d%d%d%d"$',
  make = function(record, words)
    return about.expand(words.place.postcode, record.stream("place", "city"), salt(record, POSTCODE))
  end,
}

-- Degrees with six digits, at most 0.03 (some 3 km) off the middle of the city.
local function coordinate(name, most, number)
  local UNIT, JITTER = 1000000, 30000
  return about.declare {
    "degrees, inside the city",
    attribute = name, role = "place", type = ("decimal(%d,6)"):format(#tostring(most) + 6), text = false,
    example = ("fake.%s()"):format(name), shows = "^%-?%d+%.%d%d%d%d%d%d$",
    make = function(record, words)
      local rows = {}
      for i, degrees in ipairs(words.place[name]) do
        local inside = math.max(JITTER - most * UNIT, math.min(most * UNIT - JITTER, degrees * UNIT))
        rows[i] = ("%.0f"):format(inside)
      end
      return {
        op = "near", words = rows, scale = 6, jitter = JITTER, salt = salt(record, number),
        stream = record.stream("place", "city"),
      }
    end,
  }
end

place.latitude = coordinate("latitude", 90, LATITUDE)
place.longitude = coordinate("longitude", 180, LONGITUDE)

place.street = about.declare {
  "the name of a street",
  attribute = "street", role = "place", type = "string",
  example = "fake.street()", shows = '^"%u%a+ %u%a+"$',
  make = function(record, words)
    return {
      parts = about.parts(words.street_format, function(name)
        return about.pick(words[name], record.stream("place", name, true))
      end),
    }
  end,
}

place.building_number = about.declare {
  "the number of a house",
  attribute = "building_number", role = "place", type = "string",
  example = "fake.building_number()", shows = '^"[1-9]%d*"$',
  make = function(record, words)
    return about.expand(words.building_number, record.stream("place", "building_number", true), 0)
  end,
}

local function part(name)
  return provider.new(place[name].make())
end

place.street_address = about.declare {
  "street and number, in the order of the country",
  attribute = "street_address", role = "place", type = "string",
  example = "fake.street_address()", shows = '^"[1-9]%d+ %u%a+ %u%a+"$',
  make = function(_, words) return { parts = about.parts(words.street_address_format, part) } end,
}

place.address = about.declare {
  "a whole address in one line; fake.address_fields() is the same as an object",
  attribute = "address", role = "place", anchors = { "place" }, type = "string",
  example = "fake.address()", shows = '^"[1-9]%d+ %u%a+ %u%a+, [%a%. ]+, %u%u %d+"$',
  make = function(_, words) return { parts = about.parts(words.address_format, part) } end,
}

return place
