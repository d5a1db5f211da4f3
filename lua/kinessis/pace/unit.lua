--- Rates and durations as users write them.
---
---     500, "500", "2k/s", "90/min"     records
---     "5 MB/s", "300 KiB/s"            bytes of records: the records' mean size is measured
---     "80%"                            of what the stream takes: its shards are asked for
local check = require "kinessis.check"
local options = require "kinessis.options"
local sys = require "kinessis.core.sys"

local unit = {}

local records = { [""] = 1, k = 1e3, M = 1e6, G = 1e9, record = 1, records = 1 }
local spans = { s = 1, sec = 1, second = 1, min = 60, minute = 60, h = 3600, hour = 3600, d = 86400, day = 86400 }

unit.expected = "records per second such as 500, '2k/s' or '90/min', bytes such as '5 MB/s', or a share of what the "
  .. "stream takes such as '80%'"

--- @return { amount, per = "records", "bytes" or "share" }, or nil when the value is no rate. 0 is one.
function unit.read(value)
  if type(value) == "number" then
    return value >= 0 and value < math.huge and { amount = value, per = "records" } or nil
  end
  if type(value) ~= "string" then return nil end
  local share = tonumber(value:match "^%s*([%d.]+)%s*%%%s*$")
  if share then return { amount = share / 100, per = "share" } end
  local digits, word, slash, span = value:match "^%s*([%d._]+[eE]?[+-]?%d*)%s*(%a*)%s*(/?)%s*(%a*)%s*$"
  local amount = digits and tonumber((digits:gsub("_", "")))
  local seconds = spans[slash == "" and span == "" and "s" or span]
  if not amount or not seconds or amount == math.huge then return nil end
  if records[word] then return { amount = amount * records[word] / seconds, per = "records" } end
  if options.bytes[word] and slash == "/" then
    return { amount = amount * options.bytes[word] / seconds, per = "bytes" }
  end
  return nil
end

--- For kinessis.check.
function unit.is_rate(value)
  if not unit.read(value) then return unit.expected .. " is expected, not " .. check.show(value) end
end

local function lacks(what, rate)
  error(sys.error("usage", ("a pace of %s: %s"):format(unit.show(rate), what)), 0)
end

--- Records per second.
--- @param context of a pace's start: { record_bytes = function() -> mean, capacity = function() -> records/s }
---   what fails there is raised
function unit.resolve(rate, context)
  if rate.per == "records" then return rate.amount end
  if rate.per == "bytes" then
    if not (context and context.record_bytes) then lacks("the records' size is not known here", rate) end
    return rate.amount / context.record_bytes()
  end
  if not (context and context.capacity) then lacks("the records go to no Kinesis stream", rate) end
  return rate.amount * context.capacity()
end

--- A rate of unit.read, for people.
function unit.show(rate)
  if rate.per == "share" then return ("%g%%"):format(rate.amount * 100) end
  if rate.per == "records" then return ("%g records/s"):format(rate.amount) end
  local scale, name = 1, "B"
  for _, row in ipairs { { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" } } do
    if rate.amount >= row[1] then
      scale, name = row[1], row[2]
      break
    end
  end
  return ("%g %s/s"):format(rate.amount / scale, name)
end

--- Seconds above 0, as a number or such as "500ms", "10s", "5m", "1h", "2d"; nil for anything else.
function unit.duration(value)
  local seconds = value
  if type(value) == "string" then seconds = options.duration(value) end
  if type(seconds) ~= "number" or not (seconds > 0 and seconds < math.huge) then return nil end
  return seconds
end

--- For kinessis.check: see unit.duration.
function unit.is_duration(value)
  if not unit.duration(value) then
    return "a duration is expected, such as '500ms', '10s', '5m', '1h' or seconds, not " .. check.show(value)
  end
end

return unit
