--- Rules about whole records: size, partition key, being the same every time. See kinessis.schema.check.
local rules = {}

local function rule(name, check) rules[#rules + 1] = { name = name, check = check } end

-- Bytes of one record.
local limits = {
  kinesis = { 1 << 20, "Kinesis takes records of at most 1 MiB" },
  firehose = { 1000 << 10, "Firehose takes records of at most 1,000 KiB" },
}

-- The service with the lowest limit among the scenario's; Firehose where it has none of them.
local function strictest(scenario)
  local found
  for _, to in ipairs(scenario.destinations) do
    local limit = limits[to.service]
    if limit and (not found or limit[1] < limits[found][1]) then found = to.service end
  end
  return found or "firehose"
end

rule("size", function(about, add)
  local service = strictest(about.scenario)
  local extra = about.scenario:destination "firehose" and 1 or 0 -- a newline, or the key
  local longest = 0
  for i, text in ipairs(about.samples.texts) do
    local key = about.samples.keys[i]
    longest = math.max(longest, #text + (extra == 1 and 1 or key and #key or 0))
  end
  local limit, text = table.unpack(limits[service])
  if longest > limit then
    add { level = "problem", reason = ("a sample has %d bytes: %s"):format(longest, text),
      remedy = "make its text or lists shorter; what is over the limit is not delivered" }
  elseif about.samples.longest > limit then
    add { level = "note", reason = ("a record may have %d bytes: %s"):format(about.samples.longest, text),
      remedy = "make its longest text or list shorter" }
  end
end)

local longest_key = 256 -- characters

local function count_keys(keys)
  local seen, distinct, empty, long, top = {}, 0, 0, 0, keys[1]
  for _, key in ipairs(keys) do
    if not seen[key] then distinct = distinct + 1 end
    seen[key] = (seen[key] or 0) + 1
    if seen[key] > seen[top] then top = key end
    if key == "" then empty = empty + 1 end
    if (utf8.len(key) or #key) > longest_key then long = long + 1 end
  end
  return distinct, empty, long, top, seen[top]
end

rule("partition key", function(about, add)
  local field = about.scenario:kept()
  if not field then return end
  local total = #about.samples.keys
  local distinct, empty, long, top, times = count_keys(about.samples.keys)
  if empty > 0 then
    add { level = "problem", field = field, reason = ("is empty in %d of %d samples, and is the partition key"):format(
      empty, total), remedy = "choose a field that always has a value: Kinesis refuses an empty key" }
  end
  if long > 0 then
    add { level = "problem", field = field, reason = ("is over %d characters in %d of %d samples, and is the partition "
      .. "key"):format(longest_key, long, total), remedy = "choose a shorter field: Kinesis refuses a longer key" }
  end
  local shards = about.stack and about.stack.stream and about.stack.stream.shards or 1
  if shards < 2 then return end
  if distinct < shards and distinct < total then
    add { level = "problem", field = field,
      reason = ("has %d values for %d shards: some shards get nothing"):format(distinct, shards),
      remedy = "choose a field of many values, such as an id" }
  elseif distinct < 10 * shards and distinct < total then
    add { level = "note", field = field, reason = ("has %d values for %d shards: load will be uneven"):format(distinct,
      shards), remedy = "choose a field of many values, such as an id" }
  elseif times > 1 and times > total / shards then
    add { level = "note", field = field, reason = ("is %s in %d of %d samples: one of %d shards gets them all"):format(
      top, times, total, shards), remedy = "choose a field whose values are about as likely, and never null" }
  end
end)

rule("purity", function(about, add)
  local told = {}
  for _, call in ipairs(about.samples.calls) do
    told[call.path or ""] = true
    add { level = "problem", field = call.path, reason = ("its function calls %s: the same seed does not make the same "
      .. "records, and kinessis verify cannot make them again"):format(call.what),
      remedy = ("use %s"):format(call.instead) }
  end
  for _, path in ipairs(about.samples.unstable) do
    if not told[path] then
      add { level = "problem", field = path, reason = "is another value when the same record is made again",
        remedy = "compute it from ctx.index, ctx.record and ctx.random: a function must not remember other records" }
    end
  end
end)

return rules
