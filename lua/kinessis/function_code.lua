--- What Lua functions do, as a text that is the same in every process that has loaded the same script, and another
--- one once a function was changed: the lines that it is written on, wherever they are in the file, and the same of
--- what it uses: functions, texts, numbers and tables that it takes from outside, be they locals or globals it names.
--- The library's own code is left out.
---
--- Values that a script has from outside of itself, such as os.time(), make another text each time.
local function_code = {}

-- ---- what is written ----

--- The text of the chunk that a function is of: a file's, or the text that was loaded; nil when it is gone.
local function chunk_text(source)
  local kind = source:sub(1, 1)
  if kind ~= "@" then return kind ~= "=" and source or nil end
  local file = io.open(source:sub(2), "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function written(fn, info)
  local text, number, lines = chunk_text(info.source), 0, {}
  if not text then return string.dump(fn, true) end
  if info.linedefined == 0 then return text end
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    if number >= info.linedefined and number <= info.lastlinedefined then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

-- ---- what is reached ----

local walk

local function walk_globals(state, text)
  for name in text:gmatch "[%a_][%w_]*" do
    local value = rawget(_G, name)
    if value ~= nil then walk(state, value) end
  end
end

local function walk_function(state, fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return end
  local own = info.source:find "^@lua/kinessis/"
  local text = own and "" or written(fn, info)
  state.out[#state.out + 1] = text
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then break end
    if rawequal(value, _G) then walk_globals(state, text) else walk(state, value) end
  end
end

local function by_name(a, b)
  if type(a) ~= type(b) then return type(a) < type(b) end
  return a < b
end

-- Of what has a metatable only functions count: the library's objects know their lines.
local function walk_table(state, list)
  local keys, n, all = {}, rawlen(list), not getmetatable(list)
  for key, value in next, list do
    local listed = math.type(key) == "integer" and key >= 1 and key <= n
    local named = type(key) == "string" or type(key) == "number"
    if named and not listed and (all or type(value) == "function") then keys[#keys + 1] = key end
  end
  table.sort(keys, by_name)
  for i = 1, n do
    local value = rawget(list, i)
    if all or type(value) == "function" then walk(state, value) end
  end
  for _, key in ipairs(keys) do
    state.out[#state.out + 1] = tostring(key) .. "="
    walk(state, rawget(list, key))
  end
end

function walk(state, value)
  local kind, out = type(value), state.out
  if kind == "string" then
    out[#out + 1] = ("s%d:%s"):format(#value, value)
  elseif kind == "number" then
    out[#out + 1] = math.type(value) == "integer" and ("i%d"):format(value) or ("f%a"):format(value)
  elseif kind ~= "function" and kind ~= "table" then
    out[#out + 1] = kind == "boolean" and tostring(value) or kind
  elseif state.seen[value] then
    out[#out + 1] = state.seen[value]
  else
    state.count = state.count + 1
    state.seen[value] = ("#%d"):format(state.count)
    out[#out + 1] = kind
    if kind == "function" then walk_function(state, value) else walk_table(state, value) end
  end
end

local standard = { "_G", "package", "coroutine", "table", "io", "os", "string", "math", "utf8", "debug" }

--- @param scripts of a plan (kinessis.core.plan) @return the text of their functions; "" of none
function function_code.of(scripts)
  local state = { out = {}, seen = {}, count = 0 }
  for _, name in ipairs(standard) do state.seen[package.loaded[name] or name] = name end
  for name, module in pairs(package.loaded) do
    if name:find "^kinessis" or name == "cjson" then state.seen[module] = name end
  end
  for _, script in ipairs(scripts) do walk(state, script.fn) end
  return table.concat(state.out, "\n")
end

return function_code
