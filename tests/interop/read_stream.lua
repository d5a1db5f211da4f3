-- Prints every record of a stream, one per line.
local url, name = ...
local kinesis = require("kinessis").aws.kinesis { endpoint = url }

for _, shard in ipairs(assert(kinesis:collect("list_shards", { StreamName = name }, "Shards"))) do
  local iterator = assert(kinesis:get_shard_iterator {
    StreamName = name, ShardId = shard.ShardId, ShardIteratorType = "TRIM_HORIZON",
  }).ShardIterator
  repeat
    local reply = assert(kinesis:get_records { ShardIterator = iterator })
    for _, record in ipairs(reply.Records) do io.write(record.Data, "\n") end
    iterator = reply.NextShardIterator
  until #reply.Records == 0 and reply.MillisBehindLatest == 0
end
