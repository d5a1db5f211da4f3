--- A run's numbers for Prometheus while it lasts: `kinessis run --metrics 127.0.0.1:9464`. Rendering is pure.
---
--- Text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
local core = require "kinessis.core.run"
local sinks = require "kinessis.sinks"
local sys = require "kinessis.core.sys"

local metrics = {}

local content_type = "text/plain; version=0.0.4; charset=utf-8"

--- "HOST:PORT", ":PORT" (loopback), "[::1]:PORT" -> { host, port }; for kinessis.options.
function metrics.parse(text)
  local host, port = text:match "^%[([%x:.]+)%]:(%d+)$"
  if not host then host, port = text:match "^([^:%[%]/%s]*):(%d+)$" end
  local number = math.tointeger(tonumber(port))
  if not number or number > 65535 then
    return nil, "an address such as 127.0.0.1:9464, or :9464 for this machine only"
  end
  return { host = host ~= "" and host or "127.0.0.1", port = ("%d"):format(number) }
end

-- ---- the text ----

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function labels(list)
  local parts = {}
  for i = 1, #list, 2 do
    parts[#parts + 1] = ('%s="%s"'):format(list[i], (list[i + 1]:gsub('[\\"\n]', escapes)))
  end
  return #parts > 0 and "{" .. table.concat(parts, ",") .. "}" or ""
end

local function show(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  return ("%.9g"):format(value)
end

-- A family: its head once, then its samples.
local function family(out, name, kind, help)
  out[#out + 1] = ("# HELP kinessis_%s %s\n# TYPE kinessis_%s %s\n"):format(name, help, name, kind)
  return function(value, list, suffix)
    out[#out + 1] = ("kinessis_%s%s%s %s\n"):format(name, suffix or "", labels(list or {}), show(value))
  end
end

local counters = {
  { "generated", "generated_total", "Records made for the destination." },
  { "delivered", "delivered_total", "Records that the destination acknowledged." },
  { "retried", "retried_total", "Sends of records beyond the first." },
  { "throttled", "throttled_total", "Sends of records that were refused for their rate." },
  { "failed", "failed_total", "Records that were given up." },
  { "uncertain", "uncertain_total", "Of the failed: those that may have arrived." },
  { "maybe_twice", "maybe_twice_total", "Records sent again that may have arrived: at most so many duplicates." },
  { "requests", "requests_total", "Requests sent, retries included." },
  { "bytes", "delivered_bytes_total", "Bytes of delivered records." },
}

local quantiles = { { "0.5", "p50" }, { "0.9", "p90" }, { "0.99", "p99" }, { "0.999", "p999" } }

local function write_latency(out, status, names)
  local histogram = family(out, "latency_seconds", "histogram",
    "From when a record was due to its acknowledgement; bounds are exact within 1 %.")
  for i, sent in ipairs(status.sinks) do
    local latency = sent.latency
    for k, bound in ipairs(core.latency_bounds) do
      histogram(latency.within[k], { "destination", names[i], "le", show(bound) }, "_bucket")
    end
    histogram(latency.count, { "destination", names[i], "le", "+Inf" }, "_bucket")
    histogram(latency.mean * latency.count, { "destination", names[i] }, "_sum")
    histogram(latency.count, { "destination", names[i] }, "_count")
  end
  local summary = family(out, "latency_quantiles_seconds", "summary", "The same as quantiles of the whole run.")
  for i, sent in ipairs(status.sinks) do
    for _, row in ipairs(quantiles) do
      summary(sent.latency[row[2]], { "destination", names[i], "quantile", row[1] })
    end
    summary(sent.latency.mean * sent.latency.count, { "destination", names[i] }, "_sum")
    summary(sent.latency.count, { "destination", names[i] }, "_count")
  end
end

local heat = {
  { "records", "shard_records_total", "counter", "Records that the shard took." },
  { "bytes", "shard_bytes_total", "counter", "Bytes that the shard took." },
  { "throttled", "shard_throttled_total", "counter", "Sends of records that the shard refused for its rate." },
  { "rate", "shard_limit_ratio", "gauge", "What is sent to the shard at most, as a share of a shard's limits." },
}

local function write_heat(out, status, names)
  for _, row in ipairs(heat) do
    local add
    for i, sent in ipairs(status.sinks) do
      for _, shard in ipairs(sent.heat or {}) do
        if shard[row[1]] then
          add = add or family(out, row[2], row[3], row[4])
          add(shard[row[1]], { "destination", names[i], "shard", shard.shard })
        end
      end
    end
  end
end

-- Titles, each once: series must differ.
local function names_of(list)
  local names, seen = {}, {}
  for i, sink in ipairs(list) do
    local title = sinks.title(sink)
    seen[title] = (seen[title] or 0) + 1
    names[i] = seen[title] > 1 and ("%s (%d)"):format(title, seen[title]) or title
  end
  return names
end

--- @param status of kinessis.core.run
--- @param about { scenario = path, sinks = of kinessis.sinks }
function metrics.render(status, about)
  local out, names = {}, names_of(about.sinks)
  family(out, "build_info", "gauge", "The program.")(1, { "version", sys.version, "scenario", about.scenario })
  family(out, "run_seconds", "gauge", "For how long the run has lasted.")(status.seconds)
  family(out, "paused", "gauge", "1 while the run is paused.")(status.paused and 1 or 0)
  if status.asked then
    family(out, "asked_records_per_second", "gauge", "What the pace asks for now.")(status.asked)
    family(out, "due_total", "counter", "Records that the pace has asked for.")(status.due)
    family(out, "behind_records", "gauge", "Records that are due and not made.")(status.behind.records)
    family(out, "behind_seconds", "gauge", "For how long the next record to make has been due.")(status.behind.seconds)
    local lag = family(out, "delivery_lag_seconds", "gauge",
      "For how long the pace has asked for more records than were delivered or given up.")
    for i, sent in ipairs(status.sinks) do lag(sent.delivery_lag, { "destination", names[i] }) end
  end
  for _, row in ipairs(counters) do
    local add = family(out, row[2], "counter", row[3])
    for i, sent in ipairs(status.sinks) do add(sent[row[1]], { "destination", names[i] }) end
  end
  write_latency(out, status, names)
  write_heat(out, status, names)
  return table.concat(out)
end

-- ---- serving it ----

--- @param address of metrics.parse
--- @return { watch(status, about), close() }; or nil and an error
function metrics.open(address)
  local page, err = require("kinessis.core.page").open(address.host, address.port, "/metrics", content_type)
  if not page then return nil, sys.error(err.code, "--metrics: " .. tostring(err)) end
  sys.log("info", "Metrics are at " .. page:url())
  local watcher = {}
  --- Cheap while nobody asks.
  function watcher.watch(status, about)
    if not page:wanted() then return end
    local ok, problem = page:publish(metrics.render(status, about))
    if not ok then error(problem, 0) end
  end
  function watcher.close() page:close() end
  return watcher
end

return metrics
