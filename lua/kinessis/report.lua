--- Rows for people and for programs: a drawn table, CSV, JSON.
---
---     print(report.table({ "status", "n" }, { { "Active", 6 }, { "Inactive", nil } }))
---
--- A cell that is nil is NULL. Columns are as wide as their widest cell; numbers stand to the right.
--- Widths follow Unicode (East Asian wide, combining marks, emoji), near enough for data: joined emoji
--- sequences are not measured. Control characters are shown as escapes, so data cannot draw.
local json = require "kinessis.json"
local sys = require "kinessis.core.sys"

local report = {}

-- ---- width ----

-- Ranges of code points by width: 0 (combining, format) and 2 (wide); others take one place.
local zero_width = {
  { 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x0610, 0x061A }, { 0x064B, 0x065F },
  { 0x093A, 0x093A }, { 0x093C, 0x093C }, { 0x0941, 0x0948 }, { 0x094D, 0x094D }, { 0x0E31, 0x0E31 },
  { 0x0E34, 0x0E3A }, { 0x0E47, 0x0E4E }, { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF }, { 0x200B, 0x200F },
  { 0x202A, 0x202E }, { 0x2060, 0x2064 }, { 0x20D0, 0x20FF }, { 0x302A, 0x302D }, { 0x3099, 0x309A },
  { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F }, { 0xFEFF, 0xFEFF }, { 0xE0100, 0xE01EF },
}
local double_width = {
  { 0x1100, 0x115F }, { 0x231A, 0x231B }, { 0x23E9, 0x23EC }, { 0x2614, 0x2615 }, { 0x2648, 0x2653 },
  { 0x26A1, 0x26A1 }, { 0x26BD, 0x26BE }, { 0x2705, 0x2705 }, { 0x274C, 0x274C }, { 0x2753, 0x2755 },
  { 0x2795, 0x2797 }, { 0x2B1B, 0x2B1C }, { 0x2B50, 0x2B50 }, { 0x2E80, 0x303E }, { 0x3041, 0x33FF },
  { 0x3400, 0x4DBF }, { 0x4E00, 0x9FFF }, { 0xA000, 0xA4CF }, { 0xA960, 0xA97F }, { 0xAC00, 0xD7A3 },
  { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F },
  { 0x1F680, 0x1F6FF }, { 0x1F900, 0x1FAFF }, { 0x20000, 0x3FFFD },
}

local function within(ranges, code)
  local low, high = 1, #ranges
  while low <= high do
    local middle = (low + high) // 2
    local range = ranges[middle]
    if code < range[1] then high = middle - 1
    elseif code > range[2] then low = middle + 1
    else return true end
  end
  return false
end

--- The number of places that the UTF-8 text takes.
function report.width(text)
  if not text:find "[\x80-\xff]" then return #text end
  if not utf8.len(text) then return #text end
  local width = 0
  for _, code in utf8.codes(text) do
    if code < 0x300 then width = width + 1
    elseif within(double_width, code) then width = width + 2
    elseif not within(zero_width, code) then width = width + 1 end
  end
  return width
end

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- The text with its control characters (and malformed UTF-8) as escapes.
function report.printable(text)
  if not utf8.len(text) then
    text = text:gsub("[\x80-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  end
  text = text:gsub("[\0-\x1f\x7f]", function(byte)
    return escapes[byte] or ("\\x%02x"):format(byte:byte())
  end)
  return (text:gsub("\xc2[\x80-\x9f]", function(pair) return ("\\x%02x"):format(pair:byte(2)) end))
end

-- ---- the drawn table ----

local unicode = {
  top = { "┌", "┬", "┐" }, middle = { "├", "┼", "┤" }, bottom = { "└", "┴", "┘" }, line = "─", bar = "│",
}
local ascii = {
  top = { "+", "+", "+" }, middle = { "+", "+", "+" }, bottom = { "+", "+", "+" }, line = "-", bar = "|",
}

--- Whether the surroundings say that text is UTF-8.
function report.is_utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return false
end

local function draw_rule(ends, line, widths)
  local parts = {}
  for i, width in ipairs(widths) do parts[i] = line:rep(width + 2) end
  return ends[1] .. table.concat(parts, ends[2]) .. ends[3] .. "\n"
end

local function draw_row(cells, bar, widths, right)
  local parts = {}
  for i, width in ipairs(widths) do
    local space = (" "):rep(width - report.width(cells[i]))
    parts[i] = right[i] and " " .. space .. cells[i] .. " " or " " .. cells[i] .. space .. " "
  end
  return bar .. table.concat(parts, bar) .. bar .. "\n"
end

local function is_number(value)
  return type(value) == "number" or tonumber(value) ~= nil
end

-- The rows one below the other, a line for each cell.
local function draw_records(header, lines, line)
  local width, out = 0, {}
  for _, name in ipairs(header) do width = math.max(width, report.width(name)) end
  for r, cells in ipairs(lines) do
    out[#out + 1] = ("%s %d %s\n"):format(line:rep(3), r, line:rep(math.max(width - 4 - #tostring(r), 3)))
    for i, name in ipairs(header) do
      out[#out + 1] = ("%s%s  %s\n"):format(name, (" "):rep(width - report.width(name)), cells[i])
    end
  end
  return table.concat(out)
end

local function sum(widths)
  local total = 0
  for _, width in ipairs(widths) do total = total + width end
  return total
end

--- Draws a table; or its rows one below the other, a line for each cell, where the table is too wide.
--- @param names the columns' names
--- @param rows lists of cells (text or numbers; nil is NULL)
--- @param style { numbers = { [i] = column i stands to the right }, utf8 = draw with box characters, places = how wide
---   a table may be, false for any }; what is absent is found out, `places` from the terminal that stdout is
function report.table(names, rows, style)
  style = style or {}
  local utf8_style = style.utf8
  if utf8_style == nil then utf8_style = report.is_utf8() end
  local set = utf8_style and unicode or ascii
  local null = utf8_style and "∅" or "NULL"
  local header, widths, right, lines = {}, {}, {}, {}
  for i, name in ipairs(names) do
    header[i] = report.printable(name)
    widths[i] = report.width(header[i])
    right[i] = #rows > 0
  end
  for r, row in ipairs(rows) do
    local cells = {}
    for i in ipairs(names) do
      local value = row[i]
      cells[i] = value == nil and null or report.printable(tostring(value))
      widths[i] = math.max(widths[i], report.width(cells[i]))
      if value ~= nil and not is_number(value) then right[i] = false end
    end
    lines[r] = cells
  end
  local places = style.places
  if places == nil then places = sys.terminal_size(1) end
  if places and #rows > 0 and sum(widths) + 3 * #widths + 1 > places then
    return draw_records(header, lines, set.line)
  end
  right = style.numbers or right
  local out = { draw_rule(set.top, set.line, widths), draw_row(header, set.bar, widths, right),
    draw_rule(set.middle, set.line, widths) }
  for _, cells in ipairs(lines) do out[#out + 1] = draw_row(cells, set.bar, widths, right) end
  out[#out + 1] = draw_rule(set.bottom, set.line, widths)
  return table.concat(out)
end

-- ---- for programs ----

local function csv_cell(value)
  if value == nil then return "" end
  return '"' .. tostring(value):gsub('"', '""') .. '"'
end

--- CSV (RFC 4180, line feeds) as Athena writes it: every value is quoted, NULL is empty and unquoted.
function report.csv(names, rows)
  local out = {}
  local function add(cells)
    local parts = {}
    for i in ipairs(names) do parts[i] = csv_cell(cells[i]) end
    out[#out + 1] = table.concat(parts, ",") .. "\n"
  end
  add(names)
  for _, row in ipairs(rows) do add(row) end
  return table.concat(out)
end

-- Athena's types whose text is JSON as it stands.
local bare = { tinyint = true, smallint = true, integer = true, bigint = true, boolean = true }
local inexact = { double = true, float = true, real = true, decimal = true } -- NaN and Infinity have no JSON

local function json_value(value, kind)
  if value == nil then return "null" end
  if type(value) ~= "string" then kind = math.type(value) == "integer" and "bigint" or "double" end
  local text = tostring(value)
  if bare[kind] then return text end
  if inexact[kind] and text:find "^%-?%d[%d.]*[eE]?[+-]?%d*$" then return text end
  if kind == "json" then return text end
  return json.string(text)
end

--- One JSON object per row, with the columns in order.
--- @param types Athena's types of the columns: numbers and booleans are written bare
function report.json_lines(names, rows, types)
  local lines = {}
  for r, row in ipairs(rows) do
    local members = {}
    for i, name in ipairs(names) do
      members[i] = json.string(name) .. ":" .. json_value(row[i], types and types[i])
    end
    lines[r] = "{" .. table.concat(members, ",") .. "}"
  end
  return lines
end

return report
