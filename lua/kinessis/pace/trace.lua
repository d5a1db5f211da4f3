--- The moments of a trace: from a list, or from a column of a file of CSV (with a line of names) or JSON
--- lines. A moment is a number of seconds, milliseconds, microseconds or nanoseconds since 1970 (told by
--- its size), or an ISO 8601 time; only the distances between them matter.
local sys = require "kinessis.core.sys"

local trace = {}

local sizes = { { 1e11, 1 }, { 1e14, 1e-3 }, { 1e17, 1e-6 }, { math.huge, 1e-9 } }

--- @return seconds, or nil
local function moment(value)
  local number = tonumber(value)
  if not number then return type(value) == "string" and sys.parse_iso(value) or nil end
  if number ~= number or math.abs(number) == math.huge then return nil end
  for _, row in ipairs(sizes) do
    if math.abs(number) < row[1] then return number * row[2] end
  end
end

--- For kinessis.check: a list of moments.
function trace.is_list(list)
  if type(list) ~= "table" or #list == 0 then return "a list of times is expected" end
  for i, value in ipairs(list) do
    if not moment(value) then return ("time %d is none: seconds, or an ISO 8601 time"):format(i) end
  end
end

-- The fields of a line of CSV; quotes as in RFC 4180, but no line breaks within them.
local function split(line)
  local fields, at = {}, 1
  while true do
    local text, stop
    if line:sub(at, at) == '"' then
      stop = at
      repeat
        stop = line:find('"', stop + 1, true)
        local doubled = stop and line:sub(stop + 1, stop + 1) == '"'
        if doubled then stop = stop + 1 end
      until not stop or not doubled
      stop = stop or #line
      text = line:sub(at + 1, stop - 1):gsub('""', '"')
      stop = line:find(",", stop + 1, true)
    else
      stop = line:find(",", at, true)
      text = line:sub(at, stop and stop - 1 or -1)
    end
    fields[#fields + 1] = text
    if not stop then return fields end
    at = stop + 1
  end
end

local function json_reader(column)
  local decode = require("cjson").decode
  return function(line)
    local ok, value = pcall(decode, line)
    for name in column:gmatch "[^.]+" do value = ok and type(value) == "table" and value[name] or nil end
    return value
  end
end

-- Nil: there is no such column.
local function csv_reader(names, column)
  for i, name in ipairs(split(names)) do
    if name == column then return function(line) return split(line)[i] end end
  end
end

local function fail(path, format, ...)
  error(sys.error("script", ("pace.trace: %s: "):format(path) .. format:format(...)), 0)
end

--- The moments of the file's column. Raises what is wrong, with the line.
local function read_file(path, column)
  local file, why = io.open(path)
  if not file then error(sys.error("script", "pace.trace: " .. why), 0) end
  local _ <close> = file
  local readable, problem = file:read(0)
  if not readable and problem then fail(path, "%s", problem) end
  local times, read, number = {}, nil, 0
  for line in file:lines() do
    number = number + 1
    line = line:gsub("\r$", "")
    if not read and line:find "^%s*{" then
      read = json_reader(column)
    elseif not read then
      read = csv_reader(line:gsub("^\xEF\xBB\xBF", ""), column)
      if not read then fail(path, "there is no column '%s': %s", column, line) end
      line = ""
    end
    if line ~= "" then
      local value = read(line)
      times[#times + 1] = moment(value) or value == nil and fail(path, "line %d: has no '%s'", number, column)
        or fail(path, "line %d: '%s' is no time: %s", number, column, tostring(value))
    end
  end
  if #times == 0 then fail(path, "holds no times") end
  return times
end

--- @param given { times = list } or { file =, column = }, speed
--- @return seconds from 0 on, in order
function trace.moments(given)
  local times = given.file and read_file(given.file, given.column) or {}
  for i, value in ipairs(given.times or {}) do times[i] = moment(value) end
  table.sort(times)
  local first = times[1]
  for i, value in ipairs(times) do times[i] = (value - first) / given.speed end
  return times
end

return trace
