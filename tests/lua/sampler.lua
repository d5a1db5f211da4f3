--- What providers make, decoded: local sampler = dofile "tests/lua/sampler.lua"(seed)
local cjson = require "cjson"
local kinessis = require "kinessis"

return function(seed)
  local sampler = {}

  --- @param options as schema:sample has them; the seed is the test's unless they have one
  --- @return n (300) records of the fields; the same as JSON; their schema
  function sampler.records(fields, n, options)
    options = options or {}
    options.seed = options.seed or seed
    local schema = kinessis.schema("t", fields)
    local records, raw = {}, schema:sample(n or 300, options)
    for i, json in ipairs(raw) do records[i] = cjson.decode(json) end
    return records, raw, schema
  end

  --- The same of one value, in the field "v".
  function sampler.values(value, n, options)
    local list, raw, schema = sampler.records({ { "v", value } }, n, options)
    for i, record in ipairs(list) do list[i] = record.v end
    return list, raw, schema
  end

  --- @return whether all of the list pass, and that they are any; the first that does not
  function sampler.all(list, check)
    for _, v in ipairs(list) do
      if not check(v) then return false, v end
    end
    return #list > 0
  end

  --- @return how many differ; a set of them
  function sampler.distinct(list)
    local seen, n = {}, 0
    for _, v in ipairs(list) do
      if not seen[v] then seen[v], n = true, n + 1 end
    end
    return n, seen
  end

  --- @return the Glue type of a value
  function sampler.type_of(value) return kinessis.schema("t", { { "v", value } }):columns()[1].type end

  return sampler
end
