--- What Lua functions of a schema receive as ctx, and the record that a map may change.
local blame = require "kinessis.blame"
local cjson = require "cjson"

local context = {}

local scripts = setmetatable({}, { __mode = "k" }) -- ctx -> the functions of src/bind/script.h

local function complain(prefix, name, what)
  local where, path = blame.where(), (prefix .. tostring(name)):gsub("%z", ".")
  error(("%s%sctx.record: field %q %s"):format(where, where ~= "" and ": " or "", path, what), 0)
end

-- The value of an object in the record: each of its fields is set, those that are left out to null.
local function assign(object, names, value, prefix)
  if value == nil then value = {} end
  if type(value) ~= "table" then complain("", prefix:sub(1, -2), "is an object: give a table") end
  for key in pairs(value) do
    if not names[key] then complain(prefix, key, "is not in the schema: a map cannot add fields") end
  end
  for _, name in ipairs(names) do object[name] = value[name] end
end

-- The names below a prefix in order, and each with true, from the paths of all captures.
local function names_below(captures, prefix)
  local names = {}
  for _, path in ipairs(captures) do
    local name = path:sub(1, #prefix) == prefix and path:sub(#prefix + 1)
    if name and name ~= "" and not name:find("\0", 1, true) then
      names[#names + 1], names[name] = name, true
    end
  end
  return names
end

-- The record, or an object in it; the keys of captures begin with prefix. Fields that are plain values
-- are read and written in C, by the slots in `known`.
local function new_view(captures, script, prefix)
  local names = names_below(captures, prefix)
  local known = {} -- name -> slot, or the view of an object
  for _, name in ipairs(names) do
    local found = captures[prefix .. name]
    known[name] = found == true and new_view(captures, script, prefix .. name .. "\0") or found
  end
  local function find(name)
    return known[name] or complain(prefix, name, "is not in the schema")
  end
  local function get(_, name)
    local found = find(name)
    if type(found) == "table" then return found end
    local made, value, json = script.read(found)
    if not made then complain(prefix, name, "is not made yet: only fields above this one are") end
    return json and cjson.decode(json) or value
  end
  local function set(_, name, value)
    if not script.mapping() then complain(prefix, name, "can only be read: return its value instead") end
    local found = find(name)
    if type(found) == "table" then
      if value ~= found then
        assign(found, names_below(captures, prefix .. name .. "\0"), value, prefix .. name .. "\0")
      end
    else
      local problem = script.write(found, value, captures.lists[prefix .. name])
      if problem then complain(prefix, name, "cannot be " .. problem) end
    end
  end
  local read, write = script.access(known, get, set)
  return setmetatable({}, {
    __index = read,
    __newindex = write,
    __pairs = function(self)
      local i = 0
      return function()
        i = i + 1
        if names[i] then return names[i], self[names[i]] end
      end
    end,
  })
end

--- Makes what a cursor calls its functions by. captures: path -> slot, or true for an object; the
--- paths as a list; and in `lists` the paths of arrays.
function context.maker(captures)
  return function(script)
    local ctx = {
      index = 0, random = script.random, now = script.now, record = new_view(captures, script, ""),
    }
    scripts[ctx] = { core = script, blocks = {}, names = names_below(captures, "") }
    return ctx
  end
end

--- The function of the operation "rewrite": it lets `map` change the record.
function context.mapper(map)
  local info = debug.getinfo(map, "S")
  local where = ("%s:%d"):format(info.short_src, info.linedefined)
  return function(ctx)
    local record = ctx.record
    local result = map(record, ctx)
    if result == nil or result == record then return end
    if type(result) ~= "table" then
      error(("%s: the map returned a %s: it returns the record, a table, or nothing, and cannot drop a record"):format(
        where, type(result)), 0)
    end
    assign(record, scripts[ctx].names, result, "")
  end
end

--- The function of a field that is made for `size` records at once. It is called with a context of the
--- block, and the values of the block that a worker is in are kept.
function context.block(fn, size)
  local info = debug.getinfo(fn, "S")
  local where = ("%s:%d"):format(info.short_src, info.linedefined)
  local function make(ctx, script, number)
    local first = number * size
    local block = setmetatable({
      first = first, size = size, number = number, random = ctx.random, now = ctx.now,
    }, { __index = function(_, name)
      error(("ctx.%s: a function per block has first, size, number, random and now"):format(tostring(name)), 2)
    end })
    script.core.at(number, first)
    local values = fn(block)
    if type(values) ~= "table" or #values ~= size then
      error(("%s: the function returned %s for a block of %d records: a list of as many values is expected"):format(
        where, type(values) == "table" and #values .. " values" or "a " .. type(values), size), 0)
    end
    return { number = number, values = values }
  end
  return function(ctx)
    local script = scripts[ctx]
    local number = ctx.index // size
    local field = script.core.field()
    local block = script.blocks[field]
    if not block or block.number ~= number then
      block = make(ctx, script, number)
      script.blocks[field] = block
    end
    return block.values[ctx.index % size + 1]
  end
end

return context
