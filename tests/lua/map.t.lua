--- Functions per record (map) and per block: what they change, that records stay pure, and their mistakes.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake, schema = kinessis.fake, kinessis.schema

local seed = tap.seed()
local clock = { seed = seed, start = 1643814000, step = 1 }

local function sample(of, n, extra)
  local options = {}
  for key, value in pairs(clock) do options[key] = value end
  for key, value in pairs(extra or {}) do options[key] = value end
  return of:sample(n, options)
end

-- ---- map ----

local fields = {
  { "id", fake.uuid() }, { "n", fake.sequence(0) }, { "name", fake.first_name() },
  { "at", { { "city", fake.city() }, { "deep", { { "x", fake.integer(1, 9) } } } } },
  { "price", fake.decimal(1, 2, 3) }, { "maybe", fake.optional(fake.word()) },
  { "tags", function() return { "a" } end, type = "array<string>" },
}
local function mapped(map) return schema("s", fields, { map = map }) end

local plain = schema("s", fields)
local originals = sample(plain, 50)
tap.is(table.concat(sample(mapped(function() end), 50)), table.concat(originals),
  "a map that does nothing changes nothing")
tap.is(table.concat(sample(mapped(function(r) return r end), 50)), table.concat(originals), "nor one that returns it")
local changed = sample(mapped(function(r)
  if r.n % 2 == 1 then return end
  r.name = r.name .. ' "x" é\n'
  r.at.deep.x = r.at.deep.x + 100
  r.tags = {}
  r.maybe = nil
end), 50)
local right, untouched = true, true
for i = 1, 50 do
  local a, b = cjson.decode(originals[i]), cjson.decode(changed[i])
  if i % 2 == 0 then untouched = untouched and originals[i] == changed[i]
  else
    right = right and b.name == a.name .. ' "x" é\n' and b.at.deep.x == a.at.deep.x + 100 and b.at.city == a.at.city
      and b.maybe == cjson.null and changed[i]:find('"tags":[]', 1, true) and b.id == a.id
      and changed[i]:match('"price":([%d.]+)') == originals[i]:match('"price":([%d.]+)')
  end
end
tap.ok(untouched, "records that are left alone keep their bytes")
tap.ok(right, "what is set is set, the rest keeps its text", originals[1], changed[1])

local replaced = sample(mapped(function(r, ctx)
  return { n = r.n * 10, name = ctx.random(1000), at = { city = "here" } }
end), 20)
local all = true
for i, line in ipairs(replaced) do
  local r = cjson.decode(line)
  all = all and r.n == (i - 1) * 10 and r.id == cjson.null and r.at.city == "here" and r.at.deep.x == cjson.null
    and line:find '^{"id":null,"n":%d+,"name":%d+,"at":{"city":"here","deep":{"x":null}},"price":null,'
end
tap.ok(all, "a table that is returned is the record, in the schema's order", replaced[1])
tap.is(sample(mapped(function(r, ctx)
  return { n = r.n * 10, name = ctx.random(1000), at = { city = "here" } }
end), 1, { from = 15 })[1], replaced[16], "ctx.random of a map seeks")
local listed
sample(mapped(function(r)
  local names = {}
  for name in pairs(r) do names[#names + 1] = name end
  listed = table.concat(names, " ")
end), 1)
tap.is(listed, "id n name at price maybe tags", "pairs goes through the fields in order")
local again = mapped(function(r) r.n = 5 r.n = r.n + 1 r.at = { city = r.at.city } end)
tap.is(cjson.decode(sample(again, 1)[1]).n, 6, "what was set can be read, and set again")
local stale = schema("s", { { "a", fake.integer(1, 9) }, { "b", function(ctx) return ctx.record.a end, type = "int" } },
  { map = function(r) r.a = 77 end })
tap.ok(cjson.decode(sample(stale, 2)[2]).b < 10, "a change does not reach the next record")
local cursor = mapped(function(r) r.id = "key " .. r.n end):plan({ "id" }):cursor(clock)
tap.is(select(2, cursor:record(7)), "key 7", "the partition key is the changed one")
cursor:close()
local row = sample(mapped(function(r) r.name = 'a,"b"' end), 1, { format = "csv" })[1]
tap.is(row:match(',0,("[^,]*,.-"),'), '"a,""b"""',
  "CSV rows are of the changed record")
tap.ok(#sample(mapped(function(r) r.name = ("x"):rep(1 << 20) end), 3)[3] > 1 << 20, "a value may be long")

-- ---- per block ----

local function walk(block)
  local values, v = {}, 0
  for i = 1, block.size do
    v = v + block.random(-3, 3)
    values[i] = v
  end
  return values
end
local calls = 0
local walks = schema("w", {
  { "n", fake.sequence(0) },
  { "a", fake.per_block(function(b) calls = calls + 1 return walk(b) end, "int", 64) },
  { "b", fake.per_block(walk, "int", 64) }, { "c", fake.per_block(walk, "int", 64) },
  { "t", fake.per_block(function(b)
    local t = {}
    for i = 1, b.size do t[i] = ("%d %d %d %d"):format(b.first, b.number, b.size, b.now()) end
    return t
  end, "string", 64) },
})
local lines = sample(walks, 640)
tap.is(calls, 10, "called once per block")
local steps, last, differ = true, nil, 0
for i, line in ipairs(lines) do
  local r = cjson.decode(line)
  if last and r.n % 64 > 0 then steps = steps and math.abs(r.a - last.a) <= 3 end
  differ = differ + (r.b ~= r.c and 1 or 0)
  local first = (i - 1) // 64 * 64
  steps = steps and r.t == ("%d %d 64 %d"):format(first, first // 64, 1643814000 + first)
  last = r
end
tap.ok(steps, "its values belong to the records of the block")
tap.ok(differ > 500, "two fields with one function draw apart", differ)
local same = true
for i = 640, 1, -7 do same = same and sample(walks, 1, { from = i - 1 })[1] == lines[i] end
tap.ok(same, "each record alone is the same")
tap.ok(table.concat(sample(walks, 64, { seed = seed + 1, from = 576 })) ~= table.concat(lines, "", 577, 640),
  "another seed, another walk")

-- ---- mistakes ----

local function fails(of, message, name)
  local ok, err = pcall(sample, of, 3)
  tap.ok(not ok and tostring(err):find("map.t.lua:%d+: ") and tostring(err):find(message, 1, true), name or message,
    ok and "did not fail" or err)
end
tap.raises(function() mapped(5) end, "schema s: map must be a function of (record, ctx), not 5", "no function")
tap.raises(function() schema("s", fields, { mop = print }) end, 'did you mean "map"?', "a misspelt option")
fails(mapped(function(r) r.nmae = 1 end), 'field "nmae" is not in the schema')
fails(mapped(function() return { nmae = 1 } end), 'field "nmae" is not in the schema')
fails(mapped(function(r) r.at.city2 = 1 end), 'field "at.city2" is not in the schema')
fails(mapped(function(r) r.at = 5 end), "is an object: give a table")
fails(mapped(function() return false end), "the map returned a boolean")
fails(mapped(function(r) r.name = print end), 'field "name" cannot be a function')
fails(mapped(function(r) r.price = 0 / 0 end), "a number that is not a number")
fails(mapped(function() error "no luck" end), "no luck")
fails(schema("s", { { "a", 1 }, { "b", function(ctx) ctx.record.a = 2 end } }), "can only be read")
fails(schema("s", { { "a", fake.per_block(function() return {} end) } }),
  "returned 0 values for a block of 1000 records")
fails(schema("s", { { "a", fake.per_block(function() end) } }), "returned a nil for a block of 1000")
fails(schema("s", { { "a", fake.per_block(function(b) return b.record.a end) } }),
  "ctx.record: a function per block has first, size, number, random and now")
tap.raises(function() schema("s", { { "a", fake.per_block(5) } }) end,
  "s.a: fn must be a function, not 5", "no function")
tap.raises(function() schema("s", { { "a", fake.per_block(walk, "int", 0) } }) end,
  "size must be 1 to 100000", "no size")

tap.done()
