--- What a stream holds, into a digest: every shard from its beginning (or from a time on), de-aggregated.
local core = require "kinessis.core.aws"
local report = require "kinessis.report"
local sys = require "kinessis.core.sys"

local stream = {}

local pause = 0.25 -- seconds between two reads that found nothing: a shard answers five a second

local function position(shard, since)
  if since then return { ShardId = shard, ShardIteratorType = "AT_TIMESTAMP", Timestamp = since } end
  return { ShardId = shard, ShardIteratorType = "TRIM_HORIZON" }
end

-- Replies are up to 10 MiB: they go to the digest as they came.
local function read_shard(client, iterator, digest)
  while iterator do
    local body = ('{"ShardIterator":%s}'):format(report.json_string(iterator))
    local reply, err = client:call { operation = "GetRecords", body = body }
    if not reply then return nil, err end
    local count, rest = digest:add_reply(reply.body)
    if not count then return nil, rest end
    if count == 0 and rest.behind == 0 then return true end
    if count == 0 then sys.sleep(pause) end
    iterator = rest.next
  end
  return true
end

--- @param target the target @param name the stream's @param since seconds since 1970, or nil
--- @return the number of shards; or nil and an error
function stream.read(target, name, digest, since)
  local kinesis = require("kinessis.aws").kinesis(target.config)
  local shards, err = kinesis:collect("list_shards", { StreamName = name }, "Shards")
  if not shards then return nil, err end
  local client <close>, problem = core.open("kinesis", target.config)
  if not client then return nil, problem end
  for _, shard in ipairs(shards) do
    local request = position(shard.ShardId, since)
    request.StreamName = name
    local reply, ok
    reply, err = kinesis:get_shard_iterator(request)
    if not reply then return nil, err end
    ok, err = read_shard(client, reply.ShardIterator, digest)
    if not ok then return nil, err end
  end
  return #shards
end

return stream
