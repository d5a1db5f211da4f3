--- Tables from files, for fake.from_file: CSV with a header (RFC 4180), or JSON lines (an object a line).
local blame = require "kinessis.blame"
local cjson = require "cjson"
local provider = require "kinessis.fake.provider"

local datafile = {}

local MOST = 64 * 1024 * 1024 -- bytes; words of a plan are in memory

-- The rows of CSV text: lists of fields. Refuses what has an open quote.
local function read_csv(text, path)
  local rows, row, at = {}, {}, 1
  if text:sub(1, 3) == "\xEF\xBB\xBF" then at = 4 end
  while at <= #text do
    local field, after
    if text:sub(at, at) == '"' then
      local pieces = {}
      at = at + 1
      repeat
        local close = text:find('"', at, true)
        if not close then provider.refuse("%s: row %d has a quote that does not end", path, #rows + 1) end
        pieces[#pieces + 1] = text:sub(at, close - 1)
        local doubled = text:sub(close + 1, close + 1) == '"'
        if doubled then pieces[#pieces + 1] = '"' end
        at = close + (doubled and 2 or 1)
      until not doubled
      field = table.concat(pieces)
    else
      after = text:find("[,\r\n]", at) or #text + 1
      field, at = text:sub(at, after - 1), after
    end
    row[#row + 1] = field
    local stop = text:sub(at, at)
    if stop == "," then
      at = at + 1
      if at > #text then row[#row + 1] = "" end
    end
    if stop ~= "," or at > #text then
      if #row > 1 or row[1] ~= "" then rows[#rows + 1] = row end
      row = {}
      at = text:match("^\r?\n()", at) or at + 1
    end
  end
  return rows
end

local function from_csv(text, path)
  local rows = read_csv(text, path)
  local header = table.remove(rows, 1)
  if not header then provider.refuse("%s is empty", path) end
  local columns = {}
  for i, name in ipairs(header) do
    local column = {}
    for k, row in ipairs(rows) do
      if #row ~= #header then
        provider.refuse("%s: row %d has %d fields, and the header %d", path, k + 1, #row, #header)
      end
      column[k] = row[i]
    end
    columns[name] = column
  end
  return { names = header, columns = columns, rows = #rows, csv = true }
end

local function from_json_lines(text, path)
  local names, columns, n = {}, {}, 0
  local number = 0
  for line in text:gmatch "[^\n]+" do
    number = number + 1
    if line:find "%S" then
      local ok, object = pcall(cjson.decode, line)
      if not ok or type(object) ~= "table" or #object > 0 then
        provider.refuse("%s: line %d is not a JSON object", path, number)
      end
      n = n + 1
      for name, value in pairs(object) do
        if not columns[name] then columns[name], names[#names + 1] = {}, name end
        if math.type(value) == "float" and math.tointeger(value) then value = math.tointeger(value) end
        columns[name][n] = value
      end
    end
  end
  table.sort(names)
  return { names = names, columns = columns, rows = n }
end

-- The values of a CSV column as numbers, where all are whole, or all are numbers; else as they are.
local function typed(column)
  local integers, numbers = {}, {}
  for i, field in ipairs(column) do
    local plain = field:find "^-?%d+%.?%d*$" and not field:find "^-?0%d"
    local number = plain and tonumber(field)
    if not number then return column end
    numbers[i] = number
    if integers then
      if math.type(number) == "integer" then integers[i] = number else integers = nil end
    end
  end
  return integers or numbers
end

-- The path as it is, or in the folder of the script that names it.
local function locate(path)
  if path:sub(1, 1) == "/" then return path end
  local folder = blame.where():match "^(.*)/[^/]*:%d+$"
  local beside = folder and folder .. "/" .. path
  local file = beside and io.open(beside)
  if file then file:close() return beside end
  return path
end

local loaded = {} -- path -> table: a file is read once

local function load_file(path)
  if loaded[path] then return loaded[path] end
  local file, why = io.open(path, "rb")
  if not file then provider.refuse("the file cannot be read: %s", why) end
  local text = file:read(MOST + 1)
  file:close()
  if not text then provider.refuse("%s is empty, or a folder", path) end
  if #text > MOST then provider.refuse("%s is larger than %d MiB", path, MOST >> 20) end
  if not utf8.len(text) then provider.refuse("%s is not valid UTF-8", path) end
  local json = path:find "%.jsonl?$" or path:find "%.ndjson$"
  loaded[path] = (json and from_json_lines or from_csv)(text, path)
  return loaded[path]
end

--- A column of a file as a list, and the file's rows and path.
function datafile.column(path, name, as_text)
  path = locate(path)
  local data = load_file(path)
  if data.rows == 0 then provider.refuse("%s has no rows", path) end
  local column = data.columns[name]
  if not column then
    provider.refuse("%s has no column %s%s", path, blame.show(name), blame.suggestion(name, data.names))
  end
  for i = 1, data.rows do
    if column[i] == nil or column[i] == cjson.null then
      provider.refuse("%s: row %d has no %s", path, i, name)
    end
  end
  if as_text then
    local texts = {}
    for i, value in ipairs(column) do texts[i] = tostring(value) end
    return texts, path
  end
  return data.csv and typed(column) or column, path
end

return datafile
