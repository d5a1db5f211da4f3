--- Values with rules of their own: check digits, formats, order, agreement, uniqueness, files; and mistakes.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local fake = kinessis.fake

local seed = tap.seed()
local sampler = dofile "tests/lua/sampler.lua"(seed)
local records, values, all = sampler.records, sampler.values, sampler.all
local distinct, type_of = sampler.distinct, sampler.type_of

-- ---- check digits: each verified by the whole number, as a receiver does ----

local function digits_of(text) return (text:gsub("%D", "")) end

local function luhn(text)
  local sum, digits = 0, digits_of(text):reverse()
  for i = 1, #digits do
    local d = tonumber(digits:sub(i, i)) * (i % 2 == 0 and 2 or 1)
    sum = sum + (d > 9 and d - 9 or d)
  end
  return sum % 10 == 0
end

local function ean(text)
  local sum, digits = 0, digits_of(text):reverse()
  for i = 1, #digits do sum = sum + tonumber(digits:sub(i, i)) * (i % 2 == 0 and 3 or 1) end
  return sum % 10 == 0
end

local function isbn10(text)
  local sum, weight = 0, 10
  for char in text:gmatch "[%dX]" do
    sum, weight = sum + (char == "X" and 10 or tonumber(char)) * weight, weight - 1
  end
  return weight == 0 and sum % 11 == 0
end

local function iban(text)
  local remainder = 0
  for char in (text:sub(5) .. text:sub(1, 4)):gmatch "." do
    remainder = (char:find "%d" and remainder * 10 + tonumber(char) or remainder * 100 + char:byte() - 55) % 97
  end
  return remainder == 1
end

tap.ok(luhn "4111111111111111" and ean "4006381333931" and isbn10 "0-306-40615-2" and iban "DE89370400440532013000",
  "known numbers")
tap.ok(all(values(fake.card_number(), 1000), luhn), "card_number: Luhn")
tap.ok(all(values(fake.card_number { separated = true }, 1000), luhn), "card_number: Luhn, in groups")
tap.ok(all(values(fake.ean13(), 1000), ean) and all(values(fake.ean8()), ean) and all(values(fake.isbn13()), ean),
  "ean13, ean8, isbn13")
tap.ok(all(values(fake.isbn10(), 1000), isbn10), "isbn10")
tap.ok(all(values(fake.iban(), 2000), iban), "iban: of any country")
tap.ok(all(values(fake.iban "FR"), function(v) return iban(v) and v:find "^FR%d%d" and #v == 27 end), "iban: of one")
local starts = { Visa = "^4", Mastercard = "^53", ["American Express"] = "^37", Discover = "^6011", JCB = "^3530",
  ["Diners Club"] = "^36" }
tap.ok(all(records { { "kind", fake.card_type() }, { "number", fake.card_number() } }, function(r)
  return r.number:find(starts[r.kind])
end), "card_number: of the brand beside it")

-- ---- identifiers in order ----

local function grows(value, options, n)
  local list = values(value, n or 3000, options)
  for i = 2, #list do
    if list[i] <= list[i - 1] then return false end
  end
  return true
end
for _, step in ipairs { 1, 0.001, 0.000001, 0 } do
  local clock = { start = 1643814000, step = step }
  tap.ok(grows(fake.uuid7(), clock) and grows(fake.ulid(), clock), ("uuid7, ulid: grow, %g s a record"):format(step))
end
tap.ok(grows(fake.uuid7()) and grows(fake.ulid()), "uuid7, ulid: grow on the wall clock")
local v7 = values(fake.uuid7(), 1, { start = 1643814000.123, step = 1 })[1]
tap.is(tonumber(v7:sub(1, 8) .. v7:sub(10, 13), 16), 1643814000123, "uuid7: its time")
local crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
local ms = 0
for char in values(fake.ulid(), 1, { start = 1643814000.123, step = 1 })[1]:sub(1, 10):gmatch "." do
  ms = ms * 32 + crockford:find(char, 1, true) - 1
end
tap.is(ms, 1643814000123, "ulid: its time")
tap.is(distinct(values(fake.uuid7(), 2000, { start = 1, step = 0 })), 2000, "uuid7: all differ at one time")
local flake = values(fake.snowflake(5), 1, { start = 1643814000.123, step = 1 })[1]
tap.is(math.tointeger(flake) >> 22, 1643814000123 - 1288834974657, "snowflake: its time")
tap.is(math.tointeger(flake) >> 12 & 1023, 5, "snowflake: its machine")

-- ---- times ----

local clock = { start = 1643814427.123, step = 90 } -- 2022-02-02T15:07:07.123Z
local function one(value) return values(value, 1, clock)[1] end
tap.is(one(fake.now("%Y-%m-%d %H:%M:%S.%L %b %B %a %A %j %y %I %p %z %Z %s %%")),
  "2022-02-02 15:07:07.123 Feb February Wed Wednesday 033 22 03 PM +0000 +00:00 1643814427 %", "a custom format")
tap.is(one(fake.now("iso", "+05:30")), "2022-02-02T20:37:07.123+05:30", "a time zone")
tap.is(one(fake.now("%H:%M %z", "-08:00")), "07:07 -0800", "a time zone in a custom format")
tap.is(one(fake.now("date")) .. one(fake.now("sql")) .. one(fake.now("time")),
  "2022-02-022022-02-02 15:07:07.12315:07:07", "date, sql, time")
tap.is(("%d"):format(one(fake.now("epoch_us"))), "1643814427123000", "microseconds")
tap.is(type_of(fake.now("date")) .. type_of(fake.now("iso", "+01:00")) .. type_of(fake.now("%Y")), "datestringstring",
  "their types")
tap.ok(all(values(fake.between("2022-02-02", "2022-02-03", "%A/%a")), function(v)
  return v == "Wednesday/Wed" or v == "Thursday/Thu"
end), "between: pieces of a format agree, the last day is included")
tap.ok(all(values(fake.past("1h", "epoch_ms"), 300, { start = 5000, step = 0 }), function(v)
  return v <= 5000000 and v >= 1400000
end), "past")
tap.ok(all(values(fake.future("1h", "epoch"), 300, { start = 5000, step = 0 }), function(v)
  return v >= 5000 and v <= 8600
end), "future")
tap.ok(grows(fake.series("2022-01-01", "10s", "9s", "epoch_ms")), "series: grows with a jitter below its step")
local sys = require "kinessis.core.sys"
tap.ok(all(values(fake.business_hours("2022-01-01", "2022-01-16", "09:30", "17:00", "iso", "+02:00"), 2000), function(v)
  local at = sys.parse_iso(v) + 7200
  local weekday, seconds = (at // 86400 + 3) % 7, at % 86400 -- Monday is 0
  return weekday < 5 and seconds >= 34200 and seconds < 61200 and v:find "^2022%-01%-[01]"
end), "business_hours: working days and hours of the zone")
tap.is(distinct((function()
  local list = values(fake.business_hours("2022-01-01", "2022-01-16", "09:00", "17:00", "date"), 2000)
  return list
end)()), 10, "business_hours: every working day")

-- ---- texts ----

local function matches(expression, lua, n)
  tap.ok(all(values(fake.regex(expression), n or 300), function(v) return v:find(lua) end), "regex: " .. expression)
end
matches("a|b|cd", "^[abc]d?$")
matches("^[A-F]{2}-\\d{3,5}$", "^[A-F][A-F]%-%d%d%d%d?%d?$")
matches("(ab)+c?", "^a[ab]*c?$")
matches("[^a-z]{10}", "^[^a-z]+$")
matches("\\w+\\.\\S", "^[%w_]+%.[^%s]$")
matches("x*", "^x*$")
matches("(?:\\(\\d\\)|[]x-]){2}", "^[%d()%]x-]+$")
tap.is(one(fake.regex "äö\\+"), "äö+", "regex: letters beyond ASCII, an escaped sign")
tap.ok(distinct(values(fake.regex "[あ-お]", 300)) == 9, "regex: a range beyond ASCII")
tap.ok(distinct(values(fake.regex "\\d{12}", 300)) == 300, "regex: each character draws")
tap.ok(all(values(fake.pattern '\\#"?*\\\\#'), function(v) return v:find '^#"%u[%u%d]\\%d$' end), "pattern: escapes")
tap.is(one(fake.pattern ""), "", "pattern: an empty one")

-- ---- networks ----

tap.ok(all(values(fake.ipv4 "192.168.4.0/30"), function(v) return v:find "^192%.168%.4%.[0-3]$" end), "ipv4: a network")
tap.ok(all(values(fake.ipv4()), function(v)
  local n = 0
  for octet in v:gmatch "%d+" do
    if tonumber(octet) > 255 then return false end
    n = n + 1
  end
  return n == 4
end), "ipv4: four bytes")
tap.ok(all(values(fake.ipv6()), function(v) return select(2, v:gsub(":", "")) == 7 and not v:find ":0" end), "ipv6")
tap.ok(all(values(fake.mac("0a:1B", "-")), function(v) return v:find "^0a%-1b%-%x%x%-%x%x%-%x%x%-%x%x$" end), "mac")

tap.ok(all(values(fake.user_agent(), 1000), function(v)
  local revision, version = v:match "rv:(%d+)%.0.*Firefox/(%d+)%.0$"
  return revision == version
end), "user_agent: Firefox says its version twice")
tap.ok(all(values(fake.user_agent(), 1000), function(v)
  local edge = v:match "Edg/(%d+)"
  local major, minor = v:match "iPhone OS (%d+)_(%d+)"
  return not edge and not major or edge and edge == v:match "Chrome/(%d+)"
    or major and v:find(("Version/%s.%s "):format(major, minor), 1, true)
end), "user_agent: so do Edge and iPhones")

-- ---- sequences end ----

do
  local line = debug.getinfo(1, "l").currentline + 1
  local up, down = fake.sequence(math.maxinteger - 1), fake.sequence(math.mininteger, -1)
  tap.is(values(up, 2)[2], math.maxinteger + 0.0, "a sequence up to the last number")
  tap.raises(function() values(up, 3) end,
    (":%d: schema t.v: the sequence is beyond 9223372036854775807 in record 2"):format(line), "and not beyond")
  tap.raises(function() values(down, 2) end,
    (":%d: schema t.v: the sequence is beyond -9223372036854775808 in record 1"):format(line), "nor below the least")
  tap.raises(function() values(fake.sequence(math.maxinteger, 0, 1000), 100) end,
    "schema t.v: the sequence is beyond 9223372036854775807", "nor by its jitter")
end

-- ---- before 1970 ----

tap.ok(all(values(fake.date("1931-02-03", "1931-02-05")), function(v) return v:find "^1931%-02%-0[345]$" end),
  "a date before 1970")
tap.is(distinct(values(fake.date("1931-02-03", "1931-02-05"))), 3, "any of its range")
tap.is(values(fake.between("1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58.5Z", "%a %d %b %Y %H:%M:%S.%L %j"), 1)[1],
  "Wed 31 Dec 1969 23:59:58.500 365", "a time before 1970, in pieces")
tap.is(values(fake.between(-1.5, -1.5, "epoch"), 1)[1], -2.0, "its seconds are those that have begun")
tap.is(values(fake.between(-1.5, -1.5, "epoch_ms"), 1)[1], -1500.0, "its milliseconds")
tap.is(table.concat(values(fake.series("1969-12-31", "1d", 0, "date"), 3), " "), "1969-12-31 1970-01-01 1970-01-02",
  "a series from before 1970")
tap.is(values(fake.between("0001-01-01", "0001-01-01T00:00:00Z"), 1)[1], "0001-01-01T00:00:00.000Z", "the first time")
tap.ok(all(values(fake.business_hours("1950-01-02", "1950-01-08", "09:00", "10:00", "%A %H"), 300), function(v)
  return v:find "^[MTWF]%a+ 09$"
end), "business hours of 1950")
local earlier = { start = 0, step = 0 }
tap.ok(all(values(fake.past("20000d", "%Y"), 300, earlier), function(v) return v >= "1915" and v <= "1970" end)
  and distinct(values(fake.past("20000d", "%Y"), 300, earlier)) > 30, "the past of 1970 is before it")

-- ---- unique ----

local function permuted(value, n, name)
  tap.is(distinct(values(value, n)), n, "unique: " .. name)
end
permuted(fake.unique(fake.integer(1, 1000)), 1000, "all integers of a range")
permuted(fake.unique(fake.pattern "?##"), 2600, "all texts of a pattern")
permuted(fake.unique(fake.one_of { "a", "b", "b", "c" }), 3, "choices, without those that are there twice")
permuted(fake.unique(fake.concat(fake.one_of { "a", "bc", "def" }, "-", fake.integer(1, 999))), 2997,
  "a word and a number")
permuted(fake.unique(fake.hex(4)), 3000, "hexadecimal digits")
permuted(fake.unique(fake.nanoid()), 3000, "more values than can be counted")
permuted(fake.unique(fake.integer(math.mininteger, math.maxinteger)), 300, "all 64 bits")
permuted(fake.unique(fake.uuid()), 300, "uuid")
do
  local line = debug.getinfo(1, "l").currentline + 1
  local inner = { { "c", fake.unique(fake.one_of { "x", "y" }) } }
  tap.raises(function() records({ { "id", fake.uuid() }, { "b", inner } }, 3) end,
    (":%d: schema t.b.c: a unique field has only 2 values: there is none left for record 2"):format(line),
    "unique: what is exhausted names line and field")
  local text = fake.concat("k-", fake.unique(fake.one_of { "x", "y" }))
  tap.raises(function() values(text, 3) end, (":%d: schema t.v: a unique field has only 2"):format(line + 4),
    "unique: and in a text")
end
local one_seed = values(fake.unique(fake.integer(1, 9)), 9, { seed = 1 })
local other = values(fake.unique(fake.integer(1, 9)), 9, { seed = 2 })
tap.ok(table.concat(one_seed, " ") ~= table.concat(other, " "), "unique: another seed, another order")
tap.raises(function() values(fake.unique(fake.integer(1, 9)), 10) end, "a unique field has only 9 values",
  "and its end")

-- ---- files ----

local cities = { Lisbon = "PT", ["Washington, DC"] = "US", ['Saint "Q"'] = "US", ["Zürich"] = "CH" }
local from = function(...) return fake.from_file("tests/data/cities.csv", ...) end
local rows = records({
  { "city", from "city" }, { "country", from "country" }, { "lat", from "lat" }, { "people", from "population" },
  { "zip", from "zip" }, { "other", from("city", { row = "2" }) },
}, 400)
local differ = 0
tap.ok(all(rows, function(r)
  if r.other ~= r.city then differ = differ + 1 end
  return cities[r.city] == r.country
    and (r.city ~= "Lisbon" or r.lat == 38.72 and r.people == 545000 and r.zip == "01100")
end), "from_file: CSV, fields of one row")
tap.ok(differ > 200, "from_file: another row by name", differ)
tap.is(type_of(from "lat") .. type_of(from "population") .. type_of(from "zip"), "doubleintstring", "from_file: types")
tap.is(type_of(from("population", { text = true })), "string", "from_file: numbers as text")
tap.is(table.concat((values(fake.from_file("tests/data/rows.jsonl", "name", { order = "cycle" }), 4))), "abca",
  "from_file: JSON lines, in turn")
local heavy = 0
for _, v in ipairs(values(from("city", { weight = "population" }), 1000)) do
  if v == 'Saint "Q"' then heavy = heavy + 1 end
end
tap.ok(heavy < 20, "from_file: by a column of weights")

-- ---- mistakes ----

local function refused(value, fragment)
  tap.raises(function() kinessis.schema("t", { { "v", value } }) end, "schema t.v: " .. fragment, fragment)
end
refused(fake.first_name, "fake.first_name is a provider: write fake.first_name()")
refused(fake.locale("de_DE").city, "fake.city is a provider: write fake.city()")
refused(fake.address_fields, "fake.address_fields is a provider: write fake.address_fields()")
refused(fake.optional(fake.email), "value: fake.email is a provider: write fake.email()")
refused(fake.derive(fake.email), "fn: fake.email is a provider: write fake.email()")
refused(fake.one_of { fake.email, "x" }, "choice 1: fake.email is a provider: write fake.email()")
do
  local inner = debug.getinfo(1, "l").currentline + 1
  local made, message = pcall(function() kinessis.schema("t", { { "a", { { "b", fake.uuid } } } }) end)
  local expected = ":" .. inner .. ": schema t.a.b: fake.uuid is a provider: write fake.uuid()"
  tap.ok(not made and message:find(expected, 1, true),
    "a provider without parentheses in an object: the line and the path", message)
  local stream = kinessis.schema("t", { { "v", 1 } })
  local key, wrong = stream:value("partition_key", fake.uuid)
  tap.ok(not key and wrong == "fake.uuid is a provider: write fake.uuid()", "and as a key", key, wrong)
end
refused(fake.now("isso"),
  'format must be one of date, epoch, epoch_ms, epoch_us, iso, iso_seconds, sql, time, or a text')
refused(fake.now("%Q"), "the format has no %Q; there are %Y %m")
refused(fake.now("iso", "CET"), 'zone must be "Z" or a fixed offset like "+01:00", not string "CET"')
refused(fake.between("2022-02-03", "2022-02-02"), "from 2022-02-03 is after to 2022-02-02")
refused(fake.date("0000-12-31"), 'from must be of the years 1 to 9999, not string "0000-12-31"')
refused(fake.between("2022-02-03", 1e15), "to must be of the years 1 to 9999, not 1e+15 (seconds since 1970)")
refused(fake.between("yesterday", 1), 'from must be a time like "2022-02-02"')
refused(fake.business_hours(),
  'from must be a time like "2022-02-02" or "2022-02-02T15:17:07Z", or seconds since 1970, not nil')
refused(fake.concat("a", fake.integer), "part 2: fake.integer is a provider: write fake.integer()")
refused(fake.past("1 year"), 'within must be a duration like "30d"')
refused(fake.business_hours("2022-01-01", "2022-01-02"), "there is no working day from 2022-01-01 to 2022-01-02")
refused(fake.business_hours("2022-01-01", "2022-01-09", "18:00"), "open 18:00 is not before close 17:00")
refused(fake.ipv4("10.0.0.0/33"), 'cidr must be like "10.0.0.0/8", not string "10.0.0.0/33"')
refused(fake.ipv6("::"), 'prefix must be one to seven groups like "2001:db8"')
refused(fake.mac("xyz"), 'prefix must be one to five bytes like "02:ab"')
refused(fake.http_status("sucess"), 'class must be "any", "success", "redirect", "client_error" or "server_error", not '
  .. 'string "sucess"; did you mean "success"?')
refused(fake.iban("XX"), "country must be one of AT, BE")
refused(fake.nanoid(5, "aa"), 'the alphabet has string "a" twice')
refused(fake.regex("["), "the expression has a [ without ]")
refused(fake.regex("(a"), "the expression has a ( without )")
refused(fake.regex("a)"), "the expression has a ) without (")
refused(fake.regex("*"), "the expression repeats nothing")
refused(fake.regex("a{3,1}"), "the expression repeats 3 to 1 times")
refused(fake.regex("a{2000}"), "the expression repeats more than 1000 times")
refused(fake.regex("(?=a)"), "the expression has a (?, of which only (?: is supported")
refused(fake.regex("\\1"), "the expression has \\1, which is not supported")
refused(fake.regex("[[:alpha:]]"), "the expression has [:, a class by name, which is not supported; write its")
tap.is(values(fake.regex("[\\[:]{0}x"), 1)[1], "x", "a class with [ and :")
refused(fake.regex("[z-a]"), "the expression has a range that ends before it begins")
refused(fake.regex(("("):rep(20) .. (")"):rep(20)), "the expression is nested deeper than 16")
refused(fake.unique(fake.email()), "unique cannot count the values of fake.email")
refused(fake.unique(fake.concat(fake.one_of { "a", "ab" }, fake.integer())),
  "the parts of a unique text must be of one length")
refused(fake.array_of(fake.unique(fake.integer()), 2),
  "unique values are one for each record, and an array has several")
refused(fake.from_file("nowhere.csv", "a"), "the file cannot be read: nowhere.csv: No such file or directory")
refused(from "citty", 'tests/data/cities.csv has no column string "citty"; did you mean "city"?')
refused(from("city", { roww = 1 }), 'there is no option string "roww"; did you mean "row"?')
do
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write("a\n\xff\xfe\n")
  file:close()
  refused(fake.from_file(name, "a"), name .. " is not valid UTF-8")
  os.remove(name)
end
tap.done()
