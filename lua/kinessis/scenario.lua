--- A scenario: what records look like, how many, how fast, where they go. The file that a user
--- writes returns one.
---
---     return kinessis.scenario {
---       records = person,               -- a schema
---       amount  = 10,                   -- records; without it the run lasts until Ctrl-C
---       pace    = pace.rate(100),       -- or a rate such as 100, "5 MB/s", "80%", or a function (kinessis.pace)
---       model   = "closed",             -- what could not be sent in time is not made up for (default "open")
---       to      = kinessis.stream { name = "clicks", partition_key = "uuid" }, -- or a list of up to 4
---       print   = true,                 -- the records too, on stdout
---       stack   = kinessis.stack {...}, -- what must exist (kinessis.stack)
---       seed    = 42,                   -- else each run picks one and says which
---       start   = "2022-02-02T15:17:07Z", -- a simulated clock: record i happens i * step later
---       step    = "1ms",                -- or seconds
---       disorder = { late = { p = 0.01, by = "5m" }, duplicate = 0.001 }, -- kinessis.disorder
---       thresholds = { "p99 < 200ms", "failed == 0" }, -- what a run must come to (kinessis.thresholds)
---     }
---
--- A loaded scenario has `destinations`: what `to` gives, always as a list.
local check = require "kinessis.check"
local disorder = require "kinessis.disorder"
local keys = require "kinessis.keys"
local options = require "kinessis.options"
local pace = require "kinessis.pace"
local sys = require "kinessis.core.sys"
local thresholds = require "kinessis.thresholds"

local scenario = {}

local Scenario = { __name = "kinessis.scenario" }
Scenario.__index = Scenario

local function is_schema(value)
  if type(value) ~= "table" or not value.plan then
    return "a schema (kinessis.schema(name, fields)) is expected, not " .. check.show(value)
  end
end

local most_destinations = 4 -- KN_RUN_SINKS of the core

local function is_destination(value)
  return type(value) == "table" and value.service ~= nil
end

--- What `to` gives, as a list: every destination gets every record.
local function destinations_of(to)
  return to == nil and {} or is_destination(to) and { to } or to
end

local function is_to(value)
  local list = destinations_of(value)
  local n = type(list) == "table" and #list or 0
  for i = 1, math.max(n, 1) do
    if type(list) ~= "table" or not is_destination(list[i]) then
      return "kinessis.stream{...}, another destination, or a list of them is expected, not "
        .. check.show(n > 0 and list[i] or value), n > 0 and ("[%d]"):format(i) or nil
    end
  end
  for i, to in ipairs(list) do
    if to.pace ~= nil then
      return "every destination gets every record, so a pace is the run's: give it to the scenario (scenario.pace), or "
        .. "send this destination records of its own, from a scenario of its own "
        .. "(kinessis.start, scripts/two_paces.lua)",
        (list == value and ("[%d]"):format(i) or "") .. ".pace"
    end
  end
  if n > most_destinations then
    return ("at most %d destinations are possible, not %d"):format(most_destinations, n)
  end
end

local function is_pace(value)
  if not pace.of(value) then
    return "a pace, a rate above 0 (500, '5 MB/s', '80%'), or a function is expected, not " .. check.show(value)
  end
end

local function is_model(value)
  if value ~= "open" and value ~= "closed" then return "'open' or 'closed' is expected, not " .. check.show(value) end
end

local function is_time(value)
  local seconds = type(value) == "string" and sys.parse_iso(value) or value
  if type(seconds) ~= "number" or seconds < 0 or seconds ~= seconds then
    return "an ISO 8601 time from 1970 on, or seconds since then, is expected, not " .. check.show(value)
  end
end

-- As --step takes it, or seconds.
local function step_of(value)
  if type(value) == "string" then return (options.duration(value)) end
  return value
end

local function is_step(value)
  local seconds = step_of(value)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e9) then
    return "a duration such as '2s', or seconds, from 0 to 1e9, is expected, not " .. check.show(value)
  end
end

local rules = {
  records = { is_schema, required = "the schema of a record" },
  amount = { check.integer(0, math.maxinteger) },
  pace = { is_pace },
  model = { is_model },
  to = { is_to },
  print = { check.boolean },
  stack = { check.type_of "table" },
  seed = { check.integer(0, math.maxinteger) },
  start = { is_time },
  step = { is_step },
  disorder = { disorder.mistake },
  thresholds = { thresholds.mistake },
}

--- The plan of the records (kinessis.core.plan). format is a schema's; keyed: it keeps self.keys.values.
function Scenario:plan(format, keyed)
  return self.records:plan(keyed and self.keys.values or nil, format)
end

--- The first destination of the service ("kinesis", "firehose", ...), or nil.
function Scenario:destination(service)
  for _, to in ipairs(self.destinations) do
    if to.service == service then return to end
  end
end

--- "csv" when the destinations ask for it, or nil: records are made once, in one format.
function Scenario:format()
  for _, to in ipairs(self.destinations) do
    if to.format == "csv" then return "csv" end
  end
end

-- Where records are written over what another destination wrote there.
local function place_of(to)
  if to.service == "file" then return "file " .. to.path end
  return to.service == "s3" and ("place, s3://%s/%s,"):format(to.bucket, to.prefix or "") or nil
end

-- What is wrong with the destinations together, and where.
local function find_conflict(self)
  local csv, places = self:format(), {}
  for i, to in ipairs(self.destinations) do
    local place = place_of(to)
    if place and places[place] then
      return ("scenario.to[%d]: writes to the same %s as [%d]"):format(i, place, places[place])
    end
    places[place or i] = i
    local path = self.destinations == self.to and ("scenario.to[%d]"):format(i) or "scenario.to"
    if csv and to.format ~= csv and to.service ~= "null" then
      return ("%s: gets JSON, and another destination CSV: records are made once, in one format"):format(path)
    end
  end
end

local function new(_, given)
  check("scenario", given, rules, 3)
  local self = setmetatable({}, Scenario)
  for key, value in pairs(given) do self[key] = value end
  self.destinations = destinations_of(given.to)
  local found, problem, whose = keys.of(given.records, self.destinations, self.destinations == given.to)
  if not found then check.raise(("scenario.%s: %s"):format(whose, problem), 3) end
  self.keys = found
  local conflict = find_conflict(self)
  if conflict then check.raise(conflict, 3) end
  self.amount = math.tointeger(given.amount)
  self.seed = math.tointeger(given.seed)
  self.pace = pace.of(given.pace)
  self.disorder = given.disorder and disorder.read(given.disorder)
  self.step = step_of(given.step)
  self.start = type(given.start) == "string" and sys.parse_iso(given.start) or given.start
  return self
end

-- ---- files ----

--- Modules beside a scenario that the binary carries.
local function search_embedded(folder)
  return function(module)
    local name = ("%s/%s.lua"):format(folder, (module:gsub("%.", "/")))
    local text = sys.embedded(name)
    if not text then return nil end
    return assert(load(text, "@" .. name)), name
  end
end

--- The file's chunk; a scenario that the binary carries stands in for a file that does not exist.
local function load_file(path)
  local folder = path:match("^(.*)/[^/]*$") or "."
  local file = io.open(path, "r")
  local text = not file and sys.embedded(path)
  if text then
    table.insert(package.searchers, search_embedded(folder))
    return load(text, "@" .. path)
  end
  if file then file:close() end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
  return loadfile(path)
end

--- Runs the chunk of a user's file, remembering its line for check.raise.
local function run_chunk(chunk)
  local source, before = debug.getinfo(chunk, "S").short_src, check.last_line
  local _ <close> = setmetatable({}, { __close = function()
    sys.watch_lines()
    check.last_line = before
  end })
  local watched = sys.watch_lines(chunk)
  check.last_line = function()
    local line = watched()
    return line and ("%s:%d"):format(source, line)
  end
  local result = chunk()
  return result
end

--- Runs a scenario's file. Modules beside it are found by require.
--- @return the scenario; or nil and an error when there is no such file, it is not Lua, or it does
---   not return a scenario. What the file raises is raised.
function scenario.load(path)
  local chunk, message = load_file(path)
  if not chunk then return nil, sys.error("script", message) end
  local result = run_chunk(chunk)
  if getmetatable(result) ~= Scenario then
    return nil, sys.error("script", ("%s: returned %s: its last line should be 'return kinessis.scenario {...}' "
      .. "(a script that starts its runs itself is for kinessis lua)")
      :format(path, result == nil and "nothing" or check.show(result)))
  end
  result.path = path
  return result
end

--- A plan for a worker's own state (src/bind/l_run.c): the file runs once more there.
function scenario.plan_of(path, format, keyed)
  return assert(scenario.load(path)):plan(format, keyed)
end

return setmetatable(scenario, { __call = new })
