--- kinessis verify FILE: proof of what arrived.
local fields = require "kinessis.verify.fields"
local options = require "kinessis.options"
local report = require "kinessis.report"
local runner = require "kinessis.run"
local stack = require "kinessis.stack"
local state = require "kinessis.state"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"
local verify = require "kinessis.verify"

local count = require("kinessis.show").count

local function print_line(format, ...) io.stdout:write(format:format(...), "\n") end

-- The record of that index, made again.
local function remake(job, index)
  local cursor <close> = job.scenario:plan():cursor {
    seed = job.values.seed, start = job.values.start or job.scenario.start,
    step = job.values.step or job.scenario.step, disorder = job.scenario.disorder,
  }
  return (cursor:record(index))
end

-- ---- for people ----

local function show_difference(difference)
  return ("%s: %s became %s"):format(difference[1], difference[2], difference[3])
end

local function show_finding(job, place, finding)
  if finding.verdict == "foreign" then
    return ("not of this run  %s"):format(report.printable(finding.text:gsub("\31", " | ")))
  end
  local record = remake(job, finding.index)
  local _, key = place.row:text(record)
  local line = ("%-10s  record %s%s"):format(finding.verdict, count(finding.index),
    key and job.key and (", %s %s"):format(fields.show(job.key), report.printable(key)) or "")
  if finding.verdict ~= "altered" then
    if finding.times == 1 then return line end
    return ("%s (%s times%s)"):format(line, count(finding.times), finding.verdict == "lost" and "" or " too often")
  end
  local parts = {}
  for i, difference in ipairs(verify.differences(job, place, record, finding.text)) do
    parts[i] = show_difference(difference)
  end
  return ("%s: %s"):format(line, report.printable(table.concat(parts, "; ")))
end

local words = { { "lost", "lost" }, { "duplicated", "duplicated" }, { "altered", "altered" },
  { "foreign", "not of this run" } }

local function show_place(job, place)
  local found = place.found
  print_line("The %s: %s records%s%s.", place.name, count(found.count),
    found.distinct and (", %s distinct %s"):format(count(found.distinct),
      job.key and fields.show(job.key) or "keys") or "",
    place.same and ", the checksum is the same" or "")
  if place.same then return end
  local parts, left = {}, 0
  for _, word in ipairs(words) do
    local n = place.counts[word[1]]
    left = left + n
    if n > 0 then parts[#parts + 1] = ("%s %s"):format(count(n), word[2]) end
  end
  print_line("  %s", #parts > 0 and table.concat(parts, ", ") or "the sums differ, but no record does")
  if place.columns and place.counts.lost > 0 and job.target.kind ~= "lake" then
    print_line("  Firehose holds records until its buffering interval is over: look again before you call them lost.")
  end
  if place.cut_short then
    print_line("  All of these are missing or strange; the rest was not looked at. Was it seed %d?", job.values.seed)
  end
  for _, finding in ipairs(place.findings) do
    print_line("  %s", show_finding(job, place, finding))
    left = left - finding.times
  end
  if left > 0 then print_line("  ... and %s more (--limit)", count(left)) end
end

local function show_not_compared(job, places)
  local names = {}
  for _, path in ipairs(job.fields.volatile) do names[#names + 1] = fields.show(path) end
  if #names > 0 then
    print_line("Not compared: %s, which follows the wall clock (with `start` in the scenario it does not).",
      table.concat(names, ", "))
  end
  for _, place in ipairs(places) do
    local left = {}
    for _, path in ipairs(place.left_out or {}) do left[#left + 1] = fields.show(path) end
    if #left > 0 then
      print_line("Not compared in the %s: %s (arrays and maps).", place.name, table.concat(left, ", "))
    end
  end
end

-- ---- for programs ----

local function json_place(job, place)
  local json = require "kinessis.json"
  local findings = {}
  for i, finding in ipairs(place.findings) do
    local row = { { "verdict", finding.verdict }, { "times", finding.times } }
    if finding.verdict ~= "foreign" then
      row[#row + 1] = { "index", finding.index }
      row[#row + 1] = { "record", remake(job, finding.index) }
    end
    if finding.text then row[#row + 1] = { "found", finding.text } end
    findings[i] = row
  end
  return {
    { "place", place.name },
    { "expected", { { "records", place.expected.count }, { "checksum", place.expected.sum } } },
    { "found", { { "records", place.found.count }, { "checksum", place.found.sum } } },
    { "lost", place.counts.lost }, { "duplicated", place.counts.duplicated }, { "altered", place.counts.altered },
    { "foreign", place.counts.foreign }, { "cut_short", place.cut_short or false },
    { "findings", json.list(findings) },
  }
end

local function print_json(job, places)
  local json = require "kinessis.json"
  local list, volatile = {}, {}
  for i, place in ipairs(places) do list[i] = json_place(job, place) end
  for i, path in ipairs(job.fields.volatile) do volatile[i] = fields.show(path) end
  io.stdout:write(json.write {
    { "scenario", job.scenario.path }, { "seed", job.values.seed }, { "places", json.list(list) },
    { "not_compared", json.list(volatile) },
  })
end

-- ---- the command ----

-- Where the scenario's records can be looked for: functions that return a report.
local function places_of(job, wanted)
  local list = {}
  local to = job.scenario:destination "kinesis"
  if to and wanted ~= "table" then
    list[#list + 1] = function() return verify.stream(job, to.name) end
  end
  local whole = stack.of(job.scenario)
  if whole.delivery_stream and wanted ~= "stream" then
    list[#list + 1] = function() return verify.table(job, whole) end
  end
  return list
end

local interrupted = 130 -- the exit code of a command that Ctrl-C stopped

local function prove(job, values)
  local makers = places_of(job, values.place)
  local flushed, err = job.target:flush()
  if not flushed then return nil, err end
  local places, ok = {}, true
  for i, make in ipairs(makers) do
    places[i], err = make()
    if not places[i] then
      if err.code ~= "cancelled" then return nil, err end
      sys.log("error", tostring(err))
      return interrupted
    end
    local counts = places[i].counts
    ok = ok and counts.lost + counts.duplicated + counts.altered == 0
    if not values.json then
      if i == 1 then print_line("Expected: %s records of seed %d.", count(places[1].generated), values.seed) end
      show_place(job, places[i])
    end
  end
  if values.json then print_json(job, places)
  else
    show_not_compared(job, places)
    print_line(ok and "Every record arrived, once and unaltered." or "Not everything arrived as it was made.")
  end
  return ok and 0 or 1
end

local clock_slack = 300 -- seconds by which the stream's clock may be behind ours

-- The last run of the scenario, by the state that it left, in place of what the options leave out. Returns the index
-- of its first record; or nil and why it cannot be told.
local function last_run(scenario, values)
  local last, err = state.read(values.state or state.path(scenario.path, values))
  if not last then
    return nil, ("the last run is looked for, and it left no state that can be read: run the scenario, or give the "
      .. "--seed of the run that is meant (%s)"):format(tostring(err):gsub(" %(a first run.*", ""))
  end
  if last.target ~= values.target then
    return nil, ("the last run of this scenario went elsewhere: give --target %s, or the --seed of the run that is "
      .. "meant"):format(last.target)
  end
  if scenario.seed and last.seed ~= scenario.seed then return nil, "the last run had another seed" end
  values.seed, values.start, values.part = last.seed, last.clock_start, nil
  values.step = last.clock_start and last.clock_step
  values.amount = values.amount or last.claimed - last.first -- less than its amount when its pace was over before
  values.since = values.since or sys.parse_iso(last.started) - clock_slack
  sys.log("info", ("The last run of this scenario began at %s, with seed %d."):format(last.started, last.seed))
  if not last.finished then
    sys.log("warning", ("It ended at record %s%s: --resume goes on with it."):format(count(last.claimed - last.first),
      last.amount and " of " .. count(last.amount) or ""))
  end
  return last.first
end

-- Which run it is: what the options say, else the last one, else what the scenario says. Returns the index of its
-- first record.
local function settle_run(scenario, values)
  local asked = values.seed or scenario.seed and (values.amount or values.start or values.step)
  if not asked then
    for _, name in ipairs { "start", "step" } do
      if values[name] then options.usage("--%s goes with --seed: the last run has a clock of its own", name) end
    end
    local first, wrong = last_run(scenario, values)
    if first then return first end
    if not scenario.seed then return nil, sys.error("usage", wrong) end
  end
  values.seed = values.seed or scenario.seed
  if not (values.amount or scenario.amount) then options.usage "--amount is missing: the scenario has none" end
  return 0
end

-- What the options of kinessis.run say here: which run is meant.
local meant = {
  ["--seed"] = "of the run that is meant (default: the last run's)",
  ["--start"] = "with --seed: where that run's simulated clock began (default: the scenario's)",
  ["--step"] = "with --seed: of that clock (default: the scenario's, else 1ms)",
  ["--part"] = "the part of the run that is meant, as it was given to run",
}

local function run_options()
  local list = {}
  for i, option in ipairs(runner.options) do
    list[i] = { option[1], option[2], meant[option[1]] or option[3], short = option.short, parse = option.parse }
  end
  return list
end

return {
  description = [[
What should have arrived is made again from the seed, and compared with what is in the stream (all shards from
their beginning, de-aggregated) and in the table (SQL): count, distinct keys and an order-independent checksum.
Where they differ, it finds which records are lost, duplicated or altered, and exits 1. Records of other
runs are counted, and are no fault. It is the last run of the scenario that is looked at, by the state that it
left; for another give the seed, amount, clock and part that it had.
]],
  arguments = { { "FILE", "the scenario" } },
  options = {
    { "--amount", "N", "how many records were made (default: as many as the last run made)", short = "-n",
      parse = options.count },
    { "--place", "WHERE", "only the stream, or only the table (default: both, where the scenario has them)",
      parse = options.choice { "stream", "table" } },
    { "--key", "FIELD", "the field that tells records apart (default: the partition key, or the first field "
      .. "whose values all differ)", parse = options.text },
    { "--since", "TIME", "only what arrived since then: a time, or how long ago (10m)", parse = options.past },
    { "--state", "FILE", "the state of the run (default: .kinessis/runs/<scenario>.json)", parse = options.text },
    { "--limit", "N", "how many single records are shown", parse = options.count, default = 10 },
    { "--json", nil, "the result as JSON" },
    table.unpack(table.move(target.options, 1, #target.options, #runner.options + 1, run_options())),
  },
  run = function(arguments, values)
    local scenario, err = require("kinessis.scenario").load(arguments[1])
    if not scenario then return nil, err end
    if #places_of({ scenario = scenario }, values.place) == 0 then
      return nil, sys.error("script", ("%s: there is no %s to look at: verify compares what a stream and a table hold")
        :format(scenario.path, values.place or "stream or table"))
    end
    local first
    first, err = settle_run(scenario, values)
    if not first then return nil, err end
    local where
    where, err = target.from(values)
    if not where then return nil, err end
    local _ <close> = where
    local clock = { seed = values.seed, first = first, amount = values.amount or scenario.amount,
      start = values.start or scenario.start, step = values.step or scenario.step }
    local known = fields.of(scenario, clock)
    local to = scenario:destination "kinesis"
    local partition_key = to and type(to.partition_key) == "string" and to.partition_key or nil
    local key = fields.key(known, values.key, partition_key)
    if values.key and not key then
      local names = {}
      for i, path in ipairs(known.candidates) do names[i] = fields.show(path) end
      options.usage("--key: the values of %s are no key: they repeat, are times, or there is no such field; %s",
        values.key, #names > 0 and "those of " .. table.concat(names, ", ") .. " would do" or "nor are any others")
    end
    local kept = to and scenario.keys.of[to].partition_key
    return prove({ scenario = scenario, values = values, target = where, fields = known, key = key, kept = kept,
      since = values.since, first = first }, values)
  end,
}
