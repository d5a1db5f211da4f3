--- The scenarios of scripts/ inferred from their own records: what is inferred passes schema check, and what is
--- inferred from the records of that is the same in names, types, nulls and kinds of guesses.
local tap = dofile "tests/lua/tap.lua"
local infer = require "kinessis.schema.infer"
local load_scenario = require("kinessis.scenario").load
local checks = require "kinessis.schema.check"

local seed = tap.seed()
local N = 5000
local base = os.tmpname()
local records, script = base .. ".jsonl", base .. ".lua"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- The scenario inferred from N records of one, as text and loaded.
local function inferred(scenario, chance)
  local lines = scenario.records:sample(N, { seed = chance, start = scenario.start or 1643760000,
    step = scenario.step or 2 })
  write(records, table.concat(lines, "\n") .. "\n")
  local text = assert(infer.run(records, { samples = 10000, name = "s" }))
  write(script, text)
  return text, assert(load_scenario(script))
end

-- Each field's name and providers without their arguments, each column's type, and whether there is a clock. A
-- provider of text that may be null is fake.optional: so nulls are in it.
local function kinds_of(text, scenario)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    local name, rest = line:match '^%s+{ "([^"]*)", (.*)$'
    if name then list[#list + 1] = name end
    for provider in (rest or ""):gmatch "fake%.[%l_%d]+" do list[#list + 1] = provider end
  end
  for _, column in ipairs(scenario.records:columns()) do list[#list + 1] = column.name .. " " .. column.type end
  list[#list + 1] = scenario.start and "a clock" or "no clock"
  return table.concat(list, "\n")
end

-- Types that the same values may have: what is seen is exact, and no larger than it is.
local function kin(kind) return (kind:gsub("^int$", "bigint"):gsub("^decimal.*", "double")) end

-- Every file of scripts/ that returns a scenario; the one that does not runs by itself.
local list = assert(io.popen "ls scripts/*.lua")
local function look(path, chance)
  local original = assert(load_scenario(path))
  local text, first = inferred(original, chance)
  local result = assert(checks.run(first, { samples = 500 }))
  tap.is(checks.count(result, "problem"), 0, path .. ": schema check finds no problem in what is inferred")
  local again, second = inferred(first, chance + 1)
  if not tap.is(kinds_of(again, second), kinds_of(text, first), path .. ": inferred again it is the same") then
    print((text .. again):gsub("[^\n]+", "# %0"))
  end
  for i, column in ipairs(original.records:columns()) do
    local other = first.records:columns()[i]
    tap.is(other.name .. " " .. kin(other.type), column.name .. " " .. kin(column.type), path .. ": the same column")
  end
end
for path in list:lines() do
  if path ~= "scripts/two_paces.lua" then tap.likely(seed, function(chance) look(path, chance) end) end
end
list:close()
for _, name in ipairs { records, script, base } do os.remove(name) end
tap.done()
