--- JSON that keeps what lua-cjson loses: the order and repetition of keys, the text of numbers, null,
--- and the difference between [] and {}. For looking at records, and for writing documents in order.
---
---     local value, problem, at = json.read('{"a":1.50}')
---     json.write { { "a", 1 }, { "b", json.list { 1, 2 } } }
---     json.line { a = 1, b = { 1.5, "x" } }
---
--- Read values are { kind = "object", names = {...}, values = {...} }, { kind = "array", values = {...} },
--- { kind = "string", text = }, { kind = "number", text = "1.50" }, { kind = "boolean", value = } and
--- { kind = "null" }. RFC 8259, strictly; nesting up to 128. Not for the hot path: about 5 MB/s.
local json = {}

local MAX_DEPTH = 128

-- ---- reading ----

local null, yes, no = { kind = "null" }, { kind = "boolean", value = true }, { kind = "boolean", value = false }
local words = { n = { "null", null }, t = { "true", yes }, f = { "false", no } }
local plain = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function fail(at, what) error({ at = at, what = what }, 0) end

local function unicode(text, at)
  local high = tonumber(text:match("^%x%x%x%x", at) or "", 16) or fail(at, "\\u needs four hexadecimal digits")
  if high < 0xD800 or high > 0xDFFF then return utf8.char(high), at + 4 end
  local low = high < 0xDC00 and tonumber(text:match("^\\u([dD][c-fC-F]%x%x)", at + 4) or "", 16)
  if not low then return "\u{FFFD}", at + 4 end
  return utf8.char(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), at + 10
end

-- The string whose first character (after the quote) is at; and what follows it.
local function read_string(text, at)
  local parts
  while true do
    local stop = text:match('^[^\0-\31"\\]*()', at)
    local byte = text:sub(stop, stop)
    if byte == '"' then
      local piece = text:sub(at, stop - 1)
      if parts then
        parts[#parts + 1] = piece
        piece = table.concat(parts)
      end
      return piece, stop + 1
    elseif byte == "" then
      fail(stop, "a string does not end")
    elseif byte ~= "\\" then
      fail(stop, "a control character in a string")
    else
      parts = parts or {}
      parts[#parts + 1] = text:sub(at, stop - 1)
      local escape = text:sub(stop + 1, stop + 1)
      if escape == "u" then
        parts[#parts + 1], at = unicode(text, stop + 2)
      else
        parts[#parts + 1] = plain[escape] or fail(stop, "an unknown escape in a string")
        at = stop + 2
      end
    end
  end
end

local function read_number(text, at)
  local whole, after = text:match("^(%-?%d+)()", at)
  if not whole or whole:find "^%-?0%d" then fail(at, "a value is expected") end
  after = text:match("^%.%d+()", after) or after
  after = text:match("^[eE][+-]?%d+()", after) or after
  return { kind = "number", text = text:sub(at, after - 1) }, after
end

local read_value

local function read_array(text, at, depth)
  local values = {}
  at = text:match("^[ \t\r\n]*()", at)
  if text:sub(at, at) == "]" then return { kind = "array", values = values }, at + 1 end
  while true do
    values[#values + 1], at = read_value(text, at, depth)
    local mark
    mark, at = text:match("^[ \t\r\n]*(.?)()", at)
    if mark == "]" then return { kind = "array", values = values }, at end
    if mark ~= "," then fail(at - #mark, "',' or ']' is expected") end
  end
end

local function read_object(text, at, depth)
  local names, values = {}, {}
  at = text:match("^[ \t\r\n]*()", at)
  if text:sub(at, at) == "}" then return { kind = "object", names = names, values = values }, at + 1 end
  while true do
    local quote = text:match('^[ \t\r\n]*"()', at)
    if not quote then fail(text:match("^[ \t\r\n]*()", at), "a key in quotes is expected") end
    local n = #names + 1
    names[n], at = read_string(text, quote)
    at = text:match("^[ \t\r\n]*:()", at) or fail(at, "':' is expected")
    values[n], at = read_value(text, at, depth)
    local mark
    mark, at = text:match("^[ \t\r\n]*(.?)()", at)
    if mark == "}" then return { kind = "object", names = names, values = values }, at end
    if mark ~= "," then fail(at - #mark, "',' or '}' is expected") end
  end
end

function read_value(text, at, depth)
  at = text:match("^[ \t\r\n]*()", at)
  local first = text:sub(at, at)
  if first == '"' then
    local value, after = read_string(text, at + 1)
    return { kind = "string", text = value }, after
  elseif first == "{" or first == "[" then
    if depth == MAX_DEPTH then fail(at, "nested too deep") end
    return (first == "{" and read_object or read_array)(text, at + 1, depth + 1)
  elseif words[first] then
    local word, value = words[first][1], words[first][2]
    if text:sub(at, at + #word - 1) == word then return value, at + #word end
  elseif first == "" then
    fail(at, "the text ends too early")
  end
  return read_number(text, at)
end

local function read_all(text)
  local value, after = read_value(text, 1, 0)
  local rest = text:find("[^ \t\r\n]", after)
  if rest then fail(rest, "the value is over, and more follows") end
  return value
end

--- @return the value; or nil, what is wrong, and the byte where it is
function json.read(text)
  local whole, bad = utf8.len(text)
  if not whole then return nil, "the text is not valid UTF-8", bad end
  local ok, value = pcall(read_all, text)
  if ok then return value end
  if type(value) ~= "table" then error(value, 0) end
  return nil, value.what, value.at
end

--- The value of a name in an object that was read (the last one, when it comes twice), or nil.
function json.get(object, name)
  for i = #object.names, 1, -1 do
    if object.names[i] == name then return object.values[i] end
  end
end

-- ---- writing ----

local List = {}
local Bare = {}

--- Marks a Lua list as a JSON array; unmarked tables are objects: lists of { name, value }.
function json.list(values) return setmetatable(values, List) end

--- JSON as it shall stand: a number's digits, null.
function json.bare(text) return setmetatable({ text = text }, Bare) end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- A text as JSON, with its quotes.
function json.string(text)
  return '"' .. text:gsub('[%c"\\\x7f]', function(c) return escapes[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

-- As few as give the number back.
local function digits(value)
  local whole = math.tointeger(value)
  if whole then return ("%d"):format(whole) end
  for precision = 15, 16 do
    local text = ("%." .. precision .. "g"):format(value)
    if tonumber(text) == value then return text end
  end
  return ("%.17g"):format(value)
end

local function is_short(text) return #text <= 100 and not text:find "\n" end

local function write(value, indent)
  local kind = math.type(value) or type(value)
  if getmetatable(value) == Bare then return value.text end
  if kind == "string" then return json.string(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "integer" or kind == "float" then return digits(value) end
  assert(kind == "table", kind)
  local is_list = getmetatable(value) == List
  local open, close = is_list and "[" or "{", is_list and "]" or "}"
  if #value == 0 then return open .. close end
  local inner, parts, short = indent .. "  ", {}, is_list
  for i, item in ipairs(value) do
    parts[i] = is_list and write(item, inner) or json.string(item[1]) .. ": " .. write(item[2], inner)
    short = short and (type(item) ~= "table" or getmetatable(item) == Bare)
  end
  local line = open .. table.concat(parts, ", ") .. close
  if short and is_short(line) then return line end
  return open .. "\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. close
end

--- The text of a document, for people: a member a line, short lists on one.
function json.write(value) return write(value, "") .. "\n" end

-- The names of a table for JSON, in order; or its length where it is an array.
local function shape(value)
  local names, length = {}, 0
  for key in pairs(value) do
    if math.type(key) == "integer" and key > 0 then
      length = math.max(length, key)
    elseif type(key) ~= "string" then
      error("a table has a key that is neither a name nor a position", 0)
    end
    names[#names + 1] = key
  end
  if getmetatable(value) == List or length > 0 and type(names[1]) == "number" then
    for _, key in ipairs(names) do
      if type(key) == "string" then error("a table has both names and positions", 0) end
    end
    if length > 2 * #names + 10 then error("a list has too many gaps", 0) end
    return nil, length
  end
  if length > 0 then error("a table has both names and positions", 0) end
  table.sort(names)
  return names
end

local function write_line(value, depth)
  local kind = type(value)
  if kind == "nil" then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return json.string(value) end
  if kind == "number" then
    if value ~= value or value - value ~= 0 then error(("%s is no number of JSON"):format(value), 0) end
    return digits(value)
  end
  if kind ~= "table" then error(("a %s has no JSON"):format(kind), 0) end
  if depth == MAX_DEPTH then error("nested too deep", 0) end
  local parts, names, length = {}, shape(value)
  for i = 1, length or #names do
    parts[i] = names and json.string(names[i]) .. ":" .. write_line(value[names[i]], depth + 1)
      or write_line(value[i], depth + 1)
  end
  return (names and "{%s}" or "[%s]"):format(table.concat(parts, ","))
end

--- The text of any Lua value, on one line, names sorted; or nil and why it has none.
function json.line(value)
  local ok, text = pcall(write_line, value, 0)
  if ok then return text end
  return nil, text
end

-- Null is nil.
local function plain_value(value)
  if value.kind == "number" then return math.tointeger(value.text) or tonumber(value.text) end
  if value.kind == "array" then
    local list = json.list {}
    for i, item in ipairs(value.values) do list[i] = plain_value(item) end
    return list
  end
  if value.kind ~= "object" then return value.text or value.value end
  local object = {}
  for i, item in ipairs(value.values) do object[value.names[i]] = plain_value(item) end
  return object
end

--- What a text of JSON is in Lua, whole numbers as integers, null as nil; or nil and what is wrong.
function json.plain(text)
  local value, problem, at = json.read(text)
  if not value then return nil, problem, at end
  return plain_value(value)
end

return json
