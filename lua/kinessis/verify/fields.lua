--- What of a scenario's records can be compared: which fields can be made again, which one tells records
--- apart, and what the columns of a table are as text (src/run/verify/row.h).
---
--- That a field follows the wall clock is found by trying: a sample is made twice, a year apart. It is as large as
--- the run, at most 200 records or 32 MiB; of long records fewer are looked at, one at a time.
local json = require "kinessis.json"
local types = require "kinessis.types"

local fields = {}

local sample_size, sample_bytes = 200, 32 << 20
local year = 365 * 86400

-- Calls visit(path, leaf) for each value that is no object, in order.
local function each_leaf(value, path, visit)
  if value.kind ~= "object" then return visit(path, value) end
  for i, name in ipairs(value.names) do
    local inner = table.move(path, 1, #path, 1, {})
    inner[#inner + 1] = name
    each_leaf(value.values[i], inner, visit)
  end
end

local function text_of(leaf)
  if leaf.kind ~= "array" then return leaf.kind .. ":" .. tostring(leaf.text or leaf.value) end
  local parts = {}
  for i, item in ipairs(leaf.values) do
    each_leaf(item, {}, function(path, inner)
      parts[#parts + 1] = i .. table.concat(path, "\0") .. "=" .. text_of(inner)
    end)
  end
  return table.concat(parts, "\1")
end

local function leaves_of(record)
  local found = {}
  local value = json.read(record)
  if not value or value.kind ~= "object" then return found end -- corrupted
  each_leaf(value, {}, function(path, leaf)
    found[#found + 1] = { path = path, key = table.concat(path, "\0"), text = text_of(leaf), kind = leaf.kind }
  end)
  return found
end

-- Each record of the sample twice, the second time made a year earlier: so many, or so many bytes of them.
local function pairs_of(scenario, clock)
  local plan, now = scenario.records:plan(), os.time()
  local function cursor(ahead)
    return plan:cursor { seed = clock.seed, start = clock.start or now + ahead, step = clock.step,
      disorder = scenario.disorder }
  end
  local one, other = cursor(0), cursor(-year)
  local made, bytes, size = 0, 0, math.max(1, math.min(sample_size, clock.amount or sample_size))
  local function next_pair()
    if made == size or bytes >= sample_bytes then return nil end
    local i = clock.first + made
    local record, again = one:record(i), other:record(i)
    made, bytes = made + 1, bytes + #record
    return record, again
  end
  return next_pair, nil, nil, setmetatable({}, { __close = function()
    one:close()
    other:close()
  end })
end

-- Times differ from record to record only as long as the clock is fine enough.
local function is_time(values)
  local text = next(values)
  return text ~= nil and text:find "^string:%d%d%d%d%-%d%d%-%d%d[T ]%d%d:%d%d:%d%d" ~= nil
end

local function add_leaf(seen, order, leaf, again)
  local known = seen[leaf.key]
  if not known then
    known = { path = leaf.path, values = {}, scalar = true }
    seen[leaf.key] = known
    order[#order + 1] = leaf.key
  end
  if again ~= leaf.text then known.volatile = true end
  if leaf.kind ~= "string" and leaf.kind ~= "number" then known.scalar = false end
  if known.volatile or not known.scalar or known.values and known.values[leaf.text] then known.values = nil end
  if known.values then known.values[leaf.text] = true end
end

--- @param clock { seed =, first =, amount = or nil, start = of the simulated clock or nil, step = }
--- @return { volatile = paths that cannot be made again, candidates = paths whose values all differ }; a path is a
---   list of names
function fields.of(scenario, clock)
  local seen, order = {}, {}
  for record, again in pairs_of(scenario, clock) do
    local leaves, other = leaves_of(record), {}
    for _, leaf in ipairs(again == record and leaves or leaves_of(again)) do other[leaf.key] = leaf.text end
    for _, leaf in ipairs(leaves) do add_leaf(seen, order, leaf, other[leaf.key]) end
  end
  local volatile, candidates = {}, {}
  for _, key in ipairs(order) do
    local known = seen[key]
    if known.volatile then volatile[#volatile + 1] = known.path
    elseif known.values and not is_time(known.values) then
      candidates[#candidates + 1] = known.path
    end
  end
  return { volatile = volatile, candidates = candidates }
end

--- A path for people.
function fields.show(path) return table.concat(path, ".") end

--- The path that tells records apart: the one asked for, else the partition key when its values differ, else the
--- first field whose values all differ; nil when there is none.
function fields.key(found, asked, partition_key)
  for _, path in ipairs(found.candidates) do
    if fields.show(path) == (asked or partition_key) then return path end
  end
  return not asked and found.candidates[1] or nil
end

-- ---- columns ----

-- By Glue's type: the kind of src/run/verify/row.h, and the column as text in SQL that Trino and the lake both read.
local as_text = "CAST(%s AS varchar)"
local cells = {
  string = { "text", "%s" },
  boolean = { "boolean", as_text },
  tinyint = { "integer", as_text }, smallint = { "integer", as_text }, int = { "integer", as_text },
  bigint = { "integer", as_text },
  decimal = { "decimal", as_text },
  date = { "date", as_text },
  double = { "double", "to_hex(to_ieee754_64(%s))" },
  float = { "float", "to_hex(to_ieee754_32(%s))" },
  timestamp = { "timestamp", "CAST(CAST(round(to_unixtime(%s) * 1000) AS bigint) AS varchar)" },
}

local function identifier(name) return '"' .. name:lower():gsub('"', '""') .. '"' end

local function add_columns(list, left_out, kind, path, expression)
  if kind.kind == "struct" then
    for _, item in ipairs(kind.items) do
      local inner = table.move(path, 1, #path, 1, {})
      inner[#inner + 1] = item.name
      add_columns(list, left_out, item.type, inner, expression .. "." .. identifier(item.name))
    end
    return
  end
  local cell = cells[kind.kind]
  if not cell then
    left_out[#left_out + 1] = path
    return
  end
  list[#list + 1] = {
    path = path, kind = cell[1], scale = kind.scale,
    sql = ("coalesce(%s, '\\N')"):format(cell[2]:format(expression)),
  }
end

local function is_below(path, above)
  for i, name in ipairs(above) do
    if path[i] ~= name then return false end
  end
  return true
end

--- The columns of the scenario's table that can be compared: { path =, kind =, scale =, sql = }; and the paths of
--- those that cannot (arrays, maps, and what is volatile is not among them).
function fields.columns(scenario, volatile)
  local list, left_out = {}, {}
  for _, column in ipairs(scenario.records:columns()) do
    add_columns(list, left_out, types.parse(column.type), { column.name }, identifier(column.name))
  end
  local kept = {}
  for _, column in ipairs(list) do
    local follows = false
    for _, path in ipairs(volatile) do
      follows = follows or is_below(path, column.path) or is_below(column.path, path)
    end
    if not follows then kept[#kept + 1] = column end
  end
  return kept, left_out
end

--- What differs between two records: { { path, expected text, found text }, ... }, but for volatile paths.
function fields.differences(expected, found, volatile)
  local skip, left, list = {}, {}, {}
  for _, path in ipairs(volatile) do skip[table.concat(path, "\0")] = true end
  for _, leaf in ipairs(leaves_of(found)) do left[leaf.key] = leaf.text end
  for _, leaf in ipairs(leaves_of(expected)) do
    if not skip[leaf.key] and left[leaf.key] ~= leaf.text then
      list[#list + 1] = { fields.show(leaf.path), leaf.text:gsub("^%a+:", "", 1),
        (left[leaf.key] or "nothing"):gsub("^%a+:", "", 1) }
    end
  end
  return list
end

return fields
