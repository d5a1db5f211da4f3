--- What a stream holds, into a digest: every shard from its beginning (or from a time on), aggregates taken apart.
local tail = require "kinessis.tail"

local stream = {}

--- @param target the target @param name the stream's @param since seconds since 1970, or nil
--- @return the number of shards that hold records; or nil and an error
function stream.read(target, name, digest, since)
  local shards, count, problem = {}, 0, nil
  local options = { from = since or "trim_horizon", once = true, eager = target.kind ~= "aws" }
  local ok, err = tail.follow(target, name, options, function(page, shard)
    if not shards[shard] then shards[shard], count = true, count + 1 end
    local added
    added, problem = digest:add_page(page)
    return added
  end)
  if problem or not ok then return nil, problem or err end
  return count
end

return stream
