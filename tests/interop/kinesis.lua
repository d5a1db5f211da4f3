-- The Kinesis bindings against the server at the URL given.
local url = ...
local tap = dofile "tests/lua/tap.lua"
local sys = require "kinessis.core.sys"
local kinesis = require("kinessis").aws.kinesis { endpoint = url }
local name = "bindings"

local function summary()
  return assert(kinesis:describe_stream_summary { StreamName = name }).StreamDescriptionSummary
end

local function until_active()
  for _ = 1, 1200 do
    if summary().StreamStatus == "ACTIVE" then return true end
    sys.sleep(0.05)
  end
end

local nothing, err = kinesis:describe_stream_summary { StreamName = name }
tap.is(nothing, nil, "no stream yet")
tap.is(err.aws_code, "ResourceNotFoundException", "its code")
tap.ok(err.status == 400 and not err.retryable and err.code == "aws", "its class")

tap.ok(kinesis:create_stream { StreamName = name, ShardCount = 2 }, "create_stream")
tap.ok(until_active(), "active")
tap.is(math.type(summary().OpenShardCount), "integer", "numbers are integers")
tap.is(summary().OpenShardCount, 2, "two shards")
nothing, err = kinesis:create_stream { StreamName = name, ShardCount = 2 }
tap.ok(nothing == nil and err.aws_code == "ResourceInUseException", "it exists already")

local described = assert(kinesis:describe_stream { StreamName = name }).StreamDescription
tap.is(#described.Shards, 2, "describe_stream lists the shards")
tap.is(described.Shards[1].HashKeyRange.StartingHashKey, "0", "from hash key 0")
tap.is(#assert(kinesis:list_shards { StreamName = name }).Shards, 2, "list_shards")
tap.is(assert(kinesis:collect("list_streams", {}, "StreamNames"))[1], name, "list_streams")

local bytes = "\0\1\255 not text"
local put = assert(kinesis:put_record { StreamName = name, Data = bytes, PartitionKey = "kéy\"" })
tap.ok(put.ShardId and put.SequenceNumber, "put_record")
local records = {}
for i = 1, 20 do records[i] = { Data = "record " .. i, PartitionKey = tostring(i) } end
local reply = assert(kinesis:put_records { StreamName = name, Records = records })
tap.is(reply.FailedRecordCount, 0, "put_records")
tap.is(#reply.Records, 20, "a result for each")

local iterator = assert(kinesis:get_shard_iterator {
  StreamName = name, ShardId = put.ShardId, ShardIteratorType = "AT_SEQUENCE_NUMBER",
  StartingSequenceNumber = put.SequenceNumber,
}).ShardIterator
local got = assert(kinesis:get_records { ShardIterator = iterator, Limit = 1 })
tap.is(#got.Records, 1, "get_records, limited")
tap.is(got.Records[1].Data, bytes, "the bytes that were put")
tap.is(got.Records[1].PartitionKey, "kéy\"", "and the key")
tap.ok(got.NextShardIterator, "and where to go on")

nothing, err = kinesis:put_records { StreamName = "none", Records = { { Data = "x", PartitionKey = "p" } } }
tap.ok(nothing == nil and err.aws_code == "ResourceNotFoundException", "put_records to no stream")

tap.ok(kinesis:delete_stream { StreamName = name }, "delete_stream")
local gone = false
for _ = 1, 1200 do
  if not kinesis:describe_stream_summary { StreamName = name } then gone = true break end
  sys.sleep(0.05)
end
tap.ok(gone, "gone")
kinesis:close()
tap.done()
