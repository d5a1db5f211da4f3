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
    for _, key in ipairs(about.scenario.keys.named) do
      if key.member.name == "partition_key" then extra = math.max(extra, #about.samples.keys[i][key.number]) end
    end
    longest = math.max(longest, #text + extra)
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

local function column(rows, number)
  local values = {}
  for i, row in ipairs(rows) do values[i] = row[number] end
  return values
end

-- How many are different, what is wrong with how many (by reason), the most frequent and how often it is.
local function count_keys(texts, wrong)
  local seen, distinct, problems, top = {}, 0, {}, texts[1]
  for _, key in ipairs(texts) do
    if not seen[key] then distinct = distinct + 1 end
    seen[key] = (seen[key] or 0) + 1
    if seen[key] > seen[top] then top = key end
    local problem = wrong(key)
    if problem then problems[problem] = (problems[problem] or 0) + 1 end
  end
  return distinct, problems, top, seen[top]
end

rule("partition key", function(about, add)
  local total = #about.samples.texts
  local shards = about.stack and about.stack.stream and about.stack.stream.shards or 1
  for _, key in ipairs(about.scenario.keys.named) do
    local distinct, problems, top, times = count_keys(column(about.samples.keys, key.number), key.member.wrong)
    for problem, count in pairs(problems) do
      add { level = "problem", field = key.path, reason = ("is the %s, and in %d of %d samples %s"):format(
        key.member.name:gsub("_", " "), count, total, problem),
        remedy = "choose a value that always is one: Kinesis refuses the record" }
    end
    local chooses = key.member.name == "explicit_hash_key" or not key.destination.explicit_hash_key
    if not chooses or shards < 2 then goto next end
    if distinct < shards and distinct < total then
      add { level = "problem", field = key.path,
        reason = ("has %d values for %d shards: some shards get nothing"):format(distinct, shards),
        remedy = "choose a field of many values, such as an id" }
    elseif distinct < 10 * shards and distinct < total then
      add { level = "note", field = key.path, reason = ("has %d values for %d shards: load will be uneven"):format(
        distinct, shards), remedy = "choose a field of many values, such as an id" }
    elseif times > 1 and times > total / shards then
      add { level = "note", field = key.path,
        reason = ("is %s in %d of %d samples: one of %d shards gets them all"):format(top, times, total, shards),
        remedy = "choose a field whose values are about as likely, and never null" }
    end
    ::next::
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
