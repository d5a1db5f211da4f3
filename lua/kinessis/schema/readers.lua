--- Reads JSON lines and CSV a record at a time, for kinessis schema infer. A file is never held as a
--- whole; a line (a CSV record) may have 16 MiB. What is wrong with the file is nil and an error that
--- names the line.
local json = require "kinessis.json"
local sys = require "kinessis.core.sys"

local readers = {}

local BLOCK = 64 << 10
local LONGEST = 16 << 20

local function fail(path, line, format, ...)
  error(sys.error("invalid", ("%s:%d: "):format(path, line) .. format:format(...)), 0)
end

-- An iterator over (number, line without its end).
local function lines_of(file, path)
  local buffer, at, number, over = "", 1, 0, false
  return function()
    local parts, length = nil, 0
    while true do
      local stop = buffer:find("\n", at, true)
      if stop or over and at <= #buffer then
        local piece = buffer:sub(at, stop and stop - 1 or -1)
        at, number = stop and stop + 1 or #buffer + 1, number + 1
        if parts then
          parts[#parts + 1] = piece
          piece = table.concat(parts)
        end
        return number, (piece:gsub("\r$", ""))
      end
      if over then
        if not parts then return nil end
        number = number + 1
        return number, (table.concat(parts):gsub("\r$", ""))
      end
      parts = parts or {}
      parts[#parts + 1] = buffer:sub(at)
      length = length + #buffer - at + 1
      if length > LONGEST then
        fail(path, number + 1, "the line is longer than %d MiB: a record must end with its line", LONGEST >> 20)
      end
      local block, err = file:read(BLOCK)
      if err then error(sys.error("io", ("%s: %s"):format(path, err)), 0) end
      buffer, at, over = block or "", 1, block == nil
      if over and length == 0 then parts = nil end
    end
  end
end

-- ---- JSON lines ----

--- Calls add(value, where) for each object, until `most` have been read. @return how many
function readers.json_lines(file, path, most, add)
  local n = 0
  for number, line in lines_of(file, path) do
    if number == 1 then line = line:gsub("^\xEF\xBB\xBF", "") end
    if line:find "%S" then
      local value, problem, at = json.read(line)
      if not value and number == 1 and line:find "^%s*[%[{]%s*$" then
        fail(path, 1, "this is JSON over many lines; JSON lines hold a record a line (jq -c makes them)")
      elseif not value then
        fail(path, number, "this is not JSON: %s, at byte %d of the line", problem, at)
      elseif value.kind ~= "object" then
        fail(path, number, "each line must hold an object, and this one holds %s %s%s", value.kind == "array" and "an"
          or "a", value.kind, value.kind == "array" and " (jq -c '.[]' makes lines of its elements)" or "")
      end
      n = n + 1
      add(value, ("line %d"):format(number))
      if n == most then break end
    end
  end
  return n
end

-- ---- CSV ----

-- The cells of a record; nil when a quote does not end in it (more lines follow).
local function cells_of(record, separator, path, number)
  local cells, at = {}, 1
  while true do
    local cell, after
    if record:sub(at, at) == '"' then
      local from = at + 1
      while true do
        local quote = record:find('"', from, true)
        if not quote then return nil end
        if record:sub(quote + 1, quote + 1) ~= '"' then
          cell, after = record:sub(at + 1, quote - 1):gsub('""', '"'), quote + 1
          break
        end
        from = quote + 2
      end
      local next_byte = record:sub(after, after)
      if next_byte ~= "" and next_byte ~= separator then
        fail(path, number, "cell %d goes on after its closing quote", #cells + 1)
      end
    else
      after = record:find(separator, at, true) or #record + 1
      cell = record:sub(at, after - 1)
    end
    cells[#cells + 1] = cell
    if after > #record then return cells end
    at = after + 1
  end
end

-- The separator of the header: what is there most often.
local function separator_of(header)
  local best, most = ",", 0
  for _, candidate in ipairs { ",", ";", "\t" } do
    local _, n = header:gsub(candidate, "")
    if n > most then best, most = candidate, n end
  end
  return best
end

-- An iterator over (line, cells).
local function records_of(file, path)
  local next_line = lines_of(file, path)
  local separator
  return function()
    local number, record = next_line()
    while number and not record:find "%S" do number, record = next_line() end
    if not number then return nil end
    if not separator then
      record = record:gsub("^\xEF\xBB\xBF", "")
      separator = separator_of(record)
    end
    local cells = cells_of(record, separator, path, number)
    while not cells do
      local _, more = next_line()
      if not more or #record > LONGEST then fail(path, number, "a quote that begins here does not end") end
      record = record .. "\n" .. more
      cells = cells_of(record, separator, path, number)
    end
    return number, cells
  end
end

--- Calls add(names, cells, where) for each record after the header. @return how many
function readers.csv(file, path, most, add)
  local names, n, seen = nil, 0, {}
  for number, cells in records_of(file, path) do
    if not names then
      names = cells
      for i, name in ipairs(names) do
        if name == "" then fail(path, number, "column %d has no name in the header", i) end
        if not utf8.len(name) then fail(path, number, "the name of column %d is not valid UTF-8", i) end
        if seen[name] then fail(path, number, "columns %d and %d are both called %s", seen[name], i, name) end
        seen[name] = i
      end
    else
      if #cells ~= #names then
        fail(path, number, "the record has %d cell%s, and the header %d", #cells, #cells == 1 and "" or "s", #names)
      end
      for i, cell in ipairs(cells) do
        if not utf8.len(cell) then fail(path, number, "cell %d (%s) is not valid UTF-8", i, names[i]) end
      end
      n = n + 1
      add(names, cells, ("line %d"):format(number))
      if n == most then break end
    end
  end
  return n
end

return readers
