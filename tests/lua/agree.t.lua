--- Values that agree: with whom, in which object, by which rule; in every locale over many records.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local locale = require "kinessis.locale"
local fake = kinessis.fake

local seed = tap.seed()

local function records(fields, n, options)
  local result = {}
  for i, record in ipairs(kinessis.schema("t", fields, options):sample(n or 200, { seed = seed })) do
    result[i] = cjson.decode(record)
  end
  return result
end

-- How many of the records pass.
local function count(list, check)
  local n = 0
  for _, record in ipairs(list) do
    if check(record) then n = n + 1 end
  end
  return n
end

local function all(list, check, name)
  local n = count(list, check)
  return tap.is(n, #list, name)
end

-- The names of an address: james.smith42@... -> james, smith
local function names_of(email)
  return email:match("^(%w+)%.(%a+)%d")
end

local function plain(name)
  return (name:lower():gsub("[^%a]", ""))
end

local function goes_with(email, first, last)
  local a, b = names_of(email)
  return a == plain(first) and b == plain(last)
end

-- ---- people ----

local list = records {
  { "email", fake.email() }, { "user", fake.username() }, { "name", fake.first_name() }, { "last", fake.last_name() },
  { "full", fake.name() }, { "work", fake.email() }, { "hi", fake.template("{prefix} {last_name}") },
  { "contact", { { "email", fake.email() }, { "deep", { { "user", fake.username() } } } } },
}
all(list, function(r) return goes_with(r.email, r.name, r.last) and r.email:match("^[^@]+") == r.user end,
  "email and username, also above the names they are of")
all(list, function(r) return r.full == r.name .. " " .. r.last end, "the full name")
all(list, function(r) return goes_with(r.work, r.name, r.last) end, "a second email is of the same names")
tap.ok(count(list, function(r) return r.work ~= r.email end) > 190, "but another address")
all(list, function(r) return r.hi:match("^%a+%.? (.+)$") == r.last end, "inside a template")
all(list, function(r)
  return goes_with(r.contact.email, r.name, r.last) and names_of(r.contact.deep.user) == plain(r.name)
end, "in an object without names: the nearest one's around it")

list = records {
  { "name", fake.name() }, { "email", fake.email() },
  { "friend", fake.name() }, { "friend_email", fake.email() },
  { "boss", { { "email", fake.email() }, { "name", fake.name() } } },
  { "label", fake.concat(fake.first_name(), " and ", fake.first_name()) },
}
local function pair(r, name, email)
  return goes_with(r[email], r[name]:match("^(%S+) (.+)$"))
end
all(list, function(r) return pair(r, "name", "email") and pair(r, "friend", "friend_email") end,
  "the second name has the second address")
all(list, function(r) return pair(r.boss, "name", "email") end, "an object with a name is about somebody else")
tap.ok(count(list, function(r) return r.name == r.friend or r.name == r.boss.name end) < 10, "different people")
all(list, function(r)
  local first, second = r.label:match("^(.+) and (.+)$")
  return r.name:find(first, 1, true) == 1 and r.friend:find(second, 1, true) == 1
end, "a text counts uses anew")

list = records {
  { "buyer", fake.name { group = "b" } },
  { "seller", { { "name", fake.name { group = "s" } }, { "pays", fake.email { group = "b" } } } },
  { "mail", fake.email { group = "s" } },
}
all(list, function(r)
  return goes_with(r.mail, r.seller.name:match("^(%S+) (.+)$"))
    and goes_with(r.seller.pays, r.buyer:match("^(%S+) (.+)$"))
end, "groups reach over objects")

list = records({
  { "gender", fake.gender() }, { "prefix", fake.prefix() }, { "name", fake.first_name() },
  { "her", { { "title", fake.prefix() }, { "name", fake.name { gender = "female" } }, { "is", fake.gender() },
    { "mail", fake.email() } } },
}, 2000)
local is_male = {}
for _, name in ipairs(locale.get("en_US").given.first.male) do is_male[name] = true end
all(list, function(r)
  return (r.gender == "male") == (is_male[r.name] or false)
    and (r.prefix == "Dr." or (r.prefix == "Mr.") == (r.gender == "male"))
end, "gender and prefix go with the first name")
all(list, function(r)
  return r.her.is == "female" and r.her.title ~= "Mr." and goes_with(r.her.mail, r.her.name:match("^(%S+) (.+)$"))
end, "and with the gender that was asked for")
local men = count(list, function(r) return r.gender == "male" end)
print("# men: " .. men)
-- five standard deviations of 2000 * 112 / 223 or so
tap.ok(math.abs(men - 1000) < 130, "both genders")

list = records({
  { "born", fake.date_of_birth { min_age = 20, max_age = 22, on = "2024-02-29" } }, { "age", fake.age() },
  { "child", { { "age", fake.age { min_age = 3, max_age = 3 } } } },
  { "pet", {
    { "age", fake.age { min_age = 3, max_age = 3, on = "2024-01-01" } },
    { "born", fake.date_of_birth { min_age = 4, max_age = 4, on = "2024-01-01" } },
  } },
}, 2000)
local ages = {}
all(list, function(r)
  local year, month, day = r.born:match("^(%d+)-(%d+)-(%d+)$")
  local years = 2024 - year - ((tonumber(month) > 2) and 1 or 0)
  ages[r.age] = true
  return r.age == years and r.age >= 20 and r.age <= 22 and tonumber(day) <= 31
end, "age goes with the date of birth")
tap.ok(ages[20] and ages[21] and ages[22], "every age of the range")
all(list, function(r)
  return r.child.age == 3 and r.pet.age == 3 and (r.pet.born:match("^2020") or r.pet.born == "2021-01-01")
end, "the first range in an object decides")
all(records { { "age", fake.age { min_age = 7, max_age = 7 } } }, function(r) return r.age == 7 end, "an age alone")

-- ---- purity ----

local fields = {
  { "name", fake.first_name() }, { "last", fake.last_name() }, { "email", fake.email() }, { "city", fake.city() },
  { "postcode", fake.postcode() }, { "lat", fake.latitude() },
}
local schema = kinessis.schema("t", fields)
local hundred = schema:sample(100, { seed = seed })
tap.is(schema:sample(1, { seed = seed, from = 99 })[1], hundred[100], "record 99 alone is record 99")
table.insert(fields, 1, { "x", fake.state() })
table.insert(fields, { "y", fake.gender() })
local wider = kinessis.schema("t", fields):sample(100, { seed = seed })
all(wider, function(r)
  return table.concat(hundred, "\n"):find(r:match('"name":.*"lat":[^,]*'), 1, true)
end, "a new field leaves the others as they were")

-- ---- places, in every locale ----

local function near(a, b)
  return math.abs(a - b) <= 0.0300001
end

-- A pattern of a locale as a Lua pattern.
local function as_pattern(text)
  local classes = { ["#"] = "%d", ["%"] = "[1-9]", ["?"] = "%u", ["*"] = "%w" }
  return "^" .. text:gsub(".", function(ch)
    return classes[ch] or not ch:find "[%[%]]" and ch:match("%p") and "%" .. ch or nil
  end) .. "$"
end

for _, name in ipairs(locale.names) do
  local words = locale.get(name)
  local catalogue = fake.locale(name)
  local rows, seen = {}, {}
  for _, row in ipairs(words.cities) do rows[row[1] .. "/" .. row[2]] = row end
  list = records({
    { "city", catalogue.city() }, { "state", catalogue.state() }, { "code", catalogue.state_code() },
    { "postcode", catalogue.postcode() }, { "lat", catalogue.latitude() }, { "lon", catalogue.longitude() },
    { "zone", catalogue.time_zone() }, { "country", catalogue.country_code() }, { "money", catalogue.currency_code() },
    { "phone", catalogue.phone { format = "national" } }, { "mobile", catalogue.phone { type = "mobile" } },
    { "street", catalogue.street() }, { "address", catalogue.address() },
    { "name", catalogue.name() }, { "first", catalogue.first_name() }, { "last", catalogue.last_name() },
    { "email", catalogue.email() }, { "locale", catalogue.locale_code() }, { "id", catalogue.national_id() },
    { "ship", { { "city", catalogue.city() }, { "postcode", catalogue.postcode() } } },
  }, 1000)
  all(list, function(r)
    local row = rows[r.city .. "/" .. r.code]
    seen[r.city] = true
    return row and r.state == words.states[row[2]] and r.postcode:match(as_pattern(row[3]))
      and near(r.lat, row[5]) and near(r.lon, row[6]) and r.zone == (row[7] or words.time_zone)
      and (r.phone:find(row[4], 1, true) or not words.phone.landline[1]:find("{area}", 1, true))
      and r.country == words.country.code and r.money == words.currency and r.locale == name
  end, name .. ": city, state, postcode, area, coordinates and time zone")
  all(list, function(r)
    return r.address:find(r.city, 1, true) and r.address:find(r.postcode, 1, true) and r.address:find(r.street, 1, true)
  end, name .. ": the address is made of them")
  all(list, function(r)
    return r.name:find(r.first, 1, true) and r.name:find(r.last, 1, true)
      and r.email:match("^[a-z0-9]+%.[a-z0-9]+%d@[a-z.]*example%.[a-z]+$")
  end, name .. ": the name, and an address in ASCII")
  all(list, function(r) return r.mobile:match("^%+" .. words.country.phone .. "%d+$") and #r.mobile <= 16 end,
    name .. ": phones as E.164 has them")
  all(list, function(r)
    for _, value in pairs(r) do
      if type(value) == "string" and (not utf8.len(value) or value == "" or value:find "[#{}|]") then return false end
    end
    return true
  end, name .. ": valid UTF-8, no pattern left")
  tap.ok(count(list, function(r) return r.ship.city ~= r.city end) > 700, name .. ": a nested city is another place")
  local distinct = 0
  for _ in pairs(seen) do distinct = distinct + 1 end
  tap.ok(#words.cities >= 30 and distinct >= 28, name .. ": thirty cities, all met", distinct)
  tap.ok(#words.given.first.male >= 60 and #words.given.first.female >= 60 and #words.family.last >= 100,
    name .. ": sixty first names of each gender, a hundred last names",
    #words.given.first.male, #words.given.first.female, #words.family.last)
  local state_of, shared = {}, nil
  for code, state in pairs(words.states) do
    shared = shared or state_of[state] and state
    state_of[state] = code
  end
  tap.is(shared, nil, name .. ": each code is of one state")
  local twice
  for _, names in ipairs { words.given.first.male, words.given.first.female, words.family.last } do
    local known = {}
    for _, word in ipairs(names) do
      twice = twice or known[word] and word
      known[word] = true
    end
  end
  tap.is(twice, nil, name .. ": no name twice")
end

-- Postcodes that can be: no C, I, K, M, O, V after the space; a district that is there, and its city's.
local districts = {
  London = "SE[1-9]", Birmingham = "B[1-9]", Manchester = "M[1-9]", Leeds = "LS[1-9]", Liverpool = "L[1-9]",
  Sheffield = "S[1-9]", Bristol = "BS[1-9]", Nottingham = "NG[1-9]", Leicester = "LE[1-9]", Plymouth = "PL[1-9]",
  Norwich = "NR[1-9]", Edinburgh = "EH[1-9]", Swansea = "SA[1-9]", Belfast = "BT[1-9]", Reading = "RG1", Oxford = "OX4",
  Southampton = "SO14", Glasgow = "G2", Cardiff = "CF10", Newport = "NP20", Derry = "BT48", Derby = "DE1",
  Coventry = "CV1", Portsmouth = "PO1", Brighton = "BN1", Cambridge = "CB4", York = "YO10", Exeter = "EX4",
  Bath = "BA2", Aberdeen = "AB10", Dundee = "DD2", Inverness = "IV2", ["Newcastle upon Tyne"] = "NE1",
}
all(records({ { "city", fake.city() }, { "postcode", fake.postcode() } }, 2000, { locale = "en_GB" }), function(r)
  local district, inward = r.postcode:match("^(%w+) (%d%u%u)$")
  return district and districts[r.city] and district:match("^" .. districts[r.city] .. "$")
    and not inward:find "[CIKMOV]"
end, "en_GB: postcodes that can be")
all(records({ { "gender", fake.gender() }, { "prefix", fake.prefix() }, { "suffix", fake.suffix() },
  { "dear", fake.template("{last_name}{prefix}") }, { "last", fake.last_name() } }, 500,
  { locale = "ja_JP" }), function(r)
  local known = { ["様"] = true, ["さん"] = true, ["氏"] = r.gender == "男性" }
  return known[r.prefix] and not known[r.suffix] and r.dear == r.last .. r.prefix
end, "ja_JP: Japanese forms of address")
local american = { behavior = true, center = true, color = true, defense = true, organization = true, program = true,
  realize = true, recognize = true, toward = true }
local british = {}
for _, word in ipairs(locale.get("en_GB").word) do british[word] = true end
all({ american }, function(words)
  for word in pairs(words) do
    if british[word] then return false end
  end
  return british.colour and british.centre and british.table
end, "en_GB: British spellings")

list = records {
  { "city", fake.city() }, { "postcode", fake.postcode() },
  { "other", fake.city() }, { "other_postcode", fake.postcode() },
  { "geo", { { "lat", fake.latitude() } } }, { "full", fake.address_fields() },
}
local by_city = {}
for _, row in ipairs(locale.get("en_US").cities) do by_city[row[1]] = row end
all(list, function(r)
  return r.postcode:match(as_pattern(by_city[r.city][3])) and r.other_postcode:match(as_pattern(by_city[r.other][3]))
    and near(r.geo.lat, by_city[r.city][5]) and r.full.postcode:match(as_pattern(by_city[r.full.city][3]))
end, "two cities have their own postcodes; a nested coordinate is of the first")
all(records { { "a", fake.country_code { any = true } }, { "b", fake.currency_code { any = true } },
  { "c", fake.country { any = true } } }, function(r)
  for _, row in ipairs(require "kinessis.locales.countries") do
    if row[1] == r.a then return row[2] == r.c and row[3] == r.b end
  end
end, "any country, with its currency")
tap.done()
