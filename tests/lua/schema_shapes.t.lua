--- kinessis schema infer knows the shapes that data has: what a provider made is recognised, and what the
--- inferred scenario makes has the same distribution (Kolmogorov-Smirnov of two samples of 5,000).
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local infer = require "kinessis.schema.infer"
local fake = kinessis.fake

local seed = tap.seed()
local N = 5000

-- Two samples of one distribution are further than 2.7 * sqrt(2 / N) = 0.054 once in a million times. The rest is
-- what an inference from 4,000 values may be off.
local BOUND = 0.08

local path = os.tmpname() .. ".jsonl"

local function infer_lines(lines)
  local file = assert(io.open(path, "wb"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  local text = assert(infer.run(path, { samples = 10000, name = "s" }))
  os.remove(path)
  return text, assert(load(text, "=inferred"))()
end

local function values_of(lines)
  local list = {}
  for _, line in ipairs(lines) do
    local v = cjson.decode(line).v
    if v ~= cjson.null then list[#list + 1] = v end
  end
  table.sort(list)
  return list
end

-- How far the distribution functions of two sorted lists are from each other.
local function distance(a, b)
  local i, j, far = 1, 1, 0
  while i <= #a and j <= #b do
    local at = math.min(a[i], b[j])
    while a[i] == at do i = i + 1 end
    while b[j] == at do j = j + 1 end
    far = math.max(far, math.abs((i - 1) / #a - (j - 1) / #b))
  end
  return far
end

local function again(made, n, chance)
  return made.records:sample(n, { seed = (chance or seed) + 1, start = made.start, step = made.step })
end

-- What is inferred of a field's values has the fragments; what it makes is like them, and in their range.
local function look(chance, name, value, ...)
  local lines = kinessis.schema("s", { { "v", value } }):sample(N, { seed = chance, start = 1643760000, step = 2 })
  local text, made = infer_lines(lines)
  for _, fragment in ipairs { ... } do tap.like(text, fragment, ("%s: %s"):format(name, fragment)) end
  local first, second = values_of(lines), values_of(again(made, N, chance))
  if type(first[1]) ~= "number" then return text, made end
  local far = distance(first, second)
  print(("# %s: %.3f of %.3f: %s"):format(name, far, BOUND, text:match "\n  {(.-)\n"))
  tap.ok(far < BOUND, name .. ": its records have the same distribution", far)
  tap.ok(second[1] >= first[1] and second[#second] <= first[#first], name .. ": its records stay in the range",
    first[1], second[1], first[#first], second[#second])
  return text, made
end

-- schema/fit.lua misses one in 5,000 of what it knows.
local function recognised(...)
  local arguments = table.pack(...)
  return tap.likely(seed, function(chance) return look(chance, table.unpack(arguments, 1, arguments.n)) end)
end

-- ---- numbers ----

recognised("constant", fake.constant(42), "fake.constant(42)", "-- always the same (5,000 values)")
recognised("sequence", fake.sequence(1000, 3), "fake.sequence(1000, 3)", "each is 3 after the one before")
recognised("uniform", fake.integer(-500, 100000), "fake.integer(", "each as likely")
recognised("few whole numbers", fake.integer(1, 20), "fake.integer(1, 20)")
recognised("uniform decimals", fake.decimal(0.5, 99.99, 2), "fake.decimal(",
  "decimal(4,2): no more than 2 digits after the point")
recognised("coarse decimals", fake.decimal(0, 9, 1), "fake.decimal(0, 9, 1)")
recognised("normal", fake.normal(20, 5, 2), "fake.normal(", "-- normal: mean ", "4,000 of them looked at",
  "decimal(4,2)")
recognised("normal, whole", fake.normal(5000, 300, 0), "fake.normal(", 'type = "int"')
recognised("normal below zero", fake.normal(-3, 2.5, 3), "fake.normal(")
recognised("normal, cut", fake.normal(100, 15, 1, 90), "fake.histogram(")
recognised("log-normal", fake.lognormal(100, 0.8, 2), "fake.lognormal(", "-- log-normal, a long tail: median ")
recognised("log-normal, whole", fake.lognormal(3000, 1, 0), "fake.lognormal(")
recognised("exponential", fake.exponential(30, 3), "fake.exponential(", "-- exponential, a long tail: mean ")
recognised("exponential, whole", fake.exponential(200, 0), "fake.exponential(")
recognised("exponential from 20 on", fake.exponential(50, 2, 20), "fake.exponential(")
recognised("Zipf", fake.zipf(1000, 1.1), "fake.zipf(", "-- Zipf: k of ")
recognised("Zipf of many", fake.zipf(5000000, 0.8), "fake.zipf(")
recognised("flat Zipf", fake.zipf(400, 0.4), "fake.zipf(")
recognised("prices of a shop", fake.price(5, 60), "fake.price(5, 60)", "decimal(4,2)")
recognised("two heaps", fake.weighted { { fake.normal(10, 1, 2), 1 }, { fake.normal(90, 5, 2), 2 } },
  "fake.histogram(", "like no distribution that has a name here: quantiles")
recognised("doubles", fake.normal(0, 1, 15), "fake.normal(", "double: 15 digits after the point")
recognised("even doubles", function(ctx) return ctx.random() * 1000 end, "fake.decimal(", 'type = "double"')
recognised("prices, some of them null", fake.optional(fake.lognormal(20, 0.5, 2), 0.8), "fake.optional(fake.lognormal(",
  'type = "decimal(')

local counted = kinessis.schema("s", { { "v", fake.sequence(500, 10, 9) } }):sample(N, { seed = seed })
local text, made = infer_lines(counted)
tap.like(text, ", 10, 9)", "a counter with gaps is a sequence")
tap.like(text, "they rise by steps of ", "a counter with gaps: how it rises")
local grows, last = true, -1
for i, line in ipairs(again(made, N)) do
  local v, was = cjson.decode(line).v, cjson.decode(counted[i]).v
  grows, last = grows and v > last and math.abs(v - was) < 20, v
end
tap.ok(grows, "a counter with gaps: it rises as the one before")

local function times(name, value, fragment)
  local _, scenario = recognised(name, value, fragment, "every 2 s: the clock of the scenario (5,000 values)")
  tap.ok(scenario.start == 1643760000 and scenario.step == 2, name .. ": the clock", scenario.start, scenario.step)
end
times("times", fake.now(), "fake.now()")
times("times to the second", fake.now("iso_seconds"), 'fake.now("iso_seconds")')
times("times of SQL", fake.now("sql"), 'fake.now("sql")')

-- Of a field of that name.
local function of_field(name, value, chance)
  return infer_lines(kinessis.schema("s", { { name, value } }):sample(N, { seed = chance or seed, start = 1643760000,
    step = 2 }))
end
text, made = of_field("event_time", fake.now("epoch_ms"))
tap.like(text, 'fake.now("epoch_ms")', "times as numbers")
tap.ok(made.start == 1643760000 and made.step == 2, "times as numbers: the clock", made.start, made.step)
tap.like(of_field("total", fake.now("epoch_ms")), "fake.sequence(1643760000000, 2000)", "but by their name only")
tap.likely(seed, function(chance)
  tap.like(of_field("seen_at", fake.between("2022-02-02", "2022-02-05", "epoch"), chance), 'fake.between(1643',
    "times as numbers, in no order")
end)
tap.like(of_field("at", fake.series("2022-02-02", "2s", "100s")), "s late: the clock of the scenario",
  "times that rise, but for some that are late")
text = infer_lines(kinessis.schema("s", { { "at", fake.now() }, { "received_at", fake.now("epoch_ms") },
  { "born", fake.series("1990-01-01", "1h") } }):sample(N, { seed = seed, start = 1643760000, step = 2 }))
tap.like(text, '"received_at", fake.now("epoch_ms")', "two fields of one clock")
tap.like(text, '"born", fake.between("1990-01-01T00:00:00.000Z"', "and another that rises, but at another time")
tap.like(of_field("at", fake.between("2022-02-02", "2022-02-05")), "fake.between(", "times in no order are a range")
tap.like(of_field("at", fake.constant("2022-02-02T00:00:00.000Z")), 'type = "timestamp"', "one time is a constant")

-- ---- text ----

local function lengths(name, value, fragment)
  local _, scenario = recognised(name, value, fragment)
  local shortest, longest = math.huge, 0
  for _, line in ipairs(again(scenario, N)) do
    local n = #cjson.decode(line).v
    shortest, longest = math.min(shortest, n), math.max(longest, n)
  end
  return shortest .. " to " .. longest
end
tap.is(lengths("tokens", fake.regex "[a-zA-Z0-9]{8,20}", 'fake.regex("[0-9A-Za-z]{8,20}")'), "8 to 20",
  "tokens keep their length")
tap.is(lengths("hexadecimal", fake.hex(40), 'fake.regex("[0-9a-f]{40}")'), "40 to 40", "hexadecimal digits, too")
tap.is(lengths("with other characters", fake.regex "[a-z0-9_-]{5,30}", [[fake.regex("[0-9a-z\\-\\_]{5,30}")]]),
  "5 to 30", "and text with other characters")

-- ---- values that come again ----

-- How many different values there are, and the shares of the most frequent and of the ten most frequent ones.
local function shares(lines)
  local counts, list, ten = {}, {}, 0
  for _, line in ipairs(lines) do
    local v = cjson.decode(line).v
    counts[v] = (counts[v] or 0) + 1
  end
  for _, n in pairs(counts) do list[#list + 1] = n end
  table.sort(list, function(a, b) return a > b end)
  for i = 1, 10 do ten = ten + list[i] / #lines end
  return #list, list[1] / #lines, ten
end

local pools = {
  ["skewed"] = fake.pool(fake.uuid(), 200, 1.2), ["less skewed"] = fake.pool(fake.email(), 100, 0.7),
  ["even"] = fake.pool(fake.regex "[A-Z]{3}[0-9]{6}", 150),
}
local function look_at_pool(chance, name)
  local lines = kinessis.schema("s", { { "v", pools[name] } }):sample(N, { seed = chance })
  local inferred, scenario = infer_lines(lines)
  tap.like(inferred, "fake.pool(", name .. " pool")
  tap.is(inferred:find "fake%.pool%(.*, [%d.]+, [%d.]+%)" ~= nil, name ~= "even",
    name .. " pool: whether it has a skew")
  local n, first, ten = shares(lines)
  local n2, first2, ten2 = shares(again(scenario, N, chance))
  print(("# %s pool: %d values, %.3f, %.3f; again %d, %.3f, %.3f"):format(name, n, first, ten, n2, first2, ten2))
  tap.ok(math.abs(n - n2) <= n / 10 and math.abs(first - first2) < 0.05 and math.abs(ten - ten2) < 0.06,
    name .. " pool: as many values, as frequent")
end
for name in pairs(pools) do tap.likely(seed, function(chance) look_at_pool(chance, name) end) end
tap.ok(not infer_lines(kinessis.schema("s", { { "name", fake.first_name() } }):sample(N, { seed = seed })):find "pool",
  "names are of no pool")

-- The type of a column follows what is in its lists, maps and objects.
local inside = kinessis.schema("s", {
  { "list", fake.array_of(fake.normal(20, 3, 2), 1, 4) },
  { "deep", fake.array_of(fake.array_of(fake.zipf(500, 1), 2), 2) },
  { "object", { { "n", fake.optional(fake.normal(500, 30, 0)) } } },
})
local types = {}
for i, column in ipairs(select(2, infer_lines(inside:sample(2000, { seed = seed }))).records:columns()) do
  types[i] = column.type
end
tap.is(table.concat(types, " "), "array<decimal(4,2)> array<array<int>> struct<n:int>", "types inside of others")

-- ---- what is not enough ----

local function few(value, n, chance)
  return (infer_lines(kinessis.schema("s", { { "v", value } }):sample(n, { seed = chance or seed })))
end
tap.ok(not few(fake.lognormal(100, 1, 2), 199):find "lognormal", "199 values have no distribution")
tap.likely(seed, function(chance)
  tap.like(few(fake.lognormal(100, 0.5, 2), 400, chance), "fake.lognormal(", "400 have")
end)
tap.like(few(fake.integer(1, 1000000), 15), "fake.integer(", "15 values are a range")
local uneven = 0
for k = 1, 40 do
  local even = kinessis.schema("s", { { "v", fake.decimal(0, 1000, k % 5) } })
  local guessed = infer_lines(even:sample(100 + 40 * k, { seed = seed + k }))
  if not guessed:find "fake%.decimal%(" and not guessed:find "fake%.integer%(" then uneven = uneven + 1 end
end
-- schema/fit.lua misses one in thousands: four of forty are less than one run in 10^7.
tap.ok(uneven <= 3, "what is uniform stays uniform", uneven)
os.remove(path)
tap.done()
