--- A schema for people: a row per field, and a few records.
local provider = require "kinessis.fake.provider"
local report = require "kinessis.report"

local show = {}

local widest = 60 -- places of a provider's text

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then
  true until while]]):gmatch "%a+" do keywords[word] = true end

local text_of

local function call_of(node)
  local parts = {}
  for i = 1, node.arguments.n do parts[i] = text_of(node.arguments[i]) end
  local only = parts[1] and not parts[2] and parts[1]:sub(1, 1) == "{"
  return ("fake.%s%s"):format(node.name, only and " " .. parts[1] or "(" .. table.concat(parts, ", ") .. ")")
end

local function table_of(value)
  local parts, names = {}, {}
  for i, item in ipairs(value) do parts[i] = text_of(item) end
  for name in pairs(value) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local key = name:find "^[%a_][%w_]*$" and not keywords[name] and name or ("[%s]"):format(text_of(name))
    parts[#parts + 1] = key .. " = " .. text_of(value[name])
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

--- An argument as a script would write it.
function text_of(value)
  if provider.is(value) then return value.shown or value.name and call_of(value) or "a provider" end
  if type(value) == "string" then return '"' .. report.printable((value:gsub('[\\"]', "\\%0"))) .. '"' end
  if type(value) == "table" then return table_of(value) end
  if type(value) == "function" then return show.function_text(value) end
  return tostring(value)
end

--- "function (orders.lua:20)"
function show.function_text(fn)
  local info = debug.getinfo(fn, "S")
  return ("function (%s:%d)"):format(info.short_src:match "[^/]*$", info.linedefined)
end

local function cut(text)
  if report.width(text) <= widest then return text end
  return text:sub(1, (utf8.offset(text, widest - 3) or widest - 2) - 1) .. " ..."
end

--- What makes a field: "fake.integer(1, 9)", a constant, a function with its place, or "object".
function show.source_of(field)
  if field.fields or field.node and field.node.fields then return "object" end
  if field.fn then return show.function_text(field.fn) end
  return cut(text_of(field.node))
end

--- Calls visit(path, field) for every field, objects before what is in them.
function show.walk(fields, visit, prefix)
  for _, field in ipairs(fields) do
    visit((prefix or "") .. field.name, field)
    local inner = field.fields or field.node and field.node.fields
    if inner then show.walk(inner, visit, (prefix or "") .. field.name .. ".") end
  end
end

--- @return the text: the table of fields, then `count` records
function show.of(schema, count, sampling)
  local rows = {}
  show.walk(schema.fields, function(path, field)
    rows[#rows + 1] = { path, field.fields and "struct" or field.type, show.source_of(field) }
  end)
  return report.table({ "field", "type", "provider" }, rows, { numbers = {} })
    .. table.concat(schema:sample(count, sampling), "\n") .. "\n"
end

return show
