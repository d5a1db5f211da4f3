-- kinessis.stack and kinessis.provision, on a lake inside this process.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local provision = require "kinessis.provision"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"
local fake = kinessis.fake

sys.log_level "error"
local folder = os.tmpname()
os.remove(folder)

local function scenario(fields, given)
  return {
    records = kinessis.schema("Click", fields),
    to = kinessis.stream { name = "My.clicks-1", partition_key = "id" },
    stack = given,
  }
end

local fields = { { "id", fake.uuid() }, { "n", fake.integer(1, 9) } }

-- ---- what is declared, and what follows ----

local plain = stack.of(scenario(fields))
tap.is(plain.stream.name, "My.clicks-1", "the stream is the scenario's")
tap.is(plain.bucket, "my-clicks-1", "a bucket's name follows from it")
tap.is(plain.database, "my_clicks_1", "a database's name follows from it")
tap.is(plain.table, "click", "the table is the schema's")
tap.is(plain.delivery_stream.prefix, "click/", "objects lie below the table's name")
tap.is(#plain.columns, 2, "the columns are the schema's")
local own = stack.of(scenario(fields, kinessis.stack { table = "t", delivery_stream = { buffer_size = 128 } }))
tap.is(own.delivery_stream.buffer_size, 128, "what is declared is kept")
tap.is(own.delivery_stream.prefix, "t/", "what is not declared follows from what is")
tap.is(stack.of(scenario(fields, kinessis.stack { delivery_stream = false })).delivery_stream, false,
  "a stack may end at the stream")

for _, case in ipairs {
  { { strem = {} }, "stack.strem: no such field (did you mean stream?)" },
  { { stream = { shards = 0 } }, "stack.stream.shards: a whole number from 1 to 10000 is expected, not 0" },
  { { stream = { name = "a b" } }, "stack.stream.name: 'a b' is not a stream name" },
  { { stream = "s" }, "stack.stream: a table is expected" },
  { { delivery_stream = { prefix = "x" } }, "stack.delivery_stream.prefix: a folder" },
  { { delivery_stream = { prefix = "!{timestamp:yyyy}/" } }, "a plain folder" },
  { { delivery_stream = { buffer_size = 5 } }, "stack.delivery_stream.buffer_size: a whole number from 64 to 128" },
  { { bucket = "My_Bucket" }, "stack.bucket: 'My_Bucket' is not a bucket name" },
  { { database = "a-b" }, "stack.database: 'a-b' is not a Glue name" },
  { { role_arn = "admin" }, "stack.role_arn: 'admin' is not the ARN of a role" },
} do
  local given, text = table.unpack(case)
  tap.raises(function() local _ = kinessis.stack(given) end, "stack.t.lua:", "the mistake's line: " .. text)
  tap.raises(function() local _ = kinessis.stack(given) end, text, text)
end

-- ---- made on the lake ----

local lake = assert(target.open("lake", { data = folder }))
tap.is(lake.kind, "lake", "the lake is opened in this process")
local beside = assert(target.open("lake", { data = folder }))
tap.is(beside.config.endpoint, lake.config.endpoint, "a second target finds the first one's lake")
beside:close()

local api = {}
for _, service in ipairs { "kinesis", "s3", "glue", "firehose", "athena" } do
  api[service] = kinessis.aws[service](lake.config)
end
local function glue_table() return assert(api.glue:get_table { DatabaseName = "my_clicks_1", Name = "click" }).Table end

for _, pass in ipairs { "made", "made again: nothing changes" } do
  local made, err = plain:ensure(lake)
  tap.is(made, true, "the stack is " .. pass .. (err and ": " .. tostring(err) or ""))
end
tap.is(assert(api.kinesis:describe_stream_summary { StreamName = "My.clicks-1" })
  .StreamDescriptionSummary.StreamStatus, "ACTIVE", "the stream is active")
tap.ok(api.s3:head_bucket { Bucket = "my-clicks-1" }, "the bucket exists")
local made = glue_table()
tap.is(made.StorageDescriptor.Columns[2].Name, "n", "the table has the columns")
tap.is(made.StorageDescriptor.Location, "s3://my-clicks-1/click/", "and its location")
tap.is(made.PartitionKeys[1].Name, "datehour", "and the partition key")
tap.is(made.Parameters["storage.location.template"], "s3://my-clicks-1/click/${datehour}/", "and its projection")
local delivery = assert(api.firehose:describe_delivery_stream { DeliveryStreamName = "My.clicks-1" })
  .DeliveryStreamDescription
tap.like(delivery.Source.KinesisStreamSourceDescription.KinesisStreamARN, ":stream/My.clicks-1",
  "the delivery stream reads the stream")
local s3 = delivery.Destinations[1].ExtendedS3DestinationDescription
tap.is(s3.Prefix, "click/", "and writes below the table's location")
tap.is(s3.ErrorOutputPrefix:find("click/", 1, true) ~= 1, true, "but not its errors")
tap.is(s3.DataFormatConversionConfiguration.SchemaConfiguration.TableName, "click", "as the table says")
local group = assert(api.athena:get_work_group { WorkGroup = "My.clicks-1" }).WorkGroup
tap.like(group.Configuration.ResultConfiguration.OutputLocation, "s3://my-clicks-1/",
  "the workgroup has a place for results")

-- ---- the schema changes ----

local grown = stack.of(scenario { { "id", fake.uuid() }, { "extra", fake.uuid() }, { "n", fake.integer(1, 9) } })
tap.ok(grown:ensure(lake), "a schema with a new field")
local names = {}
for i, column in ipairs(glue_table().StorageDescriptor.Columns) do names[i] = column.Name end
tap.is(table.concat(names, " "), "id n extra", "its column is added at the end")
tap.is(glue_table().Parameters["projection.enabled"], "true", "and the table keeps its parameters")
tap.ok(plain:ensure(lake), "a schema that lost a field changes nothing")
tap.is(#glue_table().StorageDescriptor.Columns, 3, "its column stays")
local refused, err = stack.of(scenario { { "id", fake.uuid() }, { "n", fake.uuid() } }):ensure(lake)
tap.is(refused, nil, "a field of another type is refused")
tap.like(err, "has the column n as int, the schema makes it string", "and why")

-- ---- other shapes ----

local direct = scenario(fields)
direct.to = kinessis.delivery_stream { name = "direct" }
tap.ok(stack.of(direct):ensure(lake), "a delivery stream without a stream")
tap.is(assert(api.firehose:describe_delivery_stream { DeliveryStreamName = "direct" })
  .DeliveryStreamDescription.DeliveryStreamType, "DirectPut", "takes puts itself")
tap.is(stack.of(direct).table, "click", "its table is the schema's")
local clash = stack.of(scenario { { "id", fake.uuid() }, { "DateHour", fake.now() } })
tap.raises(function() provision.table_input(clash) end, "a field is called datehour",
  "a field named as the partition key is refused")

-- ---- elsewhere ----

local elsewhere = assert(target.open("http://127.0.0.1:1", { region = "eu-west-1" }))
elsewhere.config.access_key, elsewhere.config.secret_key = "x", "y"
elsewhere.config.max_attempts = 1
tap.is(plain:ensure(elsewhere), true, "elsewhere nothing is made, nor asked")
local _, missing = plain:ensure(elsewhere, { provision = true })
tap.like(missing, "the stack has no role_arn", "to provision, Firehose's role is needed")
local with_role = stack.of(scenario(fields, kinessis.stack { role_arn = "arn:aws:iam::123456789012:role/firehose" }))
local _, unreachable = with_role:ensure(elsewhere, { provision = true })
tap.like(unreachable, "the stream My.clicks-1: ", "an error names what was being made")
tap.is(elsewhere:flush(), true, "elsewhere there is nothing to flush")
tap.ok(lake:flush(), "the lake is flushed")

lake:close()
lake:close()
local nowhere, why = target.open("lake", { data = "/dev/null/x" })
tap.is(nowhere, nil, "a lake that cannot be opened")
tap.like(why, "/dev/null", "and why")
os.execute("rm -r '" .. folder .. "'")
tap.done()
