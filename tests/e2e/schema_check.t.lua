--- kinessis schema check against the lake: what it predicts of a scenario's records is what Firehose then
--- does with these very records.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local check = require "kinessis.schema.check"
local sql = require "kinessis.sql"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"
local fake = kinessis.fake

sys.log_level "error"
local folder = assert(sys.temporary_folder())
local lake = assert(target.open("lake", { data = folder }))
local api = {}
for _, service in ipairs { "firehose", "glue", "s3" } do api[service] = kinessis.aws[service](lake.config) end

-- Values of every kind, good and bad, of chance: which one a record has follows from its index.
local function any(values)
  return function(ctx) return values[ctx.random(#values)] end
end

local fields = {
  { "id", fake.sequence(0) },
  { "at", any { "2022-02-02T15:17:07Z", "2022-02-02 15:17:07", 1643815027, 1643815027123, "2022-2-2 15:17:07",
    "2022-02-02T15:17:07.123456789Z", "1643815027", "2022-02-02T15:17:07Z", "2022-02-02T15:17:07+01:00",
    "2022-02-02T15:17:07", 1643815027123456, "2022-02-30 00:00:00" }, type = "timestamp" },
  { "small", any { 1, -128, 127, "5", 128, 1.0, "x", 7, 8, 9 }, type = "tinyint" },
  { "whole", any { 1, 2147483647, -2147483648, 2147483648, 5, 6, 7 }, type = "int" },
  { "big", any { 1, math.maxinteger, math.mininteger, "9223372036854775808", 5, 6 }, type = "bigint" },
  { "price", any { 1.25, 99.99, "12.5", -99.99, 1.005, 100, 5, 6, 7 }, type = "decimal(4,2)" },
  { "day", any { "2022-02-02", "2022-2-2", "2022-02-29", "2020-02-29", "2022-02-02", "2022-02-02" }, type = "date" },
  { "sure", any { true, false, "TRUE", 1, true, false, true }, type = "boolean" },
  { "name", any { "x", 1, true, { a = 1 } } },
  { "list", any { { 1, 2 }, { "3" }, { 1, 2, 3 }, { "x" }, { 5 }, "1", { 4 } }, type = "array<int>" },
  { "nest", { { "n", any { 1, 2, 3, 4, "y" }, type = "int" } } },
}

local function scenario(name)
  return kinessis.scenario {
    records = kinessis.schema(name, fields),
    to = kinessis.delivery_stream { name = name .. "-to-s3" },
    seed = 7,
  }
end

-- Puts the samples, as they are, and counts what became of them.
local function deliver(stream, samples)
  for first = 1, #samples, 500 do
    local batch = {}
    for i = first, math.min(first + 499, #samples) do batch[#batch + 1] = { Data = samples[i] } end
    local reply = assert(api.firehose:put_record_batch { DeliveryStreamName = stream, Records = batch })
    assert(reply.FailedPutCount == 0)
  end
  assert(lake:flush())
end

local function ids(query)
  local found = {}
  local result = assert(sql.run(lake, query, { database = "bad_to_s3" }))
  for _, row in ipairs(result.rows) do found[tonumber(row[1])] = row end
  return found
end

-- ---- the stack's own table ----

local bad = scenario "bad"
local predicted = assert(check.run(bad, { samples = 1000 }))
local about = predicted.about
tap.ok(about.failed > 300 and about.failed < 990, "some records will fail, some will arrive: " .. about.failed)
assert(stack.of(bad):ensure(lake))
deliver("bad-to-s3", about.samples.texts)
local arrived = ids "SELECT id, price FROM bad"

local wrong = {}
for i = 1, 1000 do
  local arrives = arrived[i - 1] ~= nil
  if arrives == (about.lost[i] == true) then wrong[#wrong + 1] = about.samples.texts[i] end
end
tap.is(#wrong, 0, "each record that is said to fail fails, each other one arrives", table.unpack(wrong, 1, 5))

local errors = 0
for _, object in ipairs(assert(api.s3:list_objects_v2 { Bucket = "bad-to-s3", Prefix = "errors/" }).Contents) do
  local body = assert(api.s3:get_object { Bucket = "bad-to-s3", Key = object.Key }).Body
  errors = errors + select(2, body:gsub("\n", ""))
end
tap.is(errors, about.failed, "as many records are among the errors")

local by_field = {}
for _, finding in ipairs(predicted.findings) do
  if finding.rule == "conversion" then by_field[finding.field] = finding end
end
for _, field in ipairs { "at", "small", "whole", "big", "price", "day", "sure", "list", "nest.n" } do
  tap.ok(by_field[field], field .. " is blamed")
end
tap.is(by_field.name, nil, "text takes anything")

local rounded
for _, finding in ipairs(predicted.findings) do rounded = rounded or finding.rule == "rounded" and finding.field end
tap.is(rounded, "price", "rounding is noted")
local seen = false
for i = 1, 1000 do
  local row = arrived[i - 1]
  if row and about.samples.texts[i]:find('"price":1.005', 1, true) then seen = seen or row[2] == "1.01" end
end
tap.ok(seen, "and happens")

-- ---- a table and a delivery stream that exist ----

local function command(words)
  local pipe = io.popen(("%s schema check %s --data %s 2>&1"):format(os.getenv "KINESSIS", words, folder))
  local out = pipe:read "a"
  local _, _, code = pipe:close()
  return out, code
end

assert(api.glue:create_table { DatabaseName = "bad_to_s3", TableInput = {
  Name = "other", Parameters = {},
  PartitionKeys = { { Name = "day", Type = "string" } },
  StorageDescriptor = { Location = "s3://elsewhere/people/", Columns = {
    { Name = "uuid", Type = "string" }, { Name = "event_date", Type = "bigint" },
    { Name = "phone", Type = "smallint" }, { Name = "extra", Type = "string" },
  } },
} })
local out, code = command "scripts/quickstart.lua --table bad_to_s3.other --samples 20"
tap.is(code, 1, "a table that does not fit is exit code 1")
for _, fragment in ipairs {
  "problem  event_date: bigint does not take 20", "problem  phone: smallint does not take ",
  "problem  email: bad_to_s3.other has no column for it", "note     extra: no field fills this column",
  "note     phone: the schema makes it int, the column is smallint",
  "and bad_to_s3.other looks in s3://elsewhere/people/",
  "the table does not project its partitions", "Of 20 samples, 0 would arrive in bad_to_s3.other.",
} do
  tap.like(out, fragment, "it is told: " .. fragment)
end
out, code = command "scripts/quickstart.lua --table bad_to_s3.none"
tap.is(code, 1, "no such table is exit code 1")
tap.like(out, "the table bad_to_s3.none: ", "and is named")

-- ---- partitions that were added before the table changed ----

local function columns(...)
  local list = {}
  for name, kind in table.concat({ ... }, " "):gmatch "(%S+) (%S+)" do
    list[#list + 1] = { Name = name, Type = kind }
  end
  return list
end

local function partition(day, list)
  local path = "s3://bad-to-s3/parts/day=" .. day .. "/"
  return { Values = { day }, StorageDescriptor = { Location = path, Columns = list } }
end

local parts = kinessis.scenario {
  records = kinessis.schema("parts", {
    { "id", fake.uuid() }, { "n", fake.integer(1, 9) }, { "big", fake.sequence(0) }, { "note", fake.word() },
  }),
  to = kinessis.delivery_stream { name = "parts" },
}
local same = columns("id string", "n int", "big bigint", "note string")
local function make_table(name, parameters)
  assert(api.glue:create_table { DatabaseName = "bad_to_s3", TableInput = {
    Name = name, Parameters = parameters, PartitionKeys = columns "day string",
    StorageDescriptor = { Location = "s3://bad-to-s3/parts/", Columns = same },
  } })
  local list = {
    partition("2022-01-01", columns("ID STRING", "n string", "big int", "note string")),
    partition("2022-01-02", columns("id string", "n string", "big bigint")),
  }
  for day = 3, 31 do list[#list + 1] = partition(("2022-01-%02d"):format(day), same) end
  local reply = assert(api.glue:batch_create_partition {
    DatabaseName = "bad_to_s3", TableName = name, PartitionInputList = list,
  })
  assert(#(reply.Errors or {}) == 0)
end

local function of_partitions(name)
  local found = {}
  local checked = assert(check.run(parts, { samples = 10, table = "bad_to_s3." .. name, target = lake }))
  for _, finding in ipairs(checked.findings) do
    if finding.rule == "partition schema" then found[#found + 1] = finding end
  end
  return found, checked.about
end

make_table("parts", {})
local found, of = of_partitions "parts"
tap.is(of.partition_count, 31, "every partition is looked at")
local levels = {}
for _, finding in ipairs(found) do levels[#levels + 1] = finding.level .. " " .. finding.field end
table.sort(levels)
tap.is(table.concat(levels, ", "), "note big, note note, problem n",
  "another type is a problem; a narrower or no column a note")
for _, finding in ipairs(found) do
  if finding.field == "n" then
    tap.like(finding.reason, "2 of 31 partitions declare it string (such as 2022-01-01), the table int",
      "n is counted")
    tap.like(finding.reason, "HIVE_PARTITION_SCHEMA_MISMATCH", "and named as Athena does")
  elseif finding.field == "big" then
    tap.like(finding.reason, "1 of 31 partitions declare it int (such as 2022-01-01), the table bigint",
      "big is widened")
  else
    tap.like(finding.reason, "1 of 31 partitions were added without it (such as 2022-01-02)", "note is absent")
  end
end

-- Partitions that a projection hides are not read by Athena.
make_table("projected", {
  ["projection.enabled"] = "true", ["projection.day.type"] = "date", ["projection.day.format"] = "yyyy-MM-dd",
  ["projection.day.range"] = "2022-01-01,NOW",
})
tap.is(#of_partitions "projected", 0, "a table that projects its partitions has none to compare")

-- The delivery stream that exists reads keys by case.
local camel = kinessis.scenario {
  records = kinessis.schema("camel", { { "userId", fake.uuid() }, { "plain", fake.integer(1, 9) } }),
  to = kinessis.delivery_stream { name = "camel" },
}
local own = stack.of(camel)
own.database, own.bucket = "bad_to_s3", "bad-to-s3"
assert(api.glue:create_table { DatabaseName = "bad_to_s3",
  TableInput = require("kinessis.provision").table_input(own) })
assert(api.firehose:create_delivery_stream {
  DeliveryStreamName = "camel",
  ExtendedS3DestinationConfiguration = {
    RoleARN = "arn:aws:iam::000000000000:role/firehose", BucketARN = "arn:aws:s3:::bad-to-s3", Prefix = "camel/",
    BufferingHints = { SizeInMBs = 64, IntervalInSeconds = 60 },
    DataFormatConversionConfiguration = {
      Enabled = true,
      InputFormatConfiguration = { Deserializer = { OpenXJsonSerDe = { CaseInsensitive = false } } },
      OutputFormatConfiguration = { Serializer = { ParquetSerDe = {} } },
      SchemaConfiguration = { RoleARN = "arn:aws:iam::000000000000:role/firehose", DatabaseName = "bad_to_s3",
        TableName = "camel", Region = "us-east-1", VersionId = "LATEST" },
    },
  },
})
local result = assert(check.run(camel, { samples = 10, table = "bad_to_s3.camel", target = lake }))
tap.is(result.findings[1] and result.findings[1].rule, "no column", "a key that is read by case has no column")
tap.is(#result.findings, 2, "so the column is never filled", check.text(result))
deliver("camel", result.about.samples.texts)
local rows = assert(sql.run(lake, "SELECT count(*), count(userid), count(plain) FROM camel",
  { database = "bad_to_s3" })).rows
tap.is(table.concat(rows[1], " "), "10 0 10", "and so it is")

lake:close()
assert(sys.remove_tree(folder))
tap.done()
