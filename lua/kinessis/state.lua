--- The state file of a run (its format: src/run/state.h): what `kinessis run` writes, what --resume and
--- others read.
---
---     local last, err = state.read(state.path(scenario_path, { data = ".kinessis" }))
---     print(last.seed, last.first, last.amount, last.finished)
local json = require "kinessis.json"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local state = {}

--- Where a run's state lies unless --state says otherwise: in the data folder, whatever the target. Parts
--- of a run have files of their own.
--- @param values { state =, data =, part = { number =, of = } }
function state.path(scenario_path, values, extension)
  local name = scenario_path:match("([^/]+)$"):gsub("%.lua$", "")
  local part = values.part and (".%d-of-%d"):format(values.part.number, values.part.of) or ""
  return ("%s/runs/%s%s%s"):format(target.data_folder(values.data), name, part, extension or ".json")
end

local head_members = { "scenario", "fingerprint", "seed", "first", "amount", "clock_start", "clock_step", "target" }

--- The members that do not change during a run, as JSON without braces.
function state.head(about)
  local members = { { "format", 1 } }
  for _, name in ipairs(head_members) do
    if about[name] ~= nil then members[#members + 1] = { name, about[name] } end
  end
  if about.part then members[#members + 1] = { "part", json.list { about.part.number, about.part.of } } end
  members[#members + 1] = { "started", about.started or sys.iso(sys.now()) }
  local line = json.write(members):gsub("\n%s*", " ") -- the strings have no line ends: they are escaped
  return line:match "^{ ?(.-) ?} ?$"
end

-- A value of json.read as plain Lua; integers are exact. In a list null is false: it has no holes.
local function plain(value)
  if value.kind == "object" then
    local out = {}
    for i, name in ipairs(value.names) do out[name] = plain(value.values[i]) end
    return out
  elseif value.kind == "array" then
    local out = {}
    for i, item in ipairs(value.values) do out[i] = plain(item) or false end
    return out
  elseif value.kind == "number" then
    return math.tointeger(tonumber(value.text)) or tonumber(value.text)
  end
  return value.text or value.value
end

local function is_integer(value) return math.type(value) == "integer" end
local function is_count(value) return is_integer(value) and value >= 0 end
local function is_text(value) return type(value) == "string" end
local function or_absent(is) return function(value) return value == nil or is(value) end end
local is_number = or_absent(function(value) return math.type(value) ~= nil end)

local members = {
  format = function(value) return value == 1 end,
  scenario = or_absent(is_text), fingerprint = or_absent(is_text), target = or_absent(is_text),
  started = or_absent(is_text),
  seed = is_integer, first = is_count, claimed = is_count, reserved = is_count,
  amount = or_absent(is_count), clock_start = is_number, clock_step = is_number,
  part = or_absent(function(value) return type(value) == "table" and is_count(value[1]) and is_count(value[2]) end),
}

local function is_range(pair)
  return type(pair) == "table" and is_count(pair[1]) and is_count(pair[2]) and pair[1] <= pair[2]
end

local function is_destination(to)
  if type(to) ~= "table" or not (is_text(to.service) and is_text(to.name) and or_absent(is_count)(to.position))
    or type(to.settled) ~= "table" then
    return false
  end
  for _, range in ipairs(to.settled) do
    if not is_range(range) then return false end
  end
  return true
end

local function is_state(read)
  if type(read) ~= "table" or type(read.destinations) ~= "table" then return false end
  for name, is in pairs(members) do
    if not is(read[name]) then return false end
  end
  if read.amount and read.first + read.amount < read.first then return false end -- it has wrapped
  for _, to in ipairs(read.destinations) do
    if not is_destination(to) then return false end
  end
  return true
end

--- @return the members of the file: scenario, fingerprint, seed, first, amount, part, clock_start,
---   clock_step, target, started, updated, claimed, reserved, finished, destinations; or nil and an error
function state.read(path)
  local file, err = io.open(path, "r")
  if not file then
    return nil, sys.error("io", ("cannot read the state of a run: %s (a first run begins without resume; a part's is "
      .. "found by its --part)"):format(err))
  end
  local text = file:read "a"
  file:close()
  local value = json.read(text)
  local read = value and value.kind == "object" and plain(value)
  if not is_state(read) then
    return nil, sys.error("parse", path .. ": is not the state of a run")
  end
  return read
end

-- The first record that is not settled, and how many of those before `reserved` are not.
local function low_of(ranges, first, reserved)
  local low, above = first, 0
  for _, range in ipairs(ranges) do
    if range[1] <= low then
      low = math.max(low, range[2])
    else
      above = above + math.max(math.min(range[2], reserved) - range[1], 0)
    end
  end
  return low, math.max(reserved - low - above, 0)
end

-- Files are cut back to what is known of them, objects are replaced.
local exact = { file = true, s3 = true }

--- Where a run goes on.
--- @return { at = the first record that some destination may lack, left = how many records there are from
---   there on (nil: no end), doubtful = how many may arrive twice }
function state.place(read)
  local at, doubtful = nil, 0
  local last = read.amount and read.first + read.amount
  local reserved = math.min(math.max(read.reserved, read.claimed), last or math.maxinteger)
  for _, to in ipairs(read.destinations) do
    local low, open = low_of(to.settled, read.first, reserved)
    at = math.min(at or low, low)
    if not exact[to.service] then doubtful = math.max(doubtful, open) end
  end
  return { at = at, left = last and last - at, doubtful = doubtful }
end

--- Tells the sinks of a run that goes on what they are done with.
--- @return true; or nil and an error when they are others, or elsewhere
function state.hand_over(read, sinks, where)
  if read.target ~= where then
    return nil, sys.error("state", ("the run that is to go on went elsewhere: give --target %s"):format(read.target))
  end
  local same = #sinks == #read.destinations
  for i, to in ipairs(read.destinations) do
    local sink = sinks[i]
    same = same and sink.service == to.service and sink.name == to.name
    if same then sink.settled, sink.position = to.settled, to.position end
  end
  if same then return true end
  return nil, sys.error("state", "the scenario has other destinations than the run that is to go on")
end

return state
