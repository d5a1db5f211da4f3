--- The sinks of a run, as kinessis.core.run takes them: where the scenario sends records, then the copy on stdout.
--- Each has the label and the name that the summary calls it by.
local sinks = {}

local limits = { "max_records", "max_bytes", "max_record_bytes", "linger_ms", "requests_in_flight",
  "aggregate", "aggregate_bytes" }

local function request_limits(to, sink)
  for _, name in ipairs(limits) do sink[name] = to[name] end
  return sink
end

local function header_of(to, scenario)
  return to.format == "csv" and scenario.records:csv_header() or nil
end

-- By service: the sink of a destination.
local makers = {
  kinesis = function(to, scenario, where)
    local numbers = scenario.keys.of[to]
    return request_limits(to, { kind = "kinesis", name = to.name, aws = where.config,
      partition_key = numbers.partition_key, explicit_hash_key = numbers.explicit_hash_key })
  end,
  firehose = function(to, _, where)
    return request_limits(to, { kind = "firehose", name = to.name, aws = where.config,
      no_newline = to.newline == false })
  end,
  s3 = function(to, scenario, where)
    local name = scenario.records.name
    return { kind = "s3", name = to.bucket, aws = where.config, size = to.size, gzip = to.gzip,
      prefix = to.prefix or name .. "/", stem = name:gsub("[^%w_.-]", "_") .. "-" } -- and the seed: kinessis.run
  end,
  file = function(to, scenario)
    return { kind = "text", path = to.path, gzip = to.gzip, header = header_of(to, scenario) }
  end,
  stdout = function(to, scenario) return { kind = "text", header = header_of(to, scenario) } end,
  null = function() return { kind = "null" } end,
}

local remote = { kinesis = true, firehose = true, s3 = true }

--- @return whether a destination is reached through the target
function sinks.need_target(scenario)
  for _, to in ipairs(scenario.destinations) do
    if remote[to.service] then return true end
  end
  return false
end

--- @param values { dry_run = true: nothing is sent, print = true: the records on stdout too }
--- @param where the target (kinessis.target), nil where no destination needs one
--- @return a list; empty when the scenario says nowhere
function sinks.of(scenario, values, where)
  local list, printed = {}, false
  if values.dry_run then
    list[1] = { kind = "null", label = "nowhere", name = "null" }
  else
    for i, to in ipairs(scenario.destinations) do
      list[i] = makers[to.service](to, scenario, where)
      list[i].label, list[i].service, list[i].name = to.label, to.service, to.name
      printed = printed or to.service == "stdout"
    end
  end
  if (values.print or scenario.print) and not printed then
    list[#list + 1] = { kind = "text", label = "stdout", name = "stdout", service = "stdout", copy = #list > 0 }
  end
  return list
end

--- @return whether records go to stdout
function sinks.print(list)
  for _, sink in ipairs(list) do
    if sink.service == "stdout" then return true end
  end
  return false
end

--- What people call a sink: "Kinesis clicks".
function sinks.title(sink)
  if not sink.label then return sink.path or "stdout" end
  return sink.name == sink.label and sink.label or ("%s %s"):format(sink.label, sink.name)
end

return sinks
