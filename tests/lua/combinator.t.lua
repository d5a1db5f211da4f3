--- Values sampler of other values: what they hold, that they agree, that they are pure, their mistakes.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake = kinessis.fake

local seed = tap.seed()
local sampler = dofile "tests/lua/sampler.lua"(seed)
local records, values, all = sampler.records, sampler.values, sampler.all
local distinct, type_of = sampler.distinct, sampler.type_of

-- ---- arrays, maps, objects ----

local arrays = values(fake.array_of(fake.integer(1, 1000), 0, 4), 400)
local lengths, same = {}, 0
for _, v in ipairs(arrays) do
  lengths[#v] = (lengths[#v] or 0) + 1
  if #v > 1 and v[1] == v[2] then same = same + 1 end
end
tap.ok(lengths[0] and lengths[1] and lengths[2] and lengths[3] and lengths[4] and not lengths[5],
  "array_of: every length from min to max")
tap.ok(same < 10, "array_of: items have their own draws", same)
tap.is(type_of(fake.array_of(fake.word(), 2)), "array<string>", "array_of: its type")
tap.ok(all(values(fake.array_of(fake.word(), 3)), function(v) return #v == 3 end), "array_of: max is min")
tap.is(type_of(fake.array_of(fake.array_of(fake.integer(1, 2), 1), 1)), "array<array<int>>", "array_of: nested")
tap.is(select(2, values(fake.array_of("x", 0), 1))[1], '{"v":[]}', "array_of: empty")
tap.is(select(2, values(fake.array_of(fake.optional(1, 0), 2), 1))[1], '{"v":[null,null]}', "array_of: of nulls")

local maps, _, of_maps = values(fake.map({ "a", "b", "c" }, fake.integer(1, 9), 1, 3), 300)
local keys = {}
for _, map in ipairs(maps) do
  local n = 0
  for key in pairs(map) do n, keys[key] = n + 1, true end
  keys[n] = true
end
tap.ok(keys.a and keys.b and keys.c and keys[1] and keys[2] and keys[3] and not keys[0], "map: keys and sizes")
tap.is(of_maps:columns()[1].type, "map<string,int>", "map: its type")
tap.ok(all(values(fake.map({ "a", "b" }, 1, 2)), function(v) return v.a and v.b end), "map: different keys")

local items = records({
  { "id", fake.integer(1, 1000000) },
  { "items", fake.array_of(fake.object {
    { "sku", fake.integer(1, 1 << 52) }, { "again", fake.ref("sku") }, { "order", fake.ref("id") },
    { "who", fake.first_name() }, { "email", fake.email() },
  }, 2, 3) },
})
tap.ok(all(items, function(r)
  return all(r.items, function(item)
    return item.again == item.sku and item.order == r.id and item.email:find(item.who:lower(), 1, true) == 1
  end) and r.items[1].sku ~= r.items[2].sku
end), "object: in an array, its fields agree with each other and see the fields around")
tap.ok(all(records({
  { "id", fake.integer(1, 1000000) },
  { "o", fake.object { { "in", { { "twice", function(ctx) return ctx.record.id * 2 end } } } } },
}), function(r) return r.o["in"].twice == 2 * r.id end), "object: a function in it sees the record")
tap.is(type_of(fake.object { { "a", 1 }, { "b", { { "c", "x" } } } }), "struct<a:int,b:struct<c:string>>",
  "object: its type")

-- ---- choices of providers ----

local mixed = values(fake.weighted { { fake.integer(1, 9), 9 }, { fake.integer(100, 999), 1 }, { 5000, 0 } }, 10000)
local low = 0
for _, v in ipairs(mixed) do if v < 10 then low = low + 1 end end
tap.ok(math.abs(low - 9000) < 200 and all(mixed, function(v) return v < 1000 end), "weighted: providers", low)
tap.is(type_of(fake.one_of { fake.word(), "x", fake.uuid() }), "string", "one_of: providers and constants")
tap.ok(distinct(values(fake.one_of { fake.constant("a"), "b" })) == 2, "one_of: every provider")
tap.is(table.concat(values(fake.cycle { "a", "b", "c" }, 4, { from = 2 }), ""), "cabc", "cycle: by index")
tap.ok(all(values(fake.sample({ "a", "b", "c", "d" }, 1, 3)), function(v)
  return #v >= 1 and #v <= 3 and distinct(v) == #v
end), "sample: different values")
local orders = distinct((function()
  local made = values(fake.shuffle { 1, 2, 3 }, 500)
  for i, v in ipairs(made) do made[i] = table.concat(v, " ") end
  return made
end)())
tap.is(orders, 6, "shuffle: every order")
tap.is(type_of(fake.sample({ 1, 2 }, 1)), "array<int>", "sample: its type")

-- ---- other fields ----

local refs = records({
  { "id", fake.uuid() },
  { "name", 'a "b" \\ é' }, { "maybe", fake.optional("x", 0.5) }, { "n", fake.decimal(0, 9, 2) },
  { "place", { { "city", fake.city() }, { "id", fake.ref("id") } } },
  { "copy", fake.ref("id") }, { "text", fake.concat("<", fake.ref("name"), ">") }, { "maybe2", fake.ref("maybe") },
  { "n2", fake.ref("n") }, { "city", fake.ref("place.city") }, { "list", fake.array_of(fake.ref("n"), 2) },
})
tap.ok(all(refs, function(r)
  return r.copy == r.id and r.place.id == r.id and r.text == "<" .. r.name .. ">" and r.maybe2 == r.maybe
    and r.n2 == r.n and r.city == r.place.city and r.list[2] == r.n
end), "ref: fields of the record, of objects, in texts and arrays")

local switched = records({
  { "pay", fake.one_of { "card", "cash", 'od"d' } }, { "n", fake.integer(1, 3) }, { "yes", fake.boolean() },
  { "maybe", fake.optional("card", 0.5) },
  { "a", fake.switch("pay", { card = fake.integer(10, 19), ['od"d'] = 30 }, 20) },
  { "b", fake.switch("n", { [1] = "one", [2] = fake.concat("t", "wo") }) },
  { "c", fake.switch("yes", { [true] = "t", [false] = "f" }, "?") },
  { "d", fake.switch("maybe", { card = 1 }, 0) },
})
tap.ok(all(switched, function(r)
  return (r.pay == "card" and r.a >= 10 and r.a <= 19 or r.pay == "cash" and r.a == 20 or r.pay == 'od"d' and r.a == 30)
    and r.b == (r.n == 1 and "one" or r.n == 2 and "two" or cjson.null) and r.c == (r.yes and "t" or "f")
    and r.d == (r.maybe == "card" and 1 or 0)
end), "switch: by strings, numbers, booleans and what may be null")

local derived, raw = records({
  { "n", fake.integer(1, 9) },
  { "double", fake.derive(function(ctx) return ctx.record.n * 2 end, "int") },
  { "list", fake.array_of(fake.derive(function(ctx) return ctx.random(2147483647) end, "int"), 3) },
  { "copy", fake.ref("double") },
  { "long", function() return ("x"):rep(100000) end }, { "longer", fake.ref("long") },
}, 20)
tap.ok(all(derived, function(r)
  return r.double == 2 * r.n and r.copy == r.double and r.list[1] ~= r.list[2] and #r.longer == 100000
end), "derive: functions as providers; each item of an array draws its own")
tap.is(table.concat(select(2, records({ { "n", fake.integer(1, 9) } }, 20)), ""),
  (table.concat(raw, ""):gsub(',"double".-}', "}")), "and other fields keep their values")

-- ---- pools and unique values ----

local pool = values(fake.pool(fake.uuid(), 10), 1000)
local count, seen = distinct(pool)
tap.is(count, 10, "pool: as many values")
local later = values(fake.pool(fake.uuid(), 10), 100, { from = 1000000000 })
tap.ok(all(later, function(v) return seen[v] end), "pool: the same ones everywhere in the run")
tap.ok(all(values(fake.pool(fake.object { { "first", fake.first_name() }, { "email", fake.email() } }, 5)), function(v)
  return v.email:find(v.first:lower(), 1, true) == 1
end), "pool: of objects that agree")
local counts = {}
for _, v in ipairs(values(fake.pool(fake.sequence(1, 1), 100, 1), 20000)) do counts[v] = (counts[v] or 0) + 1 end
print(("# skewed pool: %d %d %d"):format(counts[1], counts[2], counts[10] or 0))
tap.ok(counts[1] > 1.6 * counts[2] and counts[2] > 2 * counts[10], "pool: Zipf's law with a skew")

-- ---- purity ----

local mixture = kinessis.schema("t", {
  { "a", fake.array_of(fake.object { { "x", fake.uuid() }, { "y", fake.pool(fake.word(), 3, 1.5) } }, 0, 3) },
  { "b", fake.map({ "k", "l" }, fake.array_of(fake.boolean(), 1, 2)) }, { "c", fake.sample({ 1, 2, 3 }, 1, 3) },
  { "d", fake.ref("a") }, { "e", fake.switch("c", { ["[1]"] = 1 }, 2) },
})
local forwards, backwards = mixture:sample(50, { seed = seed }), {}
for i = 49, 0, -1 do backwards[i + 1] = mixture:sample(1, { seed = seed, from = i })[1] end
tap.is(table.concat(backwards, "\n"), table.concat(forwards, "\n"), "record i is made of seed and i alone")
tap.ok(mixture:plan():max_length() >= #forwards[1], "the longest record is known")

-- ---- mistakes ----

local function refused(fields, fragment)
  tap.raises(function() kinessis.schema("t", fields) end, "schema t." .. fragment, fragment)
end
refused({ { "v", fake.array_of(1, 3, 2) } }, "v: min 3 is greater than max 2")
refused({ { "v", fake.array_of(nil, 3, 2) } }, "v: value must be a provider or a constant, not nil")
refused({ { "v", fake.array_of(print, 3) } }, "v: value is a function: write fake.derive(function, type)")
refused({ { "v", fake.array_of(fake.integer(2, 1), 3) } }, "v: min 2 is greater than max 1")
refused({ { "v", fake.array_of(1, 100001) } }, "v: min must be 0 to 100000, not 100001")
refused({ { "v", fake.array_of(1, 1, 2, 3) } }, "v: array_of takes 3 arguments, not 4")
refused({ { "v", fake.map({}, 1) } }, "v: keys must be a list of strings, not an empty table")
refused({ { "v", fake.map({ "a", "a" }, 1) } }, 'v: key 2, string "a", is there twice')
refused({ { "v", fake.map({ "a" }, 1, 2) } }, "v: min 2 is greater than max 1")
refused({ { "v", fake.sample({ 1, 2 }, 3) } }, "v: 3 different values of 2 cannot be chosen")
refused({ { "v", fake.sample({}, 1) } }, "v: sample is empty")
refused({ { "v", fake.cycle { "a", 1 } } }, "v: choice 2 is a number and choice 1 a string")
refused({ { "v", fake.one_of { fake.word(), fake.integer() } } },
  "v: choice 2 is of type int and choice 1 of type string")
refused({ { "v", fake.object {} } }, "v: there are no fields")
refused({ { "v", fake.array_of(fake.object { { "o", { { "u", fake.unique(fake.integer(1, 9)) } } } }, 2) } },
  "v: unique values are one for each record, and an array has several")
refused({ { "v", fake.object { { "a", fake.integer(2, 1) } } } }, "v.a: min 2 is greater than max 1")
refused({ { "v", fake.object "x" } }, 'v: object must be given a list of { name, value }, not string "x"')
refused({ { "uuid", 1 }, { "v", fake.ref("uuld") } }, 'v: ref: there is no field "uuld"; did you mean "uuid"?')
refused({ { "v", fake.ref("w") }, { "w", 1 } }, 'v: ref: the field "w" stands after this one; put it before')
refused({ { "v", fake.ref("v") } }, "v: the fields refer to each other: v -> v")
refused({ { "a", fake.ref("b") }, { "b", fake.optional(fake.ref("c")) }, { "c", fake.array_of(fake.ref("a"), 1) } },
  "a: the fields refer to each other: a -> b -> c -> a")
refused({ { "o", { { "a", 1 } } }, { "v", fake.ref("o") } }, 'v: ref: "o" is an object; name a field in it')
refused({ { "o", { { "a", 1 } } }, { "v", fake.ref("o.b") } }, 'v: ref: there is no field "b"; did you mean "a"?')
refused({ { "v", fake.concat(fake.array_of(1, 1)) } }, "v: part 1 is not plain text")
refused({ { "v", fake.concat(fake.derive(print, "int")) } }, "v: part 1 is not plain text")
refused({ { "v", fake.derive(1) } }, "v: fn must be a function, not 1")
refused({ { "v", fake.derive(print, "strin") } }, 'v: string "strin" is not a type; did you mean "string"?')
refused({ { "p", 1 }, { "v", fake.switch("p", {}) } }, "v: cases must be a table { value = provider }, not empty")
refused({ { "p", 1 }, { "v", fake.switch("q", { a = 1 }) } }, 'v: switch: there is no field "q"; did you mean "p"?')
refused({ { "p", 1 }, { "v", fake.switch("p", { a = 1, b = "x" }) } },
  "v: case b is of type string and case a of type int: a column has one type")
refused({ { "v", fake.pool(fake.word(), 0) } }, "v: n must be at least 1, not 0")
tap.raises(function() kinessis.schema("t", { { "v", fake.array_of(fake.array_of(fake.sentence(), 100000), 100000) } })
  :plan() end, "a record could be longer than 67108864 bytes", "a record over the limit")
tap.done()
