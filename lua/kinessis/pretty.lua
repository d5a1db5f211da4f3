--- Values as text for people: tables on one line when they fit, else a member a line; strings quoted.
---
---     print(pretty({ name = "x", list = { 1, 2 } }))    --> { list = { 1, 2 }, name = "x" }
---
--- Long and deep tables are cut (max_items, max_depth); a table inside itself is shown as <cycle>.
--- What has a __tostring of its own is shown by it.
local report = require "kinessis.report"

local width, max_items, max_depth = 100, 100, 6

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then
  true until while]]):gmatch "%a+" do keywords[word] = true end

local function quote(text)
  return '"' .. report.printable((text:gsub('[\\"]', "\\%0"))) .. '"'
end

local function show_key(key, show)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not keywords[key] then return key end
  return "[" .. show(key) .. "]"
end

local order = { number = 1, string = 2 } -- other kinds of keys come last, by their text

local function before(a, b)
  local left, right = order[type(a)] or 3, order[type(b)] or 3
  if left ~= right then return left < right end
  if left == 3 then return tostring(a) < tostring(b) end
  return a < b
end

local show

local function members(value, depth, path)
  local out, length = {}, #value
  local function add(text)
    out[#out + 1] = text
    return #out < max_items
  end
  for i = 1, length do
    if not add(show(rawget(value, i), depth + 1, path)) then return out, length > max_items end
  end
  local keys = {}
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 or key > length then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  for i, key in ipairs(keys) do
    local name = show_key(key, function(k) return show(k, depth + 1, path) end)
    if not add(name .. " = " .. show(rawget(value, key), depth + 1, path)) then return out, i < #keys end
  end
  return out, false
end

local function show_table(value, depth, path)
  if path[value] then return "<cycle>" end
  if next(value) == nil then return "{}" end
  if depth >= max_depth then return "{ ... }" end
  path[value] = true
  local parts, cut = members(value, depth, path)
  path[value] = nil
  if cut then parts[#parts + 1] = "..." end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if report.width(line) + 2 * depth <= width and not line:find("\n", 1, true) then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(parts, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

function show(value, depth, path)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind ~= "table" then return tostring(value) end
  local metatable = getmetatable(value)
  if type(metatable) == "table" and metatable.__tostring then return tostring(value) end
  return show_table(value, depth, path)
end

--- @return the text of any value; what a __tostring raises is raised
return function(value) return show(value, 0, {}) end
