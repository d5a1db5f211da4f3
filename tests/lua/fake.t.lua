--- The providers: what they yield, and their mistakes.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake = kinessis.fake

local seed = tap.seed()
local sampler = dofile "tests/lua/sampler.lua"(seed)
local values, all, distinct, type_of = sampler.values, sampler.all, sampler.distinct, sampler.type_of

-- identity

local uuids = values(fake.uuid(), 1000)
tap.ok(all(uuids, function(v)
  return v:match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") and v == v:lower()
end), "uuid: version 4, variant 10, lower case")
tap.is(distinct(uuids), 1000, "uuid: all differ")
local ones = {}
for _, v in ipairs(uuids) do
  local at = 0
  for digit in v:gmatch("%x") do
    at = at + 1
    for bit = 0, 3 do
      local place = at * 4 + bit
      ones[place] = (ones[place] or 0) + (tonumber(digit, 16) >> bit & 1)
    end
  end
end
local even = 0
for _, n in pairs(ones) do if n > 400 and n < 600 then even = even + 1 end end
tap.is(even, 122, "uuid: the 122 random bits are even")

-- numbers

tap.ok(all(values(fake.integer(-3, 3)), function(v) return v >= -3 and v <= 3 and v % 1 == 0 end), "integer: in range")
tap.is(distinct(values(fake.integer(-3, 3))), 7, "integer: both ends are met")
local _, extreme = values(fake.integer(math.mininteger, math.maxinteger), 50)
tap.ok(all(extreme, function(v) return v:match('^{"v":%-?%d+}$') end), "integer: all 64 bits")
tap.is(values(fake.integer(7, 7), 1)[1], 7, "integer: one value")
tap.is(type_of(fake.integer(0, 2147483647)), "int", "integer: int when it fits")
tap.is(type_of(fake.integer(0, 2147483648)), "bigint", "integer: bigint when not")
local _, decimals = values(fake.decimal(-1.5, 20, 3))
tap.ok(all(decimals, function(v)
  local number = tonumber(v:match('^{"v":(%-?%d+%.%d%d%d)}$'))
  return number and number >= -1.5 and number <= 20
end), "decimal: in range, three digits")
tap.is(type_of(fake.decimal(-1.5, 20, 3)), "decimal(5,3)", "decimal: its precision")
local _, whole = values(fake.decimal(1, 1, 0), 1)
tap.is(whole[1], '{"v":1}', "decimal: scale 0 has no point")
local _, small = values(fake.decimal(-0.01, -0.01, 2), 1)
tap.is(small[1], '{"v":-0.01}', "decimal: a sign without a whole part")
local sequence = values(fake.sequence(100, -10), 3, { from = 5 })
tap.is(table.concat(sequence, " "), "50.0 40.0 30.0", "sequence: by index")
tap.ok(all(values(fake.boolean(1)), function(v) return v == true end), "boolean: always")
tap.ok(all(values(fake.boolean(0)), function(v) return v == false end), "boolean: never")
tap.is(type_of(fake.boolean()), "boolean", "boolean: type")

-- choices

local n, seen = distinct(values(fake.one_of { "a", 'q"\\\n', "é" }))
tap.ok(n == 3 and seen['q"\\\n'] and seen["é"], "one_of: every value, escaped")
tap.is(type_of(fake.one_of { 1, 2.5 }), "double", "one_of: numbers of both kinds are doubles")
tap.is(type_of(fake.one_of { 1, 2 ^ 40 // 1 | 0 }), "bigint", "one_of: large integers")
tap.is(type_of(fake.one_of { true }), "boolean", "one_of: booleans")
local counts = { a = 0, b = 0, c = 0, never = 0 }
for _, v in ipairs(values(fake.weighted { a = 6, b = 3, c = 1, never = 0 }, 10000)) do counts[v] = counts[v] + 1 end
print(("# weighted: %d %d %d"):format(counts.a, counts.b, counts.c))
-- six standard deviations
tap.ok(math.abs(counts.a - 6000) < 294 and math.abs(counts.b - 3000) < 275 and math.abs(counts.c - 1000) < 180
  and counts.never == 0, "weighted: by weight")
tap.is(distinct(values(fake.weighted { { 10, 1 }, { 20, 1 } })), 2, "weighted: pairs of any type")
tap.is(values(fake.constant("x"), 1)[1], "x", "constant")
local present = 0
for _, v in ipairs(values(fake.optional(fake.word(), 0.25), 10000)) do
  if v ~= cjson.null then present = present + 1 end
end
print("# optional: " .. present)
tap.ok(math.abs(present - 2500) < 260, "optional: by probability")
tap.is(type_of(fake.optional(fake.integer(1, 2))), "int", "optional: the type of its value")
tap.is(values(fake.optional("x", 1), 1)[1], "x", "optional: a constant")

-- text

tap.ok(all(values(fake.sentence(3)), function(v) return v:match("^%u%l* %l+ %l+%.$") end), "sentence")
tap.is(values(fake.concat("a", 1, '"', fake.integer(5, 5)), 1)[1], 'a1"5', "concat")
tap.ok(all(values(fake.template("{{{word}-{n}}", { n = fake.integer(1, 9) })), function(v)
  return v:match("^{%l+%-%d}$")
end), "template")

-- people

local people = kinessis.schema("people", {
  { "email", fake.email() }, { "name", fake.first_name() }, { "last_name", fake.last_name() },
  { "friend", fake.first_name() }, { "user", fake.username() }, { "contact", { { "email", fake.email() } } },
  { "other", { { "name", fake.first_name() }, { "email", fake.email() } } },
})
local agree, friends = true, 0
for _, record in ipairs(people:sample(300, { seed = seed })) do
  local p = cjson.decode(record)
  local expected = (p.name .. "." .. p.last_name):lower():gsub("[^%a.]", "")
  agree = agree and p.email:sub(1, #expected) == expected and p.user:sub(1, #expected) == expected
    and p.contact.email:sub(1, #expected) == expected
    and p.other.email:sub(1, #p.other.name) == p.other.name:lower()
    and p.email:match("^[%l]+%.[%l]+%d+@[%l.]*example%.%l+$") ~= nil
  if p.friend == p.name then friends = friends + 1 end
end
tap.ok(agree, "email and username are made of the record's names, nearest object first")
tap.ok(friends < 30, "a second first name is another")
tap.is(distinct(values(fake.email())) > 150, true, "email: without names in the record")
tap.ok(all(values(fake.name()), function(v) return v:match("^%u%a+ %u['%a]+$") end), "name")
tap.ok(distinct(values(fake.city())) > 40
  and distinct(values(fake.country { any = true })) > 50, "places")

-- time

local now = values(fake.now(), 1)[1]
tap.ok(now:match("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"), "now: ISO 8601 as Firehose reads it", now)
local sys = require "kinessis.core.sys"
tap.ok(math.abs(sys.parse_iso(now) - sys.now()) < 60, "now: the wall clock", now)
local simulated = values(fake.now(), 3, { start = sys.parse_iso("2022-02-02T15:17:07.999Z"), step = 0.5 })
tap.is(table.concat(simulated, " "),
  "2022-02-02T15:17:07.999Z 2022-02-02T15:17:08.499Z 2022-02-02T15:17:08.999Z", "now: the simulated clock")
tap.is(values(fake.now("epoch"), 2, { start = 10, step = 1 })[2], 11, "now: seconds")
tap.is(values(fake.now("epoch_ms"), 2, { start = 10, step = 0.001 })[2], 10001, "now: milliseconds")
tap.is(values(fake.now(), 1, { start = 1, step = 1e9, from = 1e12 // 1 | 0 })[1], "9999-12-31T23:59:59.999Z",
  "now: stops at the year 9999")
tap.is(type_of(fake.now()) .. " " .. type_of(fake.now("epoch")), "timestamp bigint", "now: types")

-- mistakes

local function refused(make, fragment)
  tap.raises(function() kinessis.schema("t", { { "v", make() } }) end, "schema t.v: " .. fragment, fragment)
end
refused(function() return fake.integer(10, 1) end, "min 10 is greater than max 1")
refused(function() return fake.integer("x") end, 'min must be a whole number, not string "x"')
refused(function() return fake.integer(1.5) end, "min must be a whole number, not 1.5")
refused(function() return fake.decimal(0 / 0) end, "min must be a number, not")
refused(function() return fake.decimal(5, 1) end, "min 5 is greater than max 1")
refused(function() return fake.decimal(0, 1, 19) end, "scale must be 0 to 18, not 19")
refused(function() return fake.decimal(0, 1e18, 2) end, "min and max have more than 18 digits")
refused(function() return fake.boolean(2) end, "p must be 0 to 1, not 2")
refused(function() return fake.one_of {} end, "one_of is empty")
refused(function() return fake.one_of "a" end, 'one_of must be given a table, not string "a"')
refused(function() return fake.one_of(fake.word()) end, "one_of must be given a table, not a provider")
refused(function() return fake.one_of { "a", 1 } end, "choice 2 is a number and choice 1 a string")
refused(function() return fake.one_of { a = 1 } end,
  'one_of takes a list of values without gaps, and this one has a key string "a"')
refused(function() return fake.one_of { {} } end, "choice 1 must be a string, a number or a boolean, not a table")
refused(function() return fake.one_of { "\xff" } end, "choice 1 is not valid UTF-8")
refused(function() return fake.one_of { 1 / 0 } end, "choice 1 must be a number, not inf")
refused(function() return fake.weighted { a = 0, b = 0 } end, "the weights sum to 0")
refused(function() return fake.weighted { a = -1 } end, 'the weight of string "a" must be at least 0, not -1')
refused(function() return fake.weighted { a = "b" } end, "the weight of string \"a\" must be a number")
refused(function() return fake.weighted {} end, "weighted is empty")
refused(function() return fake.weighted { { 1 } } end, "choice 1 must be { value, weight }, not a table")
refused(function() return fake.optional(fake.integer(2, 1)) end, "min 2 is greater than max 1")
refused(function() return fake.optional(nil) end, "value must be a provider or a constant, not nil")
refused(function() return fake.concat() end, "concat needs a part")
refused(function() return fake.concat("a", {}) end, "part 2 must be a string, not a table")
refused(function() return fake.concat(fake.optional("a")) end, "part 1 may be absent")
refused(function() return fake.concat("a", fake.integer(2, 1)) end, "min 2 is greater than max 1")
refused(function() return fake.template("{nope}") end, "the template names {nope}, which has no value")
refused(function() return fake.template("{") end, "the template has a { without a name and }")
refused(function() return fake.sentence(0) end, "n must be 1 to 100, not 0")
refused(function() return fake.now("rfc") end, 'format must be one of date, epoch,')

tap.raises(function() return fake.frist_name() end,
  'fake.t.lua:' .. debug.getinfo(1,
  "l").currentline - 1 .. ': fake has no provider "frist_name"; did you mean "first_name"?',
  "an unknown provider: line and suggestion")
tap.raises(function() return fake.zzzzzz() end, 'fake has no provider "zzzzzz"', "and without one")
tap.done()
