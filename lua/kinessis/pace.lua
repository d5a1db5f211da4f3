--- How fast records arrive.
---
---     pace = pace.unlimited()            -- as fast as they can be made and sent
---     pace = pace.rate(500)              -- 500 records a second, evenly
---     pace = function(seconds)           -- any curve: records per second, so long after the start
---       return 100 + 50 * math.sin(seconds / 10)
---     end
---
--- A pace says how many records are *due* so long after the start, whatever the destination does (an
--- open model): what could not be sent in time follows as fast as it can. It is a table with
--- start(), which returns a fresh function due(seconds) -> records (never less than before), or nil
--- when all are due at once. The run asks about every 10 ms.
local pace = {}

local Pace = { __name = "kinessis.pace" }
Pace.__index = Pace

local function new(fields)
  return setmetatable(fields, Pace)
end

function pace.is(value)
  return getmetatable(value) == Pace
end

--- As fast as records can be made and sent.
function pace.unlimited()
  return new { name = "unlimited", start = function() return nil end }
end

local function show(value)
  return type(value) == "string" and ("'%s'"):format(value) or tostring(value)
end

--- @param records_per_second a number above 0
function pace.rate(records_per_second)
  local rate = records_per_second
  if type(rate) ~= "number" or not (rate > 0 and rate < math.huge) then
    error(("pace.rate: %s is no rate: records per second, a number above 0"):format(show(rate)), 2)
  end
  return new {
    name = ("%g records/s"):format(rate),
    start = function() return function(seconds) return rate * seconds end end,
  }
end

local step = 0.01 -- seconds: how finely a function is added up

--- A function of the seconds since the start that returns records per second: 0 pauses, math.huge
--- lets everything left go.
function pace.of_function(rate_at)
  if type(rate_at) ~= "function" then
    error(("pace.of_function: a function is expected, not %s"):format(show(rate_at)), 2)
  end
  local info = debug.getinfo(rate_at, "S")
  local where = ("%s:%d"):format(info.short_src, info.linedefined)
  local function checked(seconds)
    local rate = rate_at(seconds)
    if type(rate) ~= "number" or rate < 0 or rate ~= rate then
      error(("%s: the pace returned %s after %.2f s: records per second, a number from 0 up, is expected")
        :format(where, show(rate), seconds), 0)
    end
    return rate
  end
  return new {
    name = "function at " .. where,
    start = function()
      local at, due = 0.0, 0.0
      return function(seconds)
        while at < seconds do -- the middle of each step stands for the step
          local width = math.min(step, seconds - at)
          due = due + checked(at + width / 2) * width
          at = at + width
          if due == math.huge then at = seconds end
        end
        return due
      end
    end,
  }
end

--- What a scenario may give: a pace, a number (records per second) or a function; nil is unlimited.
--- @return the pace, or nil when it is none of these
function pace.of(value)
  if value == nil then return pace.unlimited() end
  if pace.is(value) then return value end
  if type(value) == "function" then return pace.of_function(value) end
  if type(value) == "number" and value > 0 and value < math.huge then return pace.rate(value) end
  return nil
end

return pace
