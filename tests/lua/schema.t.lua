--- Schemas: records, determinism, functions, columns, and every mistake.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake, schema = kinessis.fake, kinessis.schema

local function line() return debug.getinfo(2, "l").currentline end

-- ---- the tutorial's record ----

local person = schema("person", {
  { "uuid",       fake.uuid() },
  { "event_date", fake.now() },
  { "status",     fake.one_of { "Active", "Inactive", "Canceled" } },
  { "name",       fake.first_name() },
  { "last_name",  fake.last_name() },
  { "email",      fake.email() },
  { "phone",      fake.integer(900000000, 999999999) },
})
local clock = { seed = 7, start = 1643814000, step = 0.25 }
local function with(extra)
  local options = {}
  for key, value in pairs(clock) do options[key] = value end
  for key, value in pairs(extra) do options[key] = value end
  return options
end

local ten = person:sample(10, clock)
local record = cjson.decode(ten[1])
tap.is(#ten, 10, "ten records")
tap.ok(ten[1]:match('^{"uuid":"[^"]+","event_date":"[^"]+","status":"%a+","name":"%a+","last_name":"[%a\']+",'
  .. '"email":"[^"]+","phone":9%d+}$'), "fields in order, compact", ten[1])
tap.is(record.event_date, "2022-02-02T15:00:00.000Z", "on the simulated clock")
tap.is(table.concat(person:sample(10, clock), "\n"), table.concat(ten, "\n"), "the same seed, the same bytes")
tap.ok(person:sample(1, with { seed = 8 })[1] ~= ten[1], "another seed, other bytes")
tap.is(person:sample(1, with { from = 9 })[1], ten[10], "record 9 alone is record 9")
local cursor = person:plan({ "uuid" }):cursor(clock)
local backwards, kept = {}, true
for i = 9, 0, -1 do
  local json, key = cursor:record(i)
  backwards[i + 1] = json
  kept = kept and key == cjson.decode(json).uuid
end
tap.is(table.concat(backwards, "\n"), table.concat(ten, "\n"), "any order, and kept fields change nothing")
tap.ok(kept, "the kept field's text")
local ids = { "uuid" }
tap.ok(person:plan(ids) == person:plan(ids) and person:plan() == person:plan(), "a plan is made once")
tap.ok(not person:plan():calls_scripts(), "no functions here")
tap.ok(person:plan():max_length() >= #ten[1], "the longest record is known")
tap.raises(function() cursor:close() return cursor:record(1) end, "the cursor is closed", "a closed cursor")
cursor:close()

local columns = {}
for i, column in ipairs(person:columns()) do columns[i] = column.name .. " " .. column.type end
tap.is(table.concat(columns, ", "),
  "uuid string, event_date timestamp, status string, name string, last_name string, email string, phone int",
  "columns")
tap.ok(schema.is(person) and not schema.is({}), "schema.is")

local extended = schema("person", {
  { "extra", fake.word() },
  { "uuid",  fake.uuid() },
  { "name",  fake.first_name() },
})
local other = cjson.decode(extended:sample(1, clock)[1])
tap.ok(other.uuid == record.uuid and other.name == record.name, "a new field leaves the others as they were")

-- ---- constants, nesting, escapes ----

local mixed = schema("mixed", {
  { "text", 'a "quoted" \\ line\n' },
  { "int", 3 }, { "big", 1 << 40 }, { "float", 0.5 }, { "yes", true },
  { 'odd "name"', "x" },
  { "inner", { { "deep", { { "n", 1 }, { "word", fake.constant("w") } } }, { "é", "ü" } } },
})
tap.is(mixed:sample(1)[1], '{"text":"a \\"quoted\\" \\\\ line\\n","int":3,"big":1099511627776,"float":0.5,"yes":true,'
  .. '"odd \\"name\\"":"x","inner":{"deep":{"n":1,"word":"w"},"é":"ü"}}', "constants and nested fields")
columns = {}
for i, column in ipairs(mixed:columns()) do columns[i] = column.type end
tap.is(table.concat(columns, " "),
  "string int bigint double boolean string struct<deep:struct<n:int,word:string>,é:string>",
  "their types")
local function kept_text(path)
  local _, text = mixed:plan({ path }):cursor():record(0)
  return text
end
tap.is(kept_text("text"), 'a "quoted" \\ line\n', "a kept string has no escapes")
tap.is(kept_text("big"), "1099511627776", "a kept number")
tap.is(kept_text("inner.deep.word"), "w", "a kept field by its path")
tap.is(select("#", mixed:plan():cursor():record(0)), 1, "nothing is kept")
tap.is(table.concat({ select(2, mixed:plan({ "big", "text", "big" }):cursor():record(0)) }, " "),
  '1099511627776 a "quoted" \\ line\n 1099511627776', "several are, in the order that they were asked for")

-- ---- functions ----

local calls = schema("calls", {
  { "n", fake.integer(1, 1000) },
  { "place", { { "city", fake.city() }, { "up", function(ctx) return ctx.record.place.city:upper() end } } },
  { "double", function(ctx) return ctx.record.n * 2 end, type = "int" },
  { "index", function(ctx) return ctx.index end },
  { "dice", function(ctx) return ctx.random(6) end },
  { "range", function(ctx) return ctx.random(-2, 2) end },
  { "unit", function(ctx) return ctx.random() end },
  { "none", function() end },
  { "list", function() return { 1, 2.5, "x", { true } } end, type = "array<string>" },
  { "empty", function() return {} end, type = "array<int>" },
  { "map", function() return { b = 1, a = { c = 'q"' }, [""] = false } end },
  { "again", function(ctx) return ctx.record.map.a.c .. tostring(ctx.record.none) .. tostring(ctx.record.list[1]) end },
  { "maybe", fake.optional("x", 0) },
  { "was", function(ctx) return ctx.record.maybe == nil end },
  { "time", function(ctx) return ctx.now() end },
})
local made = calls:sample(50, clock)
local first = cjson.decode(made[2])
tap.ok(calls:plan():calls_scripts(), "a plan with functions says so")
tap.is(first.double, first.n * 2, "ctx.record: a number")
tap.is(first.place.up, first.place.city:upper(), "ctx.record: a nested field")
tap.is(first.index, 1, "ctx.index")
tap.ok(made[2]:find('"none":null,"list":[1,2.5,"x",[true]],"empty":[],"map":{"":false,"a":{"c":"q\\""},"b":1},'
  .. '"again":"q\\"nil1.0","maybe":null,"was":true,"time":1643814000.25}', 1, true),
  "what functions return, as JSON", made[2])
tap.is(table.concat(calls:sample(50, clock), "\n"), table.concat(made, "\n"), "ctx.random is the record's own")
tap.is(calls:sample(1, with { from = 20 })[1], made[21], "and seekable")
local faces, in_range = {}, true
for _, json in ipairs(made) do
  local r = cjson.decode(json)
  faces[r.dice] = true
  in_range = in_range and r.dice >= 1 and r.dice <= 6 and r.range >= -2 and r.range <= 2 and r.unit >= 0 and r.unit < 1
end
tap.ok(in_range and #faces == 6, "ctx.random: its ranges")
tap.is(calls:columns()[3].type .. " " .. calls:columns()[4].type, "int string", "a declared type, and the default")
tap.is(select(2, calls:plan({ "map" }):cursor(clock):record(0)), '{"":false,"a":{"c":"q\\""},"b":1}', "a kept object")
tap.is(select(2, calls:plan({ "place.up" }):cursor(clock):record(1)), first.place.up, "a kept string of a function")

local big = schema("big", {
  { "a", function(ctx) return ("x"):rep(ctx.index * 1000) end }, { "b", fake.uuid() },
})
local sizes = true
for i, json in ipairs(big:sample(100)) do sizes = sizes and #json == (i - 1) * 1000 + 51 end
tap.ok(sizes, "answers of any length")

local escaped
schema("leak", { { "a", function(ctx) escaped = ctx return 1 end } }):sample(1)
collectgarbage()
tap.raises(function() escaped.random() end, "ctx.random works only while a field's function runs",
  "ctx after its record")
tap.raises(function() return escaped.record.a end, "only while a field's function runs", "ctx.record after its record")

local own
own = schema("own", { { "a", function() return (own:record(1)) end } }):plan():cursor()
tap.raises(function() own:record(0) end, "the cursor is making a record", "a function that uses its own cursor")
own = schema("own", { { "a", function() own:close() end } }):plan():cursor()
tap.raises(function() own:record(0) end, "the cursor is making a record", "or closes it")

local in_coroutine = coroutine.wrap(function() return calls:plan():cursor(clock) end)()
collectgarbage()
tap.is((in_coroutine:record(1)), made[2], "a cursor outlives the coroutine that opened it")

-- ---- errors of functions ----

local function run_error(fn, after)
  local s = schema("bad", { { "v", fn }, after })
  local ok, message = pcall(s.sample, s, 1, { from = 3 })
  return ok and "did not raise" or message
end

local at = line() + 1
local message = run_error(function(ctx) return ctx.nothing.here end)
tap.like(message, "schema bad.v, record 3: tests/lua/schema.t.lua:" .. at .. ": attempt to index a nil value",
  "an error in a function: field, record, file, line")
tap.ok(message:find("stack traceback:%s+tests/lua/schema.t.lua:" .. at),
  "its traceback starts in the user's file", message)
at = line() + 1
tap.like(run_error(function() return print end),
  "tests/lua/schema.t.lua:" .. at .. ": the function returned a function; it may return", "an unsupported value")
at = line() + 1
local long = run_error(function() return ("x"):rep(1 << 24) end)
tap.ok(long:find("schema bad.v, record 3: tests/lua/schema.t.lua:" .. at
  .. ": the function returned a value of more than 16777216 bytes", 1, true), "a value that is too long", long)
tap.like(run_error(function() return 0 / 0 end), "returned a number that is not a number", "nan")
tap.like(run_error(function() return -math.huge end), "returned an infinite number", "infinity")
tap.like(run_error(function() return { [2.5] = 1 } end), "returned a table with a key that is a number", "a key")
tap.like(run_error(function() return { { io.stdout } } end), "returned a userdata", "deep inside")
tap.like(run_error(function() local t = {} t[1] = t return t end), "nested deeper than 32", "a table in itself")
tap.like(run_error(function() local t = {} t.a = t return t end), "nested deeper than 32", "an object in itself")
tap.like(run_error(function() error({ code = 1 }) end), "schema bad.v, record 3: (error object is a table value)",
  "an error that is a table")
tap.like(run_error(function(ctx) return ctx.record.vv end), 'ctx.record: field "vv" is not in the schema',
  "an unknown field")
tap.like(run_error(function(ctx) return ctx.record.later end, { "later", 1 }), 'field "later" is not made yet',
  "a later field")
tap.like(run_error(function(ctx) return ctx.record.v end), 'field "v" is not made yet', "the field itself")
tap.like(run_error(function(ctx) ctx.record.v = 1 end), "can only be read", "writing ctx.record")
tap.like(run_error(function(ctx) return ctx.random(0) end), "the interval is empty", "ctx.random(0)")
tap.like(run_error(function() coroutine.yield() end), "yield", "yielding")

-- ---- mistakes in schemas ----

local function mistake(fields, expected, name)
  local here = line() + 1
  local ok, text = pcall(function() return schema("person", fields), nil end)
  local start = ("tests/lua/schema.t.lua:%d: schema person"):format(here)
  tap.ok(not ok and text:sub(1, #start) == start, expected .. ": where", text, start)
  tap.like(text, "schema person" .. expected, name or expected)
end

local where = line() + 3
local ok, text = pcall(function()
  local bad = {
    { "phone", fake.integer(10, 1) },
  }
  return schema("person", bad)
end)
tap.is(text, ("tests/lua/schema.t.lua:%d: schema person.phone: min 10 is greater than max 1"):format(where),
  "the line of the provider, the path of the field", ok)

mistake(nil, ": the fields must be a list of { name, value }, not nil")
mistake(fake.word(), ": the fields must be a list of { name, value }, not a provider")
mistake({}, ": there are no fields")
mistake({ uuid = fake.uuid() },
  ': fields are a list of { name, value }, and this one has a key string "uuid": write { "uuid", ... }')
mistake({ "uuid" }, ': field 1 must be { name, value }, not string "uuid"')
mistake({ fake.uuid() }, ": field 1 must be { name, value }, not a provider")
mistake({ { fake.uuid() } }, ": the name of field 1 must be a string, not a table")
mistake({ { "", 1 } }, ": the name of field 1 must be a string, not empty")
mistake({ { "a\xff", 1 } }, ": the name of field 1, ")
mistake({ { "a", 1 }, { "b", 1 }, { "a", 2 } }, ".a: fields 1 and 3 have the same name")
mistake({ { "a" } }, ".a: there is no value")
mistake({ { "a", coroutine.create(print) } }, ".a: the value must be a string, a number or a boolean, not a thread")
mistake({ { "a", "\xff" } }, ".a: the value is not valid UTF-8")
mistake({ { "a", 0 / 0 } }, ".a: the value must be a number, not")
mistake({ { "a", 1, typ = "int" } }, '.a: a field has no option string "typ"; did you mean "type"?')
mistake({ { "a", 1, 2 } }, ".a: a field is { name, value }; there is a third thing")
mistake({ { "a", 1, type = "strin" } }, '.a: string "strin" is not a type; did you mean "string"?')
mistake({ { "a", 1, type = 7 } }, ".a: 7 is not a type")
mistake({ { "a", {} } }, ".a: there are no fields")
tap.raises(function() schema("person", { { "a", { { "b", fake.one_of {} } } } }) end,
  "schema person.a.b: one_of is empty", "a mistake in a nested field")
mistake({ { "a", { "x", "y" } } }, '.a: field 1 must be { name, value }, not string "x"')
local loop = {}
loop[1] = { "again", loop }
mistake(loop, ".again.again", "a table in itself")
tap.raises(function() schema(nil, {}) end, "schema ?: the name must be a string, not nil", "no name")
tap.raises(function() person:plan({ "uid" }) end, 'there is no field "uid" that holds a value; did you mean "uuid"?',
  "a kept field that is not there")
tap.raises(function() person:plan({ 1 }) end, "the name of a field is expected, not 1", "or not a name")
tap.raises(function() mixed:plan({ "inner" }) end, "there is no field", "an object cannot be kept")

-- ---- values that are kept of a record and not part of it ----

do
  local given = {
    { "id", fake.uuid() }, { "n", fake.integer(1, 1000) }, { "first", fake.first_name() }, { "in", { { "w", "x" } } },
  }
  local plain = schema("apart", given)
  local mapped = schema("apart", given, { map = function(r) r.n = -r.n end })
  local function aside(of, value, name, format, i)
    local found, problem = of:value(name or "key", value)
    if not found then return nil, problem end
    return of:plan({ found, "n" }, format):cursor({ seed = 3 }):record(i or 5)
  end
  local bare = plain:sample(1, { seed = 3, from = 5 })[1]
  local json, key, n = aside(plain, fake.uuid())
  tap.is(json, bare, "the record is as it is without")
  tap.like(bare, ('"n":%s,'):format(n), "beside a field")
  tap.ok(#key == 36 and not bare:find(key, 1, true), "a random key, with draws of its own", key)
  tap.is(select(2, aside(plain, fake.uuid())), key, "which are repeated")
  tap.ok(select(2, aside(plain, fake.uuid(), "other")) ~= key, "and by the name of the key")
  tap.is(select(2, aside(plain, fake.constant "all")), "all", "a constant")
  tap.is(select(2, aside(plain, fake.constant(7))), "7", "that is a number")
  local csv, row_key = aside(plain, fake.uuid(), nil, "csv")
  tap.ok(row_key == key and not csv:find(key, 1, true) and csv:find("," .. n .. ",", 1, true), "with rows of CSV", csv)
  local called, seen = aside(plain, function(ctx)
    return ctx.record.n .. "/" .. ctx.record["in"].w .. "/" .. ctx.index
  end)
  tap.is(called, bare, "a function of the record")
  tap.is(seen, n .. "/x/5", "sees all of it")
  tap.is(select(2, aside(mapped, function(ctx) return ctx.record.n end)), "-" .. n, "as its map left it")
  tap.is(select(2, aside(plain, fake.ref "id")), bare:match '"id":"([^"]*)"', "a reference to a field")
  local given_name = bare:match '"first":"([^"]*)"'
  tap.like(select(2, aside(plain, fake.email())):lower(), given_name:lower():sub(1, 1), "who the record is about")
  tap.is(select(2, aside(plain, function() return ("k"):rep(100000) end)), ("k"):rep(100000), "a long one")
  tap.is(aside(plain, function() return ("k"):rep(100000) end), bare, "leaves the record whole")
  tap.is(plain:plan({ (plain:value("key", fake.uuid())) }):max_length(), plain:plan():max_length(),
    "what is aside counts for no record's length")
  local function refuses(value, expected, name)
    local _, problem = plain:value("key", value)
    tap.like(problem, expected, name)
  end
  refuses("idd", 'no field "idd" that holds a value; did you mean "id"?', "a field that is not there")
  refuses(5, "the name of a field, a provider of kinessis.fake or a function(ctx) is expected, not 5", "a number")
  refuses(fake.integer(5, 1), "min 5 is greater than max 1", "a provider that cannot work")
  refuses(fake.ref "idd", 'no field "idd"', "a reference to nothing")
  refuses(fake.array_of(fake.uuid(), 2), "a value of type array<string> cannot be a key", "a list")
  refuses(fake.object { { "a", 1 } }, "an object cannot be a key", "an object")
end

-- ---- random schemas: none crashes, each record is JSON, each sample repeats ----

local seed = tap.seed()
math.randomseed(seed)

local makers
local function pick(list) return list[math.random(#list)] end
local function any(depth) return makers[math.random(depth > 3 and #makers - 10 or #makers)](depth) end
local odd = { "", "a", "é", "\0", '"', "\\", "\n", "日本", ("long"):rep(50), "\xff", "a.b", " " }
local numbers = { 0, 1, -1, 2.5, 1 / 0, 0 / 0, math.mininteger, math.maxinteger, 1e308, "x", false }
makers = {
  function() return fake.integer(pick(numbers), pick(numbers)) end,
  function() return fake.decimal(pick(numbers), pick(numbers), pick(numbers)) end,
  function() return fake.sequence(pick(numbers), pick(numbers)) end,
  function() return fake.one_of { pick(odd), pick(odd), pick(numbers) } end,
  function() return fake.one_of { pick(odd), pick(odd) } end,
  function() return fake.weighted { [pick(odd)] = pick(numbers), [pick(odd)] = 1 } end,
  function() return pick { fake.uuid, fake.now, fake.email, fake.name, fake.word, fake.boolean }() end,
  function() return pick(odd) end,
  function() return pick(numbers) end,
  function() return function(ctx) return pick { ctx.index, ctx.random(5), "x", true } end end,
  function() return fake.template(pick { "{word}{{", "{n}-{email}", "{", "" }, { n = fake.integer(1, 3) }) end,
  function() return pick { {}, tostring, nil } end,
  function() return fake.pattern(pick { "??-##", "\\#", "", "é*" }) end,
  function() return fake.regex(pick { "a+[b-d]{2}|\\d?", "(x|y)*", "[", "a{2,1}", "é." }, pick(numbers)) end,
  function() return fake.normal(pick(numbers), pick(numbers), pick(numbers), pick(numbers), pick(numbers)) end,
  function() return fake.gamma(pick(numbers), pick(numbers)) end,
  function() return fake.walk(pick(numbers), pick(numbers), 2, pick(numbers), pick(numbers)) end,
  function() return fake.zipf(pick(numbers), pick(numbers)) end,
  function() return fake.poisson(pick { 0.5, 20, -1, "x" }) end,
  function() return fake.between(pick(numbers), pick(numbers), pick { "iso", "%Y %j", "%", "epoch", "nope" }) end,
  function() return fake.series(pick { "2022-02-02", 0, "x" }, pick { "1s", 1e300, -1 }, 1, "sql") end,
  function() return fake.sample({ pick(odd), pick(odd) }, pick(numbers), pick(numbers)) end,
  function() return fake.ref("f" .. math.random(4)) end,
  function() return fake.unique(pick { fake.integer(1, 100), fake.pattern "??", fake.email(), fake.hex(40) }) end,
  function() return pick { fake.ulid, fake.uuid7, fake.ipv6, fake.user_agent, fake.iban, fake.card_number }() end,
  function(depth) return fake.array_of(any(depth + 1), pick { 0, 1, 3, -1 }, pick { 0, 2, 4 }) end,
  function(depth) return fake.map({ pick(odd), pick(odd) .. "k" }, any(depth + 1), 0) end,
  function(depth) return fake.pool(any(depth + 1), pick { 1, 10, 0 }, pick { 0, 1.5, -1 }) end,
  function(depth) return fake.switch("f" .. math.random(4), { [pick(odd)] = any(depth + 1) }, pick { 1, "x" }) end,
  function(depth) return fake.one_of { any(depth + 1), any(depth + 1) } end,
  function(depth) return fake.object { { "a", any(depth + 1) }, { pick(odd), any(depth + 1) } } end,
  function(depth) return fake.optional(any(depth + 1), math.random()) end,
  function(depth) return fake.concat(any(depth + 1), any(depth + 1)) end,
  function(depth)
    local fields = {}
    for i = 1, math.random(0, 4) do fields[i] = { pick(odd) .. i, any(depth + 1) } end
    return fields
  end,
}
local compiled, refused, wrong = 0, 0, nil
for _ = 1, 3000 do
  local fields = {}
  for i = 1, math.random(1, 4) do fields[i] = { math.random() < 0.95 and "f" .. i or pick(odd), any(0) } end
  local good, result = pcall(schema, "s", fields)
  if good then
    compiled = compiled + 1
    local has_functions = result:plan():calls_scripts()
    local sampled, records = pcall(result.sample, result, 3, clock)
    if not sampled then
      if not tostring(records):find("the sequence is beyond", 1, true) then wrong = wrong or records end
      records = {} -- some start at the last number
    end
    for i, json in ipairs(records) do
      local decoded, why = pcall(cjson.decode, json)
      if not decoded then wrong = why .. ": " .. json end
      if not has_functions and result:sample(1, with { from = i - 1 })[1] ~= json then wrong = "differs: " .. json end
      if not utf8.len(json) then wrong = "not UTF-8: " .. json end
    end
  else
    refused = refused + 1
    if not tostring(result):find("^tests/lua/schema%.t%.lua:%d+: schema s") then wrong = result end
  end
end
print(("# %d compiled, %d refused"):format(compiled, refused))
tap.ok(not wrong, "random schemas are refused with a line and a path, or make JSON, the same again", wrong)
tap.ok(compiled > 200 and refused > 300, "of both kinds")
tap.done()
