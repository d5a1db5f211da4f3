--- Thresholds: what a run must have come to.
---
---     thresholds = { "p99 < 200ms", "failed == 0", "delivered >= 99.9%", "rate > 500", "behind < 1s" }
---
--- METRIC OP VALUE, where OP is one of < <= > >= == !=. Times need a unit (us, ms, s, m, h); counts may be
--- a share of the records that were made (1%). Each destination must meet them: of several the worst is told.
local options = require "kinessis.options"
local show = require "kinessis.show"

local thresholds = {}

local function latency(name)
  return { kind = "time", of = function(_, sent)
    return sent.latency.count > 0 and sent.latency[name] or nil
  end, missing = "nothing was delivered" }
end

local function counter(name, kind)
  return { kind = kind or "records", of = function(_, sent) return sent[name] end }
end

local function rate_of(result, sent) return sent.delivered / math.max(result.seconds, 1e-3) end

-- of(result, sent): from the run's summary or status, and one of its sinks.
local metrics = {
  p50 = latency "p50", p90 = latency "p90", p99 = latency "p99", ["p99.9"] = latency "p999",
  mean = latency "mean", max = latency "max",
  generated = counter "generated", delivered = counter "delivered", failed = counter "failed",
  retried = counter "retried", throttled = counter "throttled", uncertain = counter "uncertain",
  maybe_twice = counter "maybe_twice", requests = counter("requests", "count"), bytes = counter("bytes", "count"),
  rate = { kind = "rate", of = rate_of },
  behind = { kind = "time", of = function(result) return result.behind.seconds end },
  most_behind = { kind = "time", of = function(result) return result.behind.most end },
  delivery_lag = { kind = "time", of = function(_, sent) return sent.delivery_lag end },
  seconds = { kind = "time", of = function(result) return result.seconds end },
}

--- The names, in order.
thresholds.metrics = {}
for name in pairs(metrics) do table.insert(thresholds.metrics, name) end
table.sort(thresholds.metrics)

local operators = {
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
  ["=="] = function(a, b) return a == b end, ["!="] = function(a, b) return a ~= b end,
}
local at_most = { ["<"] = true, ["<="] = true }

local time_units = { us = 1e-6, ["µs"] = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600 }
local number = options.range(0)

local function read_time(text)
  local digits, unit = text:match "^([%d.]+)%s*(%D*)$"
  local value = tonumber(digits)
  if not value then return nil, ("'%s' is not a time, such as 200ms or 1.5s"):format(text) end
  if unit == "" then return nil, ("%s of what? A time needs a unit: us, ms, s, m or h"):format(text) end
  if not time_units[unit] then return nil, ("'%s' is no unit of time: there are us, ms, s, m and h"):format(unit) end
  return value * time_units[unit]
end

local function read_number(text, what)
  local value = number(text)
  if not value then return nil, ("'%s' is not %s"):format(text, what) end
  return value
end

local readers = {
  time = read_time,
  count = function(text) return read_number(text, "a number, such as 0, 1000 or 1M") end,
  rate = function(text)
    return read_number(text:gsub("%s*/s$", ""), "records per second, such as 500, 2k or 2k/s")
  end,
  records = function(text)
    local percent = text:match "^([%d.]+)%s*%%$"
    if percent and tonumber(percent) then return tonumber(percent) / 100, nil, true end
    return read_number(text, "a number of records, such as 0, 1000 or 1M, nor a share, such as 1%")
  end,
}

--- @return the threshold, { text =, ... }; or nil and what is wrong with the text
function thresholds.read(text)
  local name, op, rest = text:match "^%s*([%a_][%w_.]*)%s*([<>=!~]+)%s*(.-)%s*$"
  if not name then
    return nil, "METRIC OP VALUE is expected, such as 'p99 < 200ms' or 'failed == 0'"
  end
  local metric = metrics[name]
  if not metric then
    local hint = options.did_you_mean(name, thresholds.metrics)
    if hint == "" then hint = ": there are " .. table.concat(thresholds.metrics, ", ") end
    return nil, ("no metric is called %s%s"):format(name, hint)
  end
  if not operators[op] then
    return nil, op .. " does not compare: there are <, <=, >, >=, == and !="
  end
  if rest == "" then return nil, "a value is missing after " .. op end
  local value, problem, is_share = readers[metric.kind](rest)
  if not value then return nil, problem end
  return { text = ("%s %s %s"):format(name, op, rest), metric = metric, op = op, value = value, is_share = is_share }
end

--- What is wrong with a scenario's list, and where; nil when nothing is.
function thresholds.mistake(list)
  if type(list) ~= "table" then return "a list of thresholds such as 'p99 < 200ms' is expected" end
  for key, text in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      return "a list is expected, without names: { 'p99 < 200ms', 'failed == 0' }"
    end
    if type(text) ~= "string" then return "a text such as 'p99 < 200ms' is expected", ("[%d]"):format(key) end
    local read, problem = thresholds.read(text)
    if not read then return ("'%s': %s"):format(text, problem), ("[%d]"):format(key) end
  end
end

--- For kinessis.options: --threshold 'p99 < 200ms'.
function thresholds.option(text)
  local read, problem = thresholds.read(text)
  if not read then return nil, "a threshold: " .. problem end
  return text
end

--- @param ... lists of texts that were checked, or nil
function thresholds.of(...)
  local out = {}
  for i = 1, select("#", ...) do
    for _, text in ipairs((select(i, ...)) or {}) do out[#out + 1] = assert(thresholds.read(text)) end
  end
  return out
end

local function measure(threshold, result, sent)
  local value = threshold.metric.of(result, sent)
  if value and threshold.is_share then return sent.generated > 0 and value / sent.generated or nil end
  return value
end

local function show_value(threshold, value)
  local kind = threshold.metric.kind
  if not value then return threshold.metric.missing or "nothing was generated" end
  if threshold.is_share then return show.share(value) end
  if kind == "time" then return show.time(value) end
  if kind == "rate" then return show.rate(value) .. "/s" end
  return show.count(value)
end

-- What is not met yet may be met later: most of what is measured grows.
local function may_grow_to(threshold, value)
  if threshold.op == "==" then return (value or 0) < threshold.value end
  return not at_most[threshold.op]
end

-- Whether a is worse than b.
local function is_worse(threshold, a, b)
  if a.passed ~= b.passed then return not a.passed end
  if not a.measured or not b.measured then return not a.measured and b.measured ~= nil end
  if at_most[threshold.op] then return a.measured > b.measured end
  return (threshold.op == ">" or threshold.op == ">=") and a.measured < b.measured
end

--- @param result the summary or the status of kinessis.core.run
--- @param sinks its list of sinks (kinessis.sinks); a copy on stdout is not judged
--- @return for each { text, passed, measured = number or nil, shown, sink = the number of the worst,
---   open = what is not met yet may be met later, while the run lasts }
function thresholds.judge(list, result, sinks)
  local out = {}
  for i, threshold in ipairs(list) do
    local worst
    for number_of_sink, sent in ipairs(result.sinks) do
      if not sinks[number_of_sink].copy then
        local value = measure(threshold, result, sent)
        local one = { text = threshold.text, measured = value, sink = number_of_sink,
          passed = value ~= nil and operators[threshold.op](value, threshold.value),
          shown = show_value(threshold, value), open = may_grow_to(threshold, value) }
        if not worst or is_worse(threshold, one, worst) then worst = one end
      end
    end
    out[i] = worst
  end
  return out
end

return thresholds
