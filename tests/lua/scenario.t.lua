--- kinessis.scenario, kinessis.stream, kinessis.delivery_stream: what they refuse, and how they say so.
local tap = dofile "tests/lua/tap.lua"
local scenario = require "kinessis.scenario"

local folder = os.tmpname()
os.remove(folder)
assert(require("kinessis.core.sys").mkdirs(folder))

local function write(name, text)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

local head = [[
local kinessis = require "kinessis"
local fake = kinessis.fake
local person = kinessis.schema("person", { { "uuid", fake.uuid() }, { "phone", fake.integer(1, 9) } })
]]

--- The error of loading this text as a scenario (raised or returned).
local function mistake(text)
  local path = write("mistake.lua", head .. text)
  local ok, result, err = pcall(scenario.load, path)
  os.remove(path)
  if not ok then return tostring(result) end
  return result and "no error" or tostring(err)
end

-- ---- what works ----

local path = write("good.lua", head .. [[
return kinessis.scenario {
  records = person, amount = 10.0, pace = 5, seed = 42, start = "2022-02-02T15:17:07Z", step = 0.5,
  to = kinessis.stream { name = "clicks", partition_key = "uuid" },
}]])
local good = assert(scenario.load(path))
tap.is(good.amount, 10, "an amount that is a whole number")
tap.is(math.type(good.amount), "integer", "becomes an integer")
tap.is(good.start, 1643815027.0, "a start is read as a time")
tap.is(good.step, 0.5, "a step is seconds")
tap.is(assert(load(head .. [[return kinessis.scenario { records = person, step = "2m" }]]))().step, 120.0,
  "or a duration")
tap.is(good.pace.start()(2), 10.0, "a number is a pace")
tap.is(table.concat(good.keys.values, " "), "uuid", "the partition key is kept")
tap.is(good.keys.of[good.to].partition_key, 1, "as the destination's")
tap.is(good.path, path, "the path is known")
tap.ok(good:plan(), "the plan is made")
tap.is(select("#", scenario.plan_of(path, nil, true):cursor():record(0)), 2, "and for a worker")
tap.is(select("#", scenario.plan_of(path):cursor():record(0)), 1, "without keys where nobody asks")

path = write("several.lua", head .. [[
return kinessis.scenario { records = person, to = {
  kinessis.delivery_stream { name = "b" }, kinessis.stream { name = "a", partition_key = "uuid" },
  kinessis.stdout {},
} }]])
local several = assert(scenario.load(path))
tap.is(#several.destinations, 3, "several destinations")
tap.is(several.keys.of[several.destinations[2]].partition_key, 1, "the key is that of the stream among them")
tap.is(several.keys.of[several.destinations[1]].partition_key, nil, "and not of another")
tap.is(several:destination "kinesis".name, "a", "a destination is found by its service")
tap.is(#good.destinations, 1, "one destination is a list of one")
tap.is(#assert(scenario.load "scripts/wave.lua").destinations >= 0, true, "and none an empty one")
os.remove(path)

write("beside.lua", [[return { name = "beside" }]])
path = write("requires.lua", head .. [[
local name = require("beside").name
return kinessis.scenario { records = person, to = kinessis.delivery_stream { name = name } }]])
tap.is(assert(scenario.load(path)).to.name, "beside", "a module beside the script is found")
tap.is(assert(scenario.load "scripts/quickstart.lua").amount, 10, "the quickstart loads")
tap.like(mistake [[
local other = kinessis.scenario.load "scripts/quickstart.lua"
local amount = -5
return kinessis.scenario { records = person, amount = amount, print = true }
]], "mistake.lua:6: scenario.amount", "a mistake after another scenario was loaded is told with its own line")

-- ---- what does not ----

local cases = {
  { "return kinessis.scenario { records = person, ammount = 10 }", "mistake.lua:4: scenario.ammount: no such field",
    "an unknown field, with its line" },
  { "return kinessis.scenario { records = person, ammount = 10 }", "amount?", "and the nearest" },
  { "\nlocal s = kinessis.scenario { amount = 10 }\nreturn s", "mistake.lua:5: scenario.records: is missing",
    "no records" },
  { "return kinessis.scenario { records = person, step = '2 moons' }",
    "scenario.step: a duration such as '2s', or seconds, from 0 to 1e9, is expected, not '2 moons'", "no duration" },
  { "return kinessis.scenario { records = 5 }", "scenario.records: a schema", "records that are no schema" },
  { "return kinessis.scenario { records = person, amount = -1 }", "scenario.amount: a whole number from 0 up",
    "a negative amount" },
  { "return kinessis.scenario { records = person, amount = 1.5 }", "not 1.5", "half a record" },
  { "return kinessis.scenario { records = person, pace = 0 }", "scenario.pace: a pace", "a pace of 0" },
  { "return kinessis.scenario { records = person, to = 'clicks' }", "scenario.to: kinessis.stream{...}",
    "a destination that is a string" },
  { "return kinessis.scenario { records = person, to = { kinessis.null {}, 5 } }",
    "scenario.to[2]: kinessis.stream{...}, another destination", "a list with something else" },
  { "return kinessis.scenario { records = person, to = {} }", "scenario.to: kinessis.stream{...}", "an empty list" },
  { "local n = kinessis.null {} return kinessis.scenario { records = person, to = { n, n, n, n, n } }",
    "scenario.to: at most 4 destinations are possible, not 5", "five destinations" },
  { "return kinessis.scenario { records = person, to = { kinessis.file { path = 'a', format = 'csv' }, "
    .. "kinessis.stdout {} } }", "scenario.to[2]: gets JSON, and another destination CSV", "two formats" },
  { "return kinessis.scenario { records = person, to = { kinessis.file { path = 'a' }, kinessis.null {}, "
    .. "kinessis.file { path = 'a' } } }", "scenario.to[3]: writes to the same file a as [1]", "one file twice" },
  { "return kinessis.scenario { records = person, to = { kinessis.s3 { bucket = 'people' }, "
    .. "kinessis.s3 { bucket = 'people' } } }", "scenario.to[2]: writes to the same place", "one prefix twice" },
  { "return kinessis.scenario { records = person, to = { kinessis.null {}, "
    .. "kinessis.stream { name = 'a', partition_key = 'uuid', pace = 5 } } }",
    "mistake.lua:4: scenario.to[2].pace: every destination gets every record, so a pace is the run's: "
    .. "give it to the scenario (scenario.pace), or send this destination records of its own, from a scenario of its "
    .. "own (kinessis.start, scripts/two_paces.lua)",
    "a pace of one of two destinations" },
  { "return kinessis.scenario { records = person, to = kinessis.null { pace = 5 } }",
    "scenario.to.pace: every destination gets", "nowhere with a pace" },
  { "return kinessis.scenario { records = person, to = kinessis.stdout { pace = '5/s' } }",
    "scenario.to.pace: every destination gets", "stdout with a pace" },
  { "return kinessis.scenario { records = person, to = { kinessis.file { path = 'a', pace = 5 } } }",
    "scenario.to[1].pace: every destination gets", "a file with a pace" },
  { "return kinessis.scenario { records = person, to = { kinessis.s3 { bucket = 'people', pace = 5 } } }",
    "scenario.to[1].pace: every destination gets", "a bucket with a pace" },
  { "return kinessis.scenario { records = person, to = { kinessis.delivery_stream { name = 'p', pace = 5 } } }",
    "scenario.to[1].pace: every destination gets", "a delivery stream with a pace" },
  { "local s = kinessis.s3 { bucket = 'people', size = '1GB' }", "s3.size: a size from 64KiB to 256MiB is expected",
    "objects that are too large" },
  { "local s = kinessis.s3 { bucket = 'people', prefix = '!{firehose:random-string}/' }",
    "s3.prefix: '!{firehose:random-string}/': only !{timestamp:...}", "a prefix with an unknown expression" },
  { "local f = kinessis.file { path = 'a', format = 'xml' }", "file.format: 'json' or 'csv' is expected, not 'xml'",
    "a file of an unknown format" },
  { "return kinessis.scenario { records = person, to = { kinessis.null {}, "
    .. "kinessis.stream { name = 'a', partition_key = 'uid' } } }", "scenario.to[2].partition_key: schema person",
    "a partition key in a list that is no field" },
  { "return kinessis.scenario { records = person, start = 'monday' }", "scenario.start: an ISO 8601 time",
    "a start that is no time" },
  { "return kinessis.scenario { records = person, print = 1 }", "scenario.print: a boolean is expected, not 1",
    "a print that is no boolean" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uid' } }",
    'scenario.to.partition_key: schema person: there is no field "uid" that holds a value; did you mean "uuid"?',
    "a partition key that is no field" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 5 } }",
    "mistake.lua:4: stream.partition_key: the name of a field, a provider of kinessis.fake or a function",
    "a partition key that is a number" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', "
    .. "partition_key = fake.constant(('é'):rep(257)) } }", "is longer than the 256 characters of a partition key",
    "a constant that is too long" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', "
    .. "partition_key = fake.constant(('é'):rep(256)) } }", "no error", "256 characters are not" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', "
    .. "partition_key = fake.one_of { 'a', '' } } }", 'scenario.to.partition_key: schema person: "" is empty',
    "a choice that is empty" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "explicit_hash_key = fake.constant '340282366920938463463374607431768211456' } }",
    "scenario.to.explicit_hash_key: schema person: \"340282366920938463463374607431768211456\" is no explicit hash key",
    "a hash key of 2^128" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "explicit_hash_key = fake.constant '340282366920938463463374607431768211455' } }", "no error",
    "one below it is the last" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "explicit_hash_key = fake.constant '007' } }", "is no explicit hash key", "a hash key with zeros before it" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "explicit_hash_key = fake.decimal(0, 1, 2) } }", "is of type decimal(", "or with a fraction" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "explicit_hash_key = 'phone' } }", "no error", "a field of whole numbers is one" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "aggregate_bytes = 2000 } }", "mistake.lua:4: stream.aggregate_bytes: has a meaning only with aggregate = true",
    "a size of aggregates without them" },
  { "return kinessis.scenario { records = person, to = kinessis.stream { name = 'a', partition_key = 'uuid', "
    .. "max_record_bytes = 2000, max_bytes = 1999 } }", "stream.max_record_bytes: no request of max_bytes can hold",
    "records that no request holds" },
  { "return kinessis.scenario { records = person, to = kinessis.delivery_stream { name = 'a', aggregate = true } }",
    "delivery_stream.aggregate: Firehose takes aggregates apart only when it reads a stream",
    "aggregates for Firehose" },
  { "return kinessis.scenario { person }", "scenario: has no place for a table without a name", "a list" },
  { "return kinessis.scenario(5)", "scenario: a table is expected, not 5", "no table" },
  { "return kinessis.stream { name = 'clicks' }", "mistake.lua:4: stream.partition_key: is missing",
    "a stream without a partition key" },
  { "local t = kinessis.stream { name = 'a b', partition_key = 'uuid' }", "mistake.lua:4: stream.name: 'a b' is not",
    "a stream with an impossible name" },
  { "local t = kinessis.stream { name = 'a', partition_key = 'uuid', max_records = 501 }",
    "stream.max_records: a whole number from 1 to 500 is expected, not 501", "a batch over the limit" },
  { "local t = kinessis.delivery_stream { nam = 'a' }", "delivery_stream.nam: no such field (did you mean name?)",
    "a delivery stream with a typing mistake" },
  { "return 5", "mistake.lua: returned 5: its last line should be 'return kinessis.scenario {...}' (a script",
    "a file that returns something else" },
  { "", "mistake.lua: returned nothing", "a file that returns nothing" },
  { "return kinessis.scenario {", "mistake.lua:4:", "a file that is not Lua" },
  { "error('boom')", "mistake.lua:4: boom", "a file that raises" },
}
for _, case in ipairs(cases) do tap.like(mistake(case[1]), case[2], case[3]) end

local none, err = scenario.load(folder .. "/absent.lua")
tap.ok(none == nil, "a file that does not exist is no scenario")
tap.like(err, "absent.lua: No such file or directory", "and is said not to exist")

for _, name in ipairs { "good.lua", "beside.lua", "requires.lua" } do os.remove(folder .. "/" .. name) end
os.remove(folder)
-- ---- the size of an S3 object: what holds it in memory has room for no more ----

local s3 = require "kinessis.s3"
for size, bytes in pairs {
  ["64KiB"] = 65536, ["66 KB"] = 66000, ["66kB"] = 66000, ["1.5MiB"] = 1572864, ["256MiB"] = 268435456,
  ["268.4MB"] = 268400000, [65536] = 65536, [268435456] = 268435456,
} do
  tap.is(s3 { bucket = "people", size = size }.size, bytes, ("a size of %s"):format(size))
end
tap.is(s3({ bucket = "people" }).size, 64000000, "the size unless it is given")
for _, size in ipairs { "257MiB", "256.001MiB", "268435457B", "0.3GB", "5GiB", "63KiB", "65535B", "0MB", "-1MB", "64",
  "MB", "", "1e3MB", 268435457, 65535, 100000.5, 0, -1, 1 / 0, 0 / 0, true } do
  local ok, problem = pcall(s3, { bucket = "people", size = size })
  local told = not ok and tostring(problem):find("s3.size: a size from 64KiB to 256MiB is expected, such as", 1, true)
  tap.ok(told, ("a size of %s is refused"):format(size), problem)
end

tap.done()
