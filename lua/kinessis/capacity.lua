--- What a pace may ask about a run (the context of kinessis.pace): how large its records are, and how many
--- of them its stream takes.
---
--- A shard takes 1,000 records and 1 MiB, partition keys included, per second, whichever comes first:
--- https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
local sys = require "kinessis.core.sys"
local count = require("kinessis.show").count

local capacity = {}

local samples, stride = 200, 9973 -- records whose size is taken, and how far they lie apart
local shard_records, shard_bytes = 1000, 1 << 20

--- @return mean bytes of a record, and with the partition key of its stream
local function measure(scenario, seed)
  local stream = scenario:destination "kinesis"
  local number = stream and scenario.keys.of[stream].partition_key
  local cursor <close> = scenario:plan(scenario:format(), number ~= nil):cursor {
    seed = seed, start = scenario.start, step = scenario.step,
  }
  local bytes, keyed = 0, 0
  for i = 0, samples - 1 do
    local made = table.pack(cursor:record(i * stride))
    bytes = bytes + #made[1]
    keyed = keyed + #made[1] + (number and #made[1 + number] or 0)
  end
  return bytes / samples, keyed / samples
end

local function open_shards(stream, where)
  local reply, err = require("kinessis.aws").kinesis(where.config):describe_stream_summary { StreamName = stream.name }
  if not reply then error(err, 0) end
  return reply.StreamDescriptionSummary.OpenShardCount
end

--- @param where the target, nil where nothing is sent
--- @return the context of kinessis.pace; what it is not asked costs nothing
function capacity.of(scenario, seed, where)
  local bytes, keyed
  local function measured()
    if not bytes then bytes, keyed = measure(scenario, seed) end
  end
  local context = { seed = seed }
  function context.record_bytes()
    measured()
    return bytes
  end
  local stream = scenario:destination "kinesis"
  if stream and where then
    function context.capacity()
      measured()
      local shards = open_shards(stream, where)
      local records = math.min(stream.aggregate and math.huge or shard_records, shard_bytes / keyed)
      sys.log("info", ("The stream's %s take%s %s records of %.0f bytes per second."):format(
        shards == 1 and "shard" or shards .. " shards", shards == 1 and "s" or "", count(shards * records // 1), keyed))
      return shards * records
    end
  end
  return context
end

return capacity
