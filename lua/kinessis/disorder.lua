--- Stated disorder, for what must cope with it: late, duplicated, corrupted and shuffled records.
---
---     disorder = {
---       late      = { p = 0.01, by = "5m" }, -- 1 % of records are up to 5 minutes older than their place says
---       duplicate = 0.001,                   -- of what is sent, repeats a record from shortly before
---       corrupt   = 0.0005,                  -- of what is sent, is no JSON: cut short, or damaged
---       shuffle   = 50,                      -- in windows of 50, records come in any order
---     }
---
--- Record i of what is sent is still a function of the seed and i (src/gen/disorder.h). The amount counts
--- what is sent, duplicates included.
local check = require "kinessis.check"
local options = require "kinessis.options"

local disorder = {}

local MOST_SHUFFLE = 1 << 20

local function is_rate(most)
  return function(value)
    if type(value) ~= "number" or not (value >= 0 and value <= most) then
      return ("a share from 0 to %g is expected, not %s"):format(most, check.show(value))
    end
  end
end

local function seconds_of(value)
  return type(value) == "string" and options.duration(value) or type(value) == "number" and value or nil
end

local function is_delay(value)
  local seconds = seconds_of(value)
  if not seconds or not (seconds > 0 and seconds <= 1e9) then
    return 'a duration such as "5m", or seconds above 0, is expected, not ' .. check.show(value)
  end
end

local rules = {
  late = { check.table {
    p = { is_rate(1), required = "the share of records that are late" },
    by = { is_delay, required = 'how late they are at most, such as "5m"' },
  } },
  duplicate = { is_rate(0.5) },
  corrupt = { is_rate(1) },
  shuffle = { check.integer(1, MOST_SHUFFLE) },
}

--- What is wrong with a scenario's disorder, as a rule of kinessis.check tells.
disorder.mistake = check.table(rules)

--- A scenario's disorder, as cursors and runs take it.
function disorder.read(given)
  local late = given.late or {}
  return {
    late = late.p, late_ms = late.by and seconds_of(late.by) * 1000, duplicate = given.duplicate,
    corrupt = given.corrupt, shuffle = given.shuffle,
  }
end

return disorder
