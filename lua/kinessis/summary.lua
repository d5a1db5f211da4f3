--- The end of a run, told to people.
local show = require "kinessis.show"
local sinks = require "kinessis.sinks"
local sys = require "kinessis.core.sys"

local summary = {}

local function log(level, format, ...)
  sys.log(level, format:format(...))
end

-- Records per second of the whole run.
local function rate_of(records, result) return show.rate(records / math.max(result.seconds, 1e-3)) end

local most_hot = 3

-- The shards that were throttled, the worst first.
local function tell_hot_shards(heat, prefix)
  local hot, records = {}, 0
  for _, row in ipairs(heat) do
    records = records + row.records
    if row.throttled > 0 and row.shard ~= "" then hot[#hot + 1] = row end
  end
  table.sort(hot, function(a, b) return a.throttled > b.throttled end)
  for i = 1, math.min(#hot, most_hot) do
    log("warning", "%s%s was throttled %s times; it took %d %% of the records.", prefix, hot[i].shard,
      show.count(hot[i].throttled), 100 * hot[i].records // math.max(records, 1))
  end
  if #hot > most_hot then log("warning", "%s%d other shards were throttled, too.", prefix, #hot - most_hot) end
end

local function tell_sink(result, sink, sent, title)
  local lost = sent.failed
  local prefix = title and title .. ": " or ""
  if not title then log("info", "%d messages delivered to %s.", sent.delivered, sink.label) end
  log("info", "%s%s generated, %s delivered, %s retried, %s failed in %.2f s (%s records/s).", prefix,
    show.count(sent.generated), show.count(sent.delivered), show.count(sent.retried), show.count(lost), result.seconds,
    rate_of(sent.delivered, result))
  local latency = sent.latency
  if sink.service ~= "stdout" and sent.kind ~= "null" and latency.count > 0 then
    log("info", "%sLatency: p50 %s, p99 %s, p99.9 %s, max %s.", prefix, show.time(latency.p50), show.time(latency.p99),
      show.time(latency.p999), show.time(latency.max))
  end
  if sent.throttled > 0 then log("warning", "%s%s sends were throttled.", prefix, show.count(sent.throttled)) end
  tell_hot_shards(sent.heat or {}, prefix)
  if (sent.maybe_twice or 0) > 0 then
    log("warning", "%s%s records were sent again after no answer came: at most so many arrived twice.", prefix,
      show.count(sent.maybe_twice))
  end
  if lost > 0 then
    log("error", "%s%s of %s messages were not delivered%s", prefix, show.count(lost), show.count(sent.generated),
      sent.first_error and ": " .. tostring(sent.first_error) or ": the run ended before.")
    if sent.uncertain > 0 then
      log("warning", "%s%s of them were on their way without an answer: they may have arrived.", prefix,
        show.count(sent.uncertain))
    end
    if (sent.first_error or {}).aws_code == "ResourceNotFoundException" then
      log("info", "The stack of a scenario is made by terraform (terraform/), or by --provision.")
    end
  end
  return lost
end

-- What an error kept from being made, so that nobody takes what was generated for all there was to be.
local function tell_unmade(result, amount)
  local unmade = amount and result.error and amount - result.made or 0
  if unmade > 0 then
    log("error", "%s of %s records were never made: the error ended the run.", show.count(unmade), show.count(amount))
  end
end

local function tell_dead_letters(letters)
  if not letters then return end
  if letters.count > 0 then
    log("warning", "%s records are in %s, with the reasons: kinessis redrive %s sends them again.",
      show.count(letters.count), letters.path, letters.path)
  end
  if letters.error then
    log("error", "Not every record that failed could be kept for kinessis redrive: %s", tostring(letters.error))
  end
end

-- Later than this is told: less is the machine's, and is in the latencies.
local lateness = 0.5

-- How late the last record was at the destination where it was latest: all may have been made in time, but a
-- throttled shard's wait to be sent.
local function delivery_lag(result)
  local most = 0
  for _, sent in ipairs(result.sinks) do most = math.max(most, sent.delivery_lag) end
  return most
end

--- Whether the pace was kept; where it was not, by how much.
local function tell_pace(result)
  local behind = result.behind
  if not result.asked then return end
  if result.closed then
    if behind.waited < lateness then return end
    log("info", "The pace waited %s for the sender: %s records/s were made instead of the %s that the pace has.",
      show.time(behind.waited), rate_of(result.generated, result), show.rate(result.asked))
  elseif behind.seconds >= lateness then
    local missing = behind.records > 0 and (", %s records not made"):format(show.count(behind.records)) or ""
    log("warning", "The pace was not kept: asked for %s records/s, made %s/s, %s behind at the end%s.",
      show.rate(result.asked), rate_of(result.generated, result), show.time(behind.seconds), missing)
  elseif delivery_lag(result) >= lateness then
    log("warning", "The pace was kept in making records, not in delivering them: asked for %s records/s, took %s/s, "
      .. "the last %s late.", show.rate(result.asked), rate_of(result.generated, result),
      show.time(delivery_lag(result)))
  elseif behind.most >= lateness then
    log("info", "The pace was kept in the end, but was up to %s behind.", show.time(behind.most))
  elseif result.asked > 0 and result.generated > 0 and not result.error then
    log("info", "The pace was kept: %s records/s were asked for.", show.rate(result.asked))
  end
end

local function tell_thresholds(judged, list)
  local several = 0
  for _, sink in ipairs(list) do several = several + (sink.copy and 0 or 1) end
  for _, one in ipairs(judged) do
    local where = several > 1 and (" (%s)"):format(sinks.title(list[one.sink])) or ""
    log(one.passed and "info" or "error", "Threshold %s: %s: %s%s.", one.passed and "met" or "NOT met", one.text,
      one.shown, where)
  end
end

--- How the run ended, in log lines. What is not certain to have arrived is never called delivered.
--- @param result of kinessis.core.run
--- @param list its sinks (kinessis.sinks); a copy on stdout beside them is not told of
--- @param judged of kinessis.thresholds; nil: none
--- @param amount how many records were to be made; nil: nobody said
--- @return whether every destination got every record that was generated
function summary.tell(result, list, judged, amount)
  local told, uncertain = {}, 0
  for i, sink in ipairs(list) do
    if not sink.copy then
      told[#told + 1] = i
      uncertain = uncertain + result.sinks[i].uncertain
    end
  end
  if result.abandoned then
    log("warning", "Stopped at once: %s messages were on their way and may or may not have arrived.",
      show.count(uncertain))
  elseif result.stopped and not result.error then
    log("info", "Stopped before the end.")
  elseif amount and result.due and result.due < amount and not result.error then
    log("warning", "The pace was over before the amount was made: %s of %s records.", show.count(result.due),
      show.count(amount))
  end
  local all = true
  for _, i in ipairs(told) do
    local sink = list[i]
    local title = #told > 1 and sinks.title(sink) or nil
    all = tell_sink(result, sink, result.sinks[i], title) == 0 and all
  end
  tell_unmade(result, amount)
  tell_pace(result)
  tell_dead_letters(result.dead_letters)
  tell_thresholds(judged or {}, list)
  return all
end

--- @return whether the error is one that tell() has told
function summary.tells_error(result, list, err)
  for i, sent in ipairs(result.sinks) do
    if not list[i].copy and tostring(sent.first_error) == tostring(err) then return true end
  end
  return false
end

return summary
