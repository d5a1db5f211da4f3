--- Populations, sessions and disorder, as scripts use them: what agrees, what is refused and where.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local disorder = require "kinessis.disorder"
local fake, schema = kinessis.fake, kinessis.schema

local seed = tap.seed()
local clock = { seed = seed, start = 1643814000, step = 0.25 }

local function sample(of, n, extra)
  local options = {}
  for key, value in pairs(clock) do options[key] = value end
  for key, value in pairs(extra or {}) do options[key] = value end
  local records = of:sample(n, options)
  for i, record in ipairs(records) do records[i] = cjson.decode(record) end
  return records
end

-- ---- attributes ----

local person = {
  { "first_name", fake.first_name() },
  { "last_name", fake.last_name() },
  { "email", fake.email() },
  { "address", { { "city", fake.city() }, { "unit", fake.optional(fake.integer(1, 20)) } } },
  { "registered", fake.now() },
}
local users = kinessis.population("users", 40, person)
local seller = users:pick { zipf = 1.2, name = "seller" }
local order = schema("order", {
  { "n", fake.sequence(0) },
  { "user_id", users:id() },
  { "email", users:attribute("email") },
  { "first_name", users:attribute "first_name" },
  { "address", users:attribute "address" },
  { "city", users:attribute "address.city" },
  { "seller_id", seller:id() },
  { "seller", seller:attribute "email" },
})
local visit = schema("visit", { { "who", users:attribute "email" }, { "user_id", users:id() } })
local orders, visits, table_of_users = sample(order, 2000), sample(visit, 2000), sample(users:schema(), 40)

local agrees, cities, names, resolves, sellers, apart = true, true, true, true, true, 0
for i, record in ipairs(orders) do
  local user = table_of_users[record.user_id]
  resolves = resolves and user and user.id == record.user_id
  agrees = agrees and user.email == record.email and cjson.encode(user.address.city) == cjson.encode(record.city)
  cities = cities and record.address.city == record.city and record.address.unit == user.address.unit
  names = names and record.email:find(record.first_name:lower(), 1, true)
  sellers = sellers and table_of_users[record.seller_id].email == record.seller
  apart = apart + (record.seller_id ~= record.user_id and 1 or 0)
  resolves = resolves and table_of_users[visits[i].user_id].email == visits[i].who
end
tap.ok(resolves, "every key is a user of the table, from two schemas")
tap.ok(agrees, "a user's attributes are the same everywhere")
tap.ok(cities, "objects and fields in them agree")
tap.ok(names, "an email is made of the user's own name")
tap.ok(sellers, "a second choice agrees with itself")
tap.ok(apart > 1500, "and is independent of the first", apart)

-- An attribute that refers within itself, beside references of the schema's own.
local owners = kinessis.population("owners", 9, {
  { "pair", fake.object { { "a", fake.integer(1, 9) }, { "b", fake.ref "a" } } },
})
local owned = {
  { "x", fake.constant "of the record" },
  { "pair", owners:attribute "pair" },
  { "either", fake.one_of { owners:attribute "pair", owners:attribute "pair" } },
  { "y", fake.ref "x" },
}
local apart_from_it = true
for _, record in ipairs(sample(schema("owned", owned), 50)) do
  apart_from_it = apart_from_it and record.x == "of the record" and record.y == record.x
    and record.pair.a == record.pair.b and record.either.a == record.pair.a and record.either.b == record.pair.a
end
tap.ok(apart_from_it, "references in an attribute are its own")
tap.like(schema("owned", owned):sample(1, { seed = seed, format = "csv" })[1], 'of the record,"{""a"":',
  "and so are its columns")
tap.is(cjson.encode(sample(order, 5, { from = 1000 })[3].email), cjson.encode(orders[1003].email), "--from seeks")
local others, same = sample(order, 20, { seed = seed + 1 }), 0
for i, record in ipairs(others) do same = same + (record.email == orders[i].email and 1 or 0) end
tap.ok(same < 20, "another seed, other users", same)
tap.is(table_of_users[1].registered, "2022-02-02T15:00:00.000Z", "without a life all appear at the start")
local types = {}
for i, column in ipairs(users:schema():columns()) do types[i] = column.name .. " " .. column.type end
tap.is(table.concat(types, ", "), "id bigint, first_name string, last_name string, email string, "
  .. "address struct<city:string,unit:int>, registered timestamp", "the table's columns")
local keyed = kinessis.population("keyed", 5, { { "id", fake.uuid() } })
tap.ok(sample(schema("k", { { "key", keyed:id() } }), 1)[1].key:find("^%x+%-"), "a declared id is the id")
tap.is(users:schema():columns()[1].name, "id", "else it is the number")
tap.is(sample(schema("two", { { "a", seller:id() } }), 3)[3].a, orders[3].seller_id, "a named choice is made again")

-- ---- life, rounds ----

local living = kinessis.population("living", 10, { { "since", fake.now "epoch_ms" } }, { every = 4, lives = { 8, 40 } })
local before, grown = true, 0
for i, record in ipairs(sample(schema("l", { { "id", living:id() }, { "since", living:attribute "since" },
  { "at", fake.now "epoch_ms" } }), 1000)) do
  before = before and record.since <= record.at and record.since == (1643814000000 + (record.id - 10) * 1000)
    and record.at - record.since <= 10000
  grown = math.max(grown, record.id)
  if i == 1 then tap.ok(record.id <= 10, "at the start there are as many as said") end
end
tap.ok(before, "entities appear before they are picked, and leave")
tap.ok(grown > 240, "and new ones come", grown)

local meters = kinessis.population("meters", 25)
local turn = meters:pick { order = "rounds" }
local reading = schema("reading", {
  { "meter", turn:id() }, { "k", turn:count() }, { "value", turn:counter { start = 100, step = 10 } },
})
local last, monotone, counted = {}, true, true
for _, record in ipairs(sample(reading, 25 * 40)) do
  local previous = last[record.meter] or { k = 0, value = 99 }
  counted = counted and record.k == previous.k + 1
  monotone = monotone and record.value >= previous.value and record.value < 100 + record.k * 10
  last[record.meter] = record
end
tap.ok(counted, "in rounds each record knows how many came before")
tap.ok(monotone, "and a counter never falls")

local thermometers = kinessis.population("thermometers", 20)
local look = thermometers:pick { order = "rounds" }
local temperature = schema("temperature", {
  { "id", look:id() }, { "k", look:count() },
  { "celsius", look:walk { start = 20, step = 0.5, scale = 3, min = 0, max = 40 } },
  { "other", look:walk { start = 20, step = 0.5, scale = 3, min = 0, max = 40 } },
})
local before_it, first, steps, squares, bounded, twins = {}, true, 0, 0, true, 0
local rounds = 500
local walked = sample(temperature, 20 * rounds)
for _, record in ipairs(walked) do
  local previous = before_it[record.id]
  first = first and (previous ~= nil or record.celsius == 20)
  if previous then
    steps, squares = steps + 1, squares + (record.celsius - previous) ^ 2
  end
  if record.celsius == record.other and record.k > 1 then twins = twins + 1 end
  bounded = bounded and record.celsius >= 0 and record.celsius <= 40
  before_it[record.id] = record.celsius
end
local ends = {}
for _, value in pairs(before_it) do ends[value] = true end
local different = 0
for _ in pairs(ends) do different = different + 1 end
tap.ok(first, "each entity's walk begins at its start")
tap.ok(bounded, "and stays within its bounds")
local size = math.sqrt(squares / steps)
tap.ok(math.abs(size - 0.5) < 0.05, "its steps have the size asked for", size)
tap.ok(different >= 18, "entities walk ways of their own", different)
tap.ok(twins < steps / 50, "and so do two walks of one entity", twins)
tap.raises(function() kinessis.population("p", 5):pick():walk {} end, 'walk needs pick { order = "rounds" }',
  "in rounds")
tap.raises(function() look:walk { step = -1 } end, "step", "a step is not negative")

-- ---- sessions ----

local shop = kinessis.sessions("visit", {
  steps = { { "view", { view = 0.5, cart = 0.2 } }, { "cart", { view = 0.3, purchase = 0.4 } }, { "purchase" } },
  open = 5, most = 9,
  fields = { { "user_id", users:id() }, { "email", users:attribute("email") }, { "device", fake.one_of { "a", "b" } } },
})
local event = schema("event", {
  { "session", shop:id() }, { "position", shop:position() }, { "length", shop:length() }, { "step", shop:step() },
  { "elapsed", shop:elapsed() }, { "duration", shop:duration() }, { "at", fake.now "epoch_ms" },
  { "user_id", shop:attribute "user_id" }, { "email", shop:attribute "email" }, { "device", shop:attribute "device" },
  { "amount", shop:when({ "cart", "purchase" }, fake.decimal(1, 9)) }, { "note", shop:when("purchase", "thanks") },
})
local open, problems, finished = {}, {}, 0
for i, record in ipairs(sample(event, 4096)) do
  local s = open[record.session] or { n = 0, at = record.at, user = record.user_id, device = record.device }
  local function expect(ok, what)
    if not ok then problems[#problems + 1] = ("record %d: %s"):format(i - 1, what) end
  end
  open[record.session] = s
  s.n = s.n + 1
  expect(record.position == s.n and s.n <= record.length and record.length <= 9, "position")
  expect(record.user_id == s.user and record.device == s.device, "the session's own fields")
  expect(table_of_users[s.user].email == record.email, "the user's email")
  expect(record.elapsed == record.at - s.at and record.elapsed <= record.duration, "elapsed")
  expect((s.n == record.length) == (record.elapsed == record.duration), "duration")
  expect((record.step == "view") == (record.amount == cjson.null), "when")
  expect((record.step == "purchase") == (record.note == "thanks"), "when a constant")
  expect(s.n > 1 or record.step == "view", "the first step")
  if s.n == record.length then finished = finished + 1 end
end
tap.is(table.concat(problems, "\n", 1, math.min(#problems, 5)), "", "sessions are ordered, and agree")
tap.ok(finished > 800, "many of them", finished)
tap.is(sample(event, 1, { from = 4000 })[1].session, sample(event, 4001)[4001].session, "sessions seek")

-- ---- disorder ----

local plain = schema("plain", { { "n", fake.sequence(0) }, { "at", fake.now "epoch_ms" }, { "id", fake.uuid() } })
local stated = disorder.read { late = { p = 0.1, by = "10s" }, duplicate = 0.01, corrupt = 0.02, shuffle = 16 }
local expected, seen, counts = {}, {}, { late = 0, duplicate = 0, corrupt = 0, wrong = 0 }
for i, record in ipairs(plain:sample(20480, clock)) do expected[i - 1] = cjson.decode(record) end
local lines = plain:sample(20480, { seed = seed, start = clock.start, step = clock.step, disorder = stated })
for _, line in ipairs(lines) do
  local ok, record = pcall(cjson.decode, line)
  if not ok then counts.corrupt = counts.corrupt + 1
  else
    local late = expected[record.n].at - record.at
    if late < 0 or late > 10000 or record.id ~= expected[record.n].id then counts.wrong = counts.wrong + 1 end
    local kind = seen[record.n] and "duplicate" or late > 0 and "late"
    if kind then counts[kind] = counts[kind] + 1 end
    seen[record.n] = true
  end
end
local function near(count, n, p) return math.abs(count - n * p) <= 6 * (n * p * (1 - p)) ^ 0.5 end
tap.is(counts.wrong, 0, "but for its time each record is what it was")
tap.ok(near(counts.corrupt, 20480, 0.02), "2 % are no JSON", counts.corrupt)
tap.ok(near(counts.late, 20276 * 0.98, 0.1), "10 % are late", counts.late)
tap.ok(counts.duplicate <= 204 and counts.duplicate >= 204 - 30, "1 % are repeated, less those that are corrupted",
  counts.duplicate)
local again = plain:sample(1, { seed = seed, start = clock.start, step = clock.step, disorder = stated, from = 20000 })
tap.is(again[1], lines[20001], "disorder seeks")

-- ---- mistakes ----

local function refused(make, message, name)
  local ok, err = pcall(make)
  tap.ok(not ok and tostring(err):find("entity.t.lua:%d+: ") and tostring(err):find(message, 1, true), name or message,
    ok and "was not refused" or err)
end
local population, sessions = kinessis.population, kinessis.sessions
refused(function() population(1, 5) end, "the name must be a string, not 1")
refused(function() population("p", 0) end, "population p: the size must be a whole number from 1 to 1073741824, not 0")
refused(function() population("p", 5, { { "a" } }) end, "schema p.a: there is no value")
refused(function() population("p", 5, { { "a", function() end } }) end, "an attribute stands alone")
refused(function() population("p", 5, { { "a", fake.integer(1, 5) }, { "b", fake.ref "a" } }) end,
  "an attribute stands alone")
refused(function() population("p", 5, { { "a", fake.object { { "b", { { "c", function() end } } } } } }) end,
  "an attribute stands alone", "a function within an object is no attribute")
refused(function() population("p", 5, {{ "a", 1 }}, { evry = 1 }) end, 'no option string "evry"; did you mean "every"?')
refused(function() population("p", 5, nil, { lives = 5 }) end, "lives needs every")
refused(function() population("p", 5, nil, { every = 10, lives = 5 }) end, "leave times without anyone")
refused(function() population("p", 5, nil, { every = 1, lives = { 9, 5 } }) end, "the least is more than the most")
refused(function() users:attribute("emial") end,
  'population users: there is no attribute string "emial"; did you mean "email"?')
refused(function() users:attribute() end, "there is no attribute nil")
refused(function() users:pick { zipf = 0 } end, "zipf must be an exponent above 0, to 10, not 0")
refused(function() users:pick { order = "random" } end, 'order can be "rounds"')
refused(function() users:pick { order = "rounds", zipf = 1 } end, "all are equally active")
refused(function() living:pick { order = "rounds" } end, "does not change")
refused(function() users:pick():count() end, 'count needs pick { order = "rounds" }')
refused(function() turn:counter { step = -1 } end, "step must be a whole number from 0")
refused(function() sessions("s", {}) end, "steps must be a list")
refused(function() sessions("s", { steps = {} }) end, "steps must be a list")
refused(function() sessions("s", { steps = { "a" } }) end, "step 1 must be { name,")
refused(function() sessions("s", { steps = { { "a" }, { "a" } } }) end, "steps 1 and 2 have the same name")
refused(function() sessions("s", { steps = { { "view", { veiw = 1 } } } }) end, 'did you mean "view"?')
refused(function() sessions("s", { steps = { { "a", { a = 2 } } } }) end, "must be 0 to 1, not 2")
refused(function() sessions("s", { steps = { { "a", { a = 0.6, b = 0.6 } }, { "b" } } }) end, "1.2 in all")
refused(function() sessions("s", { steps = { { "a" } }, open = 0 }) end, "open must be a whole number from 1 to 256")
refused(function() sessions("s", { steps = { { "a" } }, most = 65 }) end, "most must be a whole number from 1 to 64")
refused(function() shop:when("buy", 1) end, 'there is no step string "buy"')
refused(function() shop:when({}, 1) end, "when needs a step")
refused(function() schema("x", { { "a", shop:when("view", fake.integer(5, 1)) } }) end, "min 5 is greater than max 1")
refused(function() shop:attribute("user") end, 'did you mean "user_id"?')

tap.done()
