--- What Lua functions do, as a text that is the same in every process that has loaded the same script, and another
--- one once a function was changed: its compiled code without line numbers and names of variables, so that comments
--- and what is written above do not count, and the same of what it uses: functions, texts, numbers and tables
--- that it takes from outside, and global functions that it names. The library's own code is left out.
---
--- Values that a script has from outside of itself, such as os.time(), make another text each time.
local function_code = {}

-- ---- compiled code: string.dump of Lua 5.4 (ldump.c), stripped ----

local HEADER = 4 + 1 + 1 + 6 + 1 + 1 + 1 + 8 + 8 + 1 -- to the count of upvalues
local INSTRUCTION, UPVALUE = 4, 3 -- bytes
local constants = { [0x00] = 0, [0x01] = 0, [0x11] = 0, [0x03] = 8, [0x13] = 8 } -- bytes by type; others are strings

-- Seven bits a byte, the last one marked.
local function read_size(dump, at)
  local size = 0
  repeat
    local byte = dump:byte(at)
    size, at = size << 7 | byte & 0x7F, at + 1
  until byte >= 0x80
  return size, at
end

local function read_string(dump, at)
  local size, start = read_size(dump, at)
  return dump:sub(start, start + size - 2), start + math.max(size, 1) - 1
end

--- Appends the function's code from there on to out; the strings in it to names. inner: where its upvalues are in
--- the function around it counts too.
local function read_function(dump, at, out, names, inner)
  local count, from, _
  _, at = read_string(dump, at) -- the source
  _, at = read_size(dump, at) -- the first line
  _, at = read_size(dump, at) -- the last line
  from, at = at, at + 3
  count, at = read_size(dump, at)
  at = at + count * INSTRUCTION
  out[#out + 1] = dump:sub(from, at - 1)
  from = at
  count, at = read_size(dump, at)
  for _ = 1, count do
    local bytes = constants[dump:byte(at)]
    if bytes then
      at = at + 1 + bytes
    else
      names[#names + 1], at = read_string(dump, at + 1)
    end
  end
  out[#out + 1] = dump:sub(from, at - 1)
  from = at
  count, at = read_size(dump, at)
  at = at + count * UPVALUE
  if inner then out[#out + 1] = dump:sub(from, at - 1) end
  count, at = read_size(dump, at)
  for _ = 1, count do at = read_function(dump, at, out, names, true) end
  for _ = 1, 4 do -- lines, variables: stripped
    count, at = read_size(dump, at)
    assert(count == 0)
  end
  return at
end

-- ---- what is reached ----

local function is_own(source) return source:find("^@lua/kinessis/") ~= nil end

local walk

local function walk_function(state, fn)
  local info, names = debug.getinfo(fn, "S"), {}
  if info.what == "C" then return end
  if not is_own(info.source) then
    local dump = string.dump(fn, true)
    local stop = read_function(dump, HEADER + 1, state.out, names)
    assert(stop == #dump + 1)
  end
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then break end
    if rawequal(value, _G) then
      for _, used in ipairs(names) do
        local global = rawget(_G, used)
        if type(global) == "function" or type(global) == "table" then walk(state, global) end
      end
    else
      walk(state, value)
    end
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
