--- Records made for looking at them: twice, with traps in os and math, so that what breaks purity shows.
---
--- trap() comes before the scenario is loaded, because a script may keep `local random = math.random`.
local json = require "kinessis.json"
local show = require "kinessis.schema.show"
local sys = require "kinessis.core.sys"

local samples = {}

local active -- what is called while records are made: list of { what =, path = }, or nil
local making -- the path of the field whose function runs, or nil
local called, watcher -- the function that was called last, and the one of ours that called it

-- What depends on more than its arguments.
local impure = {
  { os, "os", "time", function(...) return select("#", ...) > 0 end },
  { os, "os", "date", function(_, time) return time ~= nil end },
  { os, "os", "clock" },
  { math, "math", "random" },
}

local instead = { os = "ctx.now()", math = "ctx.random" }

--- Puts the traps; returns what takes them away when it is closed.
function samples.trap()
  local originals = {}
  for i, row in ipairs(impure) do
    local library, prefix, name, is_pure = table.unpack(row)
    local original = library[name]
    originals[i] = original
    library[name] = function(...)
      if active and not (is_pure and is_pure(...)) then
        local call = { what = prefix .. "." .. name, path = making, instead = instead[prefix] }
        active[("%s %s"):format(call.what, call.path)] = call
      end
      return original(...)
    end
  end
  return setmetatable({}, { __close = function()
    for i, row in ipairs(impure) do row[1][row[3]] = originals[i] end
  end })
end

-- Calls visit with each table that holds a function: the field, or the providers that make it.
local function each_function(value, visit)
  if value.fn then visit(value) end
  for _, part in ipairs(value.parts or value.cases or {}) do
    if type(part) == "table" then each_function(part, visit) end
  end
  for _, part in pairs { value.node, value.body } do each_function(part, visit) end
end

-- The functions of the fields and keys, each saying which one it makes. Returns what undoes it.
local function watch(schema, values)
  local originals, plans = {}, schema.plans
  schema.plans = { [false] = {}, [true] = {} } -- made of the originals
  local function replace(holder, path)
    local original = holder.fn
    if originals[holder] then return end
    originals[holder] = original
    local watching
    function watching(ctx)
      making, called, watcher = path, original, watching
      local value = original(ctx)
      making = nil
      return value
    end
    holder.fn = watching
  end
  show.walk(schema.fields, function(path, field)
    each_function(field, function(holder) replace(holder, path) end)
  end)
  for _, value in ipairs(values) do
    if type(value) == "table" then each_function(value, function(holder) replace(holder, value.name) end) end
  end
  return setmetatable({}, { __close = function()
    schema.plans, making = plans, nil
    for holder, original in pairs(originals) do holder.fn = original end
  end })
end

local function place_of(fn)
  local where = debug.getinfo(fn, "S")
  return where.short_src .. ":" .. where.linedefined
end

-- What a function returned is blamed on the one that watches it: names the function of the script instead.
local function told(err)
  if type(err) ~= "string" or not watcher then return err end
  local first, last = err:find(place_of(watcher) .. ": the function returned", 1, true)
  if not first then return err end
  return err:sub(1, first - 1) .. place_of(called) .. ": the function returned"
    .. err:sub(last + 1):gsub("\nstack traceback:.*", "")
end

local function run(plan, clock, first, last, step)
  local cursor <close> = plan:cursor(clock)
  local records, keys = {}, {}
  for i = first, last, step do
    local made = table.pack(cursor:record(i))
    records[i + 1], keys[i + 1] = made[1], table.move(made, 2, made.n, 1, {})
  end
  return records, keys
end

-- The paths in which two records differ.
local function differing(a, b, prefix, found)
  for i, name in ipairs(a.names) do
    local left, right = a.values[i], b.values[i]
    if left.kind == "object" and right and right.kind == "object" then
      differing(left, right, prefix .. name .. ".", found)
    elseif not right or left.kind ~= right.kind or left.text ~= right.text or left.value ~= right.value
      or left.kind == "array" and #left.values ~= #right.values then
      found[prefix .. name] = true
    end
  end
end

--- @param scenario what scenario.load returned @param count how many records
--- @return { texts, records (of json.read), keys (of each, the values that
---   the plan keeps), calls (list of { what, path, instead }),
---   unstable (paths of fields that differ when a record is made again) }
function samples.take(scenario, count)
  local schema = scenario.records
  local _ <close> = watch(schema, scenario.keys.values)
  local plan = scenario:plan("json", true)
  local clock = { seed = scenario.seed or 1, start = scenario.start or sys.now(), step = scenario.step or 0.001 }
  active = {}
  local ok, texts, keys = pcall(run, plan, clock, 0, count - 1, 1)
  local calls = active
  active = nil
  if not ok then error(told(texts), 0) end
  local found = { texts = texts, keys = keys, records = {}, calls = {}, unstable = {}, longest = plan:max_length() }
  for i, text in ipairs(texts) do found.records[i] = assert(json.read(text)) end
  for _, call in pairs(calls) do found.calls[#found.calls + 1] = call end
  table.sort(found.calls, function(a, b) return a.what .. (a.path or "") < b.what .. (b.path or "") end)
  if plan:calls_scripts() then
    local paths = {}
    for i, text in ipairs(run(plan, clock, count - 1, 0, -1)) do
      if text ~= texts[i] then differing(found.records[i], assert(json.read(text)), "", paths) end
    end
    for path in pairs(paths) do found.unstable[#found.unstable + 1] = path end
    table.sort(found.unstable)
  end
  return found
end

return samples
