--- How a run ended, as one JSON document for programs: `kinessis run --json-summary FILE`. Its members are
--- explained in docs/delivery.md.
---
--- The file is replaced whole. It says "running" from the start, so a run that was killed leaves neither
--- the summary of the run before nor none; and a file that cannot be written is told before, not after.
local json = require "kinessis.json"
local sys = require "kinessis.core.sys"

local outcome = {}

local null = json.bare "null"

-- Seconds and rates, to the microsecond or nine digits.
local function number(value)
  if value == nil then return null end
  return math.type(value) == "integer" and value or json.bare(("%.9g"):format(value))
end

local function or_null(value)
  if value == nil then return null end
  return value
end

local function error_of(err)
  if err == nil then return null end
  if type(err) ~= "table" then return { { "code", "script" }, { "message", tostring(err) } } end
  return { { "code", tostring(err.code) }, { "message", tostring(err) }, { "aws_code", or_null(err.aws_code) } }
end

local latency_names = { "mean", "p50", "p90", "p99", "p999", "max" }

local function latency_of(latency)
  local out = { { "count", latency.count } }
  for _, name in ipairs(latency_names) do out[#out + 1] = { name, number(latency[name]) } end
  return out
end

local function shards_of(heat)
  if not heat then return nil end
  local list = {}
  for i, row in ipairs(heat) do
    list[i] = { { "shard", row.shard }, { "records", row.records }, { "bytes", row.bytes },
      { "throttled", row.throttled }, { "limit", number(row.rate) } }
  end
  return { "shards", json.list(list) }
end

local counters = { "generated", "delivered", "retried", "failed", "uncertain", "maybe_twice", "throttled",
  "requests", "bytes" }

local function destination_of(sink, sent, seconds)
  local out = { { "service", sink.service or sink.kind }, { "name", or_null(sink.name) } }
  for _, name in ipairs(counters) do out[#out + 1] = { name, sent[name] } end
  out[#out + 1] = { "rate", number(sent.delivered / math.max(seconds, 1e-3)) }
  out[#out + 1] = { "delivery_lag_seconds", number(sent.delivery_lag) }
  out[#out + 1] = { "latency", latency_of(sent.latency) }
  out[#out + 1] = shards_of(sent.heat)
  out[#out + 1] = { "first_error", error_of(sent.first_error) }
  return out
end

local function pace_of(result)
  if not result.asked then return null end
  local behind = result.behind
  return { { "model", result.closed and "closed" or "open" }, { "asked", number(result.asked) }, { "due", result.due },
    { "behind_records", behind.records }, { "behind_seconds", number(behind.seconds) },
    { "most_behind_seconds", number(behind.most) }, { "waited_seconds", number(behind.waited) } }
end

local function thresholds_of(judged, sinks)
  local list = {}
  for i, one in ipairs(judged) do
    list[i] = { { "threshold", one.text }, { "passed", one.passed }, { "measured", number(one.measured) },
      { "destination", or_null(sinks[one.sink].name) } }
  end
  return json.list(list)
end

local function dead_letters_of(letters)
  if not letters then return null end
  return { { "path", letters.path }, { "count", letters.count }, { "error", error_of(letters.error) } }
end

local function add_result(out, result, about)
  local destinations = {}
  for i, sent in ipairs(result.sinks) do
    destinations[i] = destination_of(about.sinks[i], sent, result.seconds)
  end
  for _, member in ipairs {
    { "seed", result.seed }, { "first", result.first }, { "amount", or_null(result.amount) },
    { "workers", result.workers }, { "seconds", number(result.seconds) }, { "generated", result.generated },
    { "stopped", result.stopped }, { "abandoned", result.abandoned }, { "pace", pace_of(result) },
    { "destinations", json.list(destinations) }, { "thresholds", thresholds_of(about.judged, about.sinks) },
    { "dead_letters", dead_letters_of(result.dead_letters) },
  } do out[#out + 1] = member end
end

-- What the command makes of it; 3 of a threshold that was not met.
local outcomes = { [0] = "done", [3] = "threshold" }

--- In a word.
--- @param code the exit code; nil while it runs
function outcome.name(code)
  return code and (outcomes[code] or "failed") or "running"
end

--- The document of a run.
--- @param about { scenario, target, started, sinks, judged (kinessis.thresholds.judge), result = the summary of
---   kinessis.run, nil when it did not begin }
--- @param code the exit code; nil while it runs
function outcome.document(about, code, err)
  local result = about.result
  err = err or result and result.error
  local out = {
    { "format", 1 }, { "version", sys.version }, { "scenario", or_null(about.scenario) },
    { "target", or_null(about.target) },
    { "outcome", outcome.name(code) }, { "exit_code", or_null(code) },
    { "error", error_of(err) }, { "started", sys.iso(about.started, true) },
    { "ended", code and sys.iso(sys.now(), true) or null },
  }
  if result then add_result(out, result, about) end
  return json.write(out)
end

local function write(path, text)
  if path ~= "-" then return sys.write_file(path, text) end
  io.stdout:write(text)
  return true -- whether it got there is seen at the end of the program
end

--- Writes that it runs, so that a file that cannot be written is told before.
--- @param path of the file; "-" is stdout
--- @param about see outcome.document
--- @return true; or nil and an error
function outcome.begin(path, about)
  if path == "-" then return true end
  return write(path, outcome.document(about))
end

--- What the command exits with.
function outcome.exit_code(code, err)
  return code or (type(err) == "table" and err.code == "usage" and 2 or 1)
end

--- Writes how it ended: an exit code, or nil and an error.
--- @return both; an error of the writing in place of a code that says that all is well
function outcome.finish(path, about, code, err)
  local ok, problem = write(path, outcome.document(about, outcome.exit_code(code, err), err))
  if ok then return code, err end
  sys.log("error", ("The summary could not be written: %s"):format(tostring(problem)))
  if code == 0 then return nil, problem end
  return code, err
end

--- Runs f, and writes how it ended, however it ended.
--- @param f gives an exit code, or nil and an error; it fills in `about`
--- @return what f gives
function outcome.record(path, about, f)
  local ok, unwritten = outcome.begin(path, about)
  if not ok then return nil, unwritten end
  local ran, code, err = xpcall(f, sys.traceback)
  if ran then return outcome.finish(path, about, code, err) end
  err = code
  outcome.finish(path, about, nil, err)
  error(type(err) == "string" and sys.error("script", err) or err, 0)
end

return outcome
