--- schema(name, fields, options): what a record looks like; the order of fields is the order in the
--- JSON. options.locale is where its people and places are from ("de_DE"; see docs/locales.md).
--- options.map is a function(record, ctx) that each record goes through: it changes fields of it, or
--- returns a table of all of them; what it leaves alone keeps its bytes.
---
---     local person = kinessis.schema("person", {
---       { "uuid", fake.uuid() },
---       { "address", { { "city", fake.city() }, { "country", "US" } } },
---       { "total", function(ctx) return ctx.random(100) / 4 end, type = "double" },
---     })
---
--- A value is a provider of kinessis.fake, a constant, a list of fields (an object), or a function. A
--- function gets ctx: ctx.index (the record's number, from 0), ctx.random (as math.random, but from the
--- record's own generator: use it, and record i is always the same), ctx.now() (seconds since 1970) and
--- ctx.record.<field> (fields made before this one). What it returns becomes JSON; its type in Glue is
--- string unless declared.
---
--- The schema is checked here, and compiled (src/gen/plan.h) when it is first run.
local agree = require "kinessis.agree"
local blame = require "kinessis.blame"
local context = require "kinessis.context"
local core = require "kinessis.core.plan"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local Schema = { __name = "kinessis.schema" }
Schema.__index = Schema

local schema = {}

local MAX_DEPTH = 32

-- Raises: "person.lua:12: schema person.phone: min 10 is greater than max 1".
local function fail(where, path, ...)
  local message = select("#", ...) > 1 and string.format(...) or (...)
  error(("%s%sschema %s: %s"):format(where, where ~= "" and ": " or "", path, message), 0)
end

-- ---- checking ----

local field_keys = { "type" }

local function check_field_shape(field, i, seen, path, where)
  if type(field) ~= "table" or provider.is(field) then
    fail(where, path, "field %d must be { name, value }, not %s", i,
      provider.is(field) and "a provider" or blame.show(field))
  end
  local name = field[1]
  if type(name) ~= "string" or name == "" then
    fail(where, path, "the name of field %d must be a string, not %s", i, name == "" and "empty" or blame.show(name))
  elseif not utf8.len(name) then
    fail(where, path, "the name of field %d, %q, is not valid UTF-8", i, name)
  elseif seen[name] then
    fail(where, path .. "." .. name, "fields %d and %d have the same name", seen[name], i)
  end
  seen[name] = i
  for key in pairs(field) do
    if key ~= 1 and key ~= 2 and key ~= "type" then
      if key == 3 then fail(where, path .. "." .. name, "a field is { name, value }; there is a third thing") end
      fail(where, path .. "." .. name, "a field has no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, field_keys) or "")
    end
  end
end

local check_fields

local function struct_of(fields)
  local members = {}
  for i, field in ipairs(fields) do members[i] = field.name .. ":" .. field.type end
  return "struct<" .. table.concat(members, ",") .. ">"
end

-- The fields from `from` to `to` by way of what each refers to, as names, or nil.
local function find_cycle(scope, from, to, seen)
  if from == to then return { from } end
  if seen[from] then return nil end
  seen[from] = true
  for _, field in ipairs(scope.raw) do
    local value = field[1] == from and field[2]
    for name in pairs(provider.is(value) and value.refers or {}) do
      local way = find_cycle(scope, name, to, seen)
      if way then return { from, table.unpack(way) } end
    end
  end
  return nil
end

-- The checked field that `name` means in the scope (one list of fields; `outer` is the one around it).
local function find_field(scope, name, what)
  local names, current = {}, scope.current
  local inner = scope
  while scope do
    for _, field in ipairs(scope.checked) do
      local below = field.fields and name:sub(1, #field.name + 1) == field.name .. "."
      if field.name == name then
        if field.fields then provider.refuse("%s: %q is an object; name a field in it", what, name) end
        field.referenced = true
        return field
      elseif below then
        return find_field({ checked = field.fields, raw = {} }, name:sub(#field.name + 2), what)
      end
      names[#names + 1] = field.name
    end
    scope = scope.outer
  end
  for _, field in ipairs(inner.raw) do
    if type(field) == "table" and field[1] == name then
      local way = find_cycle(inner, name, current, {})
      if way then provider.refuse("the fields refer to each other: %s -> %s", current, table.concat(way, " -> ")) end
      provider.refuse("%s: the field %q stands after this one; put it before", what, name)
    end
  end
  provider.refuse("%s: there is no field %q%s", what, name, blame.suggestion(name, names))
end

-- What a provider may ask about the record around it (provider.bind).
local function record_of(scope, path, where, depth)
  return {
    find = function(name, what) return find_field(scope, name, what) end,
    object = function(fields)
      if type(fields) ~= "table" or provider.is(fields) then
        provider.refuse("object must be given a list of { name, value }, not %s",
          provider.is(fields) and "a provider" or blame.show(fields))
      elseif depth >= MAX_DEPTH then
        provider.refuse("nested deeper than %d (does a table hold itself?)", MAX_DEPTH)
      end
      local checked = check_fields(fields, path, where, depth + 1, scope)
      return checked, struct_of(checked)
    end,
  }
end

-- Fills checked with what the value is: node (a provider), fn, or fields.
local function check_value(checked, value, path, where, depth, scope)
  if provider.is(value) then
    if value.problem then fail(value.where or where, path, "%s", value.problem) end
    local bound, problem = provider.bind(value, record_of(scope, path, value.where or where, depth))
    if not bound then fail(value.where or where, path, "%s", problem) end
    checked.node, checked.type = bound, bound.type
  elseif type(value) == "function" then
    checked.fn, checked.type = value, "string"
  elseif type(value) == "table" then
    if depth == MAX_DEPTH then
      fail(where, path, "nested deeper than %d (does a table hold itself?)", MAX_DEPTH)
    end
    checked.fields = check_fields(value, path, where, depth + 1, scope)
    checked.type = struct_of(checked.fields)
  elseif value == nil then
    fail(where, path, "there is no value; give a provider, a constant, a list of fields or a function")
  else
    local constant = require("kinessis.fake").constant(value)
    if constant.problem then fail(where, path, "%s", constant.problem) end
    checked.node, checked.type = constant, constant.type
  end
end

function check_fields(fields, path, where, depth, outer)
  local result, seen = {}, {}
  local scope = { checked = result, raw = fields, outer = outer }
  local count = #fields
  for key in pairs(fields) do
    if math.type(key) ~= "integer" or key < 1 or key > count then
      fail(where, path, "fields are a list of { name, value }, and this one has a key %s%s", blame.show(key),
        type(key) == "string" and (': write { "%s", ... }'):format(key) or "")
    end
  end
  if count == 0 then fail(where, path, "there are no fields") end
  for i = 1, count do
    local field = fields[i]
    check_field_shape(field, i, seen, path, where)
    local checked = { name = field[1] }
    local field_path = path .. "." .. checked.name
    scope.current = checked.name
    check_value(checked, field[2], field_path, where, depth, scope)
    if field.type ~= nil then
      if not types.parse(field.type) then
        fail(where, field_path, "%s is not a type%s", blame.show(field.type),
          type(field.type) == "string" and blame.suggestion(field.type, types.names()) or "")
      end
      checked.type = types.glue(types.parse(field.type))
    end
    result[i] = checked
  end
  return result
end

-- ---- compiling ----

local instantiate_fields

-- A copy of a provider for one field, with the stream that each of its draws comes from. place: the
-- scope (kinessis.agree), the field, the use that it is inside of, and in a text its counts of uses.
local function instantiate(node, place)
  if node.code then return node end
  local field = place.field
  local function inside(inner, changes)
    return instantiate(inner, setmetatable(changes or {}, { __index = place }))
  end
  if node.resolve then
    return { resolve = node, text = node.text, place = place, use = place.use or place.scope:use(node, place.counts) }
  end
  local copy = {}
  for key, value in pairs(node) do copy[key] = value end
  if node.fields then
    copy.nodes = instantiate_fields(node.fields, field.path, place.scope:object(field.path))
    return copy
  end
  if node.parts then
    local counts = place.counts or {}
    copy.parts = {}
    for i, part in ipairs(node.parts) do
      copy.parts[i] = type(part) == "string" and part or inside(part, { counts = counts })
    end
    return copy
  end
  local shared = node.draw and field.shared[node.draw]
  if not shared then field.draws = field.draws + 1 end
  copy.stream = node.stream or shared or ("%s#%d"):format(field.path, field.draws)
  if node.draw then field.shared[node.draw] = copy.stream end
  if node.body then
    local apart = node.apart and agree.record(copy.stream, place.scope.root.locale)
    copy.body = inside(node.body, apart and { scope = apart, counts = apart.counts })
  end
  if node.cases then
    copy.cases = {}
    local uses = node.uses or {}
    for i, case in ipairs(node.cases) do copy.cases[i] = inside(case, { use = uses[i] or place.use }) end
  end
  if node.op == "script" then copy.path = field.path end
  return copy
end

-- What each field will write: a list of nodes, or for an object the list of its own. All of them are
-- made before the first is emitted, so that values agree with what follows them too.
function instantiate_fields(fields, path, scope)
  local nodes = {}
  for i, field in ipairs(fields) do
    local about = { path = path .. "." .. field.name, draws = 0, shared = {} }
    if field.node then
      nodes[i] = instantiate(field.node, { scope = scope, field = about })
    elseif field.fn then
      nodes[i] = { op = "script", fn = field.fn, path = about.path, stream = about.path .. "#1",
        empty_array = field.type:sub(1, 6) == "array<" }
    else
      nodes[i] = instantiate_fields(field.fields, about.path, scope:object(about.path))
    end
  end
  return nodes
end

local emit_content, emit_value, emit_fields

-- The code of a body: a value, or the content of the string that the provider around it writes.
local function body_of(plan, node, body)
  local code = {}
  local emit = node.text and emit_content or emit_value
  emit(plan, code, body)
  return code
end

-- Appends what the provider writes: where it is text, the content of a string.
function emit_content(plan, code, node)
  if node.from then node.slot = plan.slot_of[node.from] end
  if node.code then
    table.move(node.code, 1, #node.code, #code + 1, code)
  elseif node.resolve then
    local place = { scope = node.place.scope, field = node.place.field, use = node.use }
    emit_content(plan, code, instantiate(agree.resolve(node.resolve, node.use), place))
  elseif node.fields then
    emit_fields(plan:inside(), code, node.fields, node.nodes, "")
  elseif node.parts then
    for _, part in ipairs(node.parts) do
      if type(part) == "string" then
        code[#code + 1] = core.escape(part):sub(2, -2)
      else
        emit_content(plan, code, part)
      end
    end
  elseif node.cases then
    node.body = {}
    for i, case in ipairs(node.cases) do node.body[i] = { op = "case", body = body_of(plan, node, case) } end
    code[#code + 1] = node
  elseif node.body then
    node.body = body_of(plan, node, node.body)
    code[#code + 1] = node
  else
    code[#code + 1] = node
  end
end

function emit_value(plan, code, node)
  if node.text then code[#code + 1] = '"' end
  emit_content(plan, code, node)
  if node.text then code[#code + 1] = '"' end
end

-- Appends the value of a field inside of a capture.
local function emit_captured(plan, code, node, slot)
  local body = {}
  if node.text then code[#code + 1] = '"' end
  emit_content(plan, body, node)
  code[#code + 1] = { op = plan.every and "field" or "capture", slot = slot, text = node.text and 1 or 0, body = body }
  if node.text then code[#code + 1] = '"' end
end

function emit_fields(plan, code, fields, nodes, prefix)
  code[#code + 1] = "{"
  for i, field in ipairs(fields) do
    code[#code + 1] = (i > 1 and "," or "") .. core.escape(field.name) .. ":"
    local key = prefix .. field.name
    if field.fields then
      plan:add_capture(key, true)
      emit_fields(plan, code, field.fields, nodes[i], key .. "\0")
    elseif plan.every or plan.wanted == key or field.referenced then
      local slot = plan:new_slot()
      plan:add_capture(key, slot)
      if field.type:sub(1, 6) == "array<" then plan.captures.lists[key] = true end
      plan.columns[#plan.columns + 1] = slot
      emit_captured(plan, code, nodes[i], slot)
      plan.slot_of[field] = slot
    else
      emit_value(plan, code, nodes[i])
    end
  end
  code[#code + 1] = "}"
end

local function calls_scripts(fields)
  for _, field in ipairs(fields) do
    if field.fn or field.fields and calls_scripts(field.fields) then return true end
    if field.node and provider.contains(field.node, "script") then return true end
  end
  return false
end

-- Some field is asked for by another one.
local function has_references(fields)
  for _, field in ipairs(fields) do
    if field.referenced or field.fields and has_references(field.fields) then return true end
  end
  return false
end

-- What is known of a plan while it is emitted: captures (path -> slot), columns (slots in order) and
-- slot_of (field -> slot), wanted (the path to keep) and every (whether all fields are captured).
local Plan = {}
Plan.__index = Plan

function Plan.new(columns)
  return setmetatable({ captures = { lists = {} }, columns = columns, slot_of = {}, count = { slots = 0 } }, Plan)
end

function Plan:add_capture(key, slot)
  table.insert(self.captures, key)
  self.captures[key] = slot
end

function Plan:new_slot()
  self.count.slots = self.count.slots + 1
  return self.count.slots - 1
end

-- For the fields of an object that is a provider: functions and the partition key do not see them.
function Plan:inside()
  local inner = Plan.new {}
  inner.slot_of, inner.count = self.slot_of, self.count
  return inner
end

-- The key of a capture for a path as people write it ("address.city"), or nil.
local function find_key(fields, path, prefix)
  for _, field in ipairs(fields) do
    if field.name == path and not field.fields then return prefix .. field.name end
    local below = field.fields and path:sub(1, #field.name + 1) == field.name .. "."
    local key = below and find_key(field.fields, path:sub(#field.name + 2), prefix .. field.name .. "\0")
    if key then return key end
  end
end

-- The paths of the fields that hold a value.
local function list_paths(fields, prefix, paths)
  for _, field in ipairs(fields) do
    if field.fields then
      list_paths(field.fields, prefix .. field.name .. ".", paths)
    else
      paths[#paths + 1] = prefix .. field.name
    end
  end
  return paths
end

--- @return what is wrong with a path of a field ("address.city") that holds a value, or nil
function Schema:lacks(path)
  if type(path) ~= "string" then return "the name of a field is expected, not " .. blame.show(path) end
  if find_key(self.fields, path, "") then return nil end
  return ("there is no field %q that holds a value%s"):format(path,
    blame.suggestion(path, list_paths(self.fields, "", {})))
end

--- The compiled plan (a userdata for the run). kept is the path of the field whose text each record
--- also gives apart: the partition key. format is "json" (the default) or "csv".
function Schema:plan(kept, format)
  local csv = format == "csv"
  local plans = self.plans[csv]
  local found = plans[kept or false]
  if found then return found end
  if kept ~= nil then
    local problem = self:lacks(kept)
    if problem then fail(blame.where(), self.name, "%s", problem) end
  end
  local key = kept and find_key(self.fields, kept, "")
  local plan = Plan.new { csv = csv }
  plan.wanted, plan.every = key, csv or self.map ~= nil or calls_scripts(self.fields)
  local code = {}
  local nodes = instantiate_fields(self.fields, self.name, agree.record(self.name, self.locale))
  emit_fields(plan, code, self.fields, nodes, "")
  if self.map then
    code = { { op = "rewrite", fn = context.mapper(self.map), path = self.name .. ": map", stream = self.name .. "#map",
      body = code } }
  end
  local made, result = pcall(core.new, code, key and plan.captures[key], context.maker(plan.captures),
    plan.every and plan.columns or nil)
  if not made then fail(self.where, self.name, "%s", result) end
  plans[kept or false] = result
  return result
end

local function csv_text(text)
  return text:find('[,"\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

--- The names of the fields that hold a value, as the header of a CSV file: those of an object are
--- "object.field".
function Schema:csv_header()
  local names = list_paths(self.fields, "", {})
  for i, name in ipairs(names) do names[i] = csv_text(name) end
  return table.concat(names, ",")
end

--- n records (JSON strings), from index options.from (0), of options.seed (0). options.start is the
--- time (seconds since 1970) of record 0 on the simulated clock and options.step the seconds between
--- records; without start, now is the wall clock. options.format is plan's;
--- options.disorder is of kinessis.disorder.read.
function Schema:sample(n, options)
  options = options or {}
  local cursor <close> = self:plan(nil, options.format):cursor {
    seed = options.seed or 0, start = options.start, step = options.step,
    disorder = options.disorder,
  }
  local records, from = {}, options.from or 0
  for i = 1, n or 1 do
    records[i] = cursor:record(from + i - 1) -- the text that is kept, its second result, is dropped
  end
  return records
end

--- The columns of the table that holds these records: { name =, type = } (Glue), in order.
function Schema:columns()
  local columns = {}
  for i, field in ipairs(self.fields) do columns[i] = { name = field.name, type = field.type } end
  return columns
end

function Schema:__tostring()
  return ("schema %s (%d fields)"):format(self.name, #self.fields)
end

--- Whether a value is a schema.
function schema.is(value)
  return getmetatable(value) == Schema
end

-- The locale among the options of a schema, or nil; and its map.
local function check_options(options, name, where)
  if options == nil then return nil end
  if type(options) ~= "table" then fail(where, name, "the options must be a table, not %s", blame.show(options)) end
  for key in pairs(options) do
    if key ~= "locale" and key ~= "map" then
      fail(where, name, "a schema has no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, { "locale", "map" }) or "")
    end
  end
  local map = options.map
  if map ~= nil and type(map) ~= "function" then
    fail(where, name, "map must be a function of (record, ctx), not %s", blame.show(map))
  end
  if options.locale == nil then return nil, map end
  local found, problem = require("kinessis.locale").find(options.locale)
  if not found then fail(where, name, "%s", problem) end
  return found, map
end

-- Adds what each field, and each object, writes alone. make() makes the nodes anew, since what is
-- emitted is spent.
local function add_attributes(attributes, plan, fields, make, prefix)
  for i, field in ipairs(fields) do
    local attribute = { name = prefix .. field.name, code = {}, type = field.type, text = false, node = field.node }
    attributes[#attributes + 1] = attribute
    attributes[attribute.name] = attribute
    local node = make()[i]
    if field.fields then
      emit_fields(plan, attribute.code, field.fields, node, field.name .. "\0")
      add_attributes(attributes, plan, field.fields, function() return make()[i] end, attribute.name .. ".")
    else
      attribute.text = node.text
      emit_content(plan, attribute.code, node)
    end
  end
end

--- Fields that are used one by one, outside of their record (kinessis.population): a list, and by path,
--- of { name, code, type, text, node }: the parts of a provider that has `code`, and the provider that was
--- given. options are of schema.new.
function schema.attributes(name, fields, options)
  local where = blame.where()
  if type(fields) ~= "table" or provider.is(fields) then
    fail(where, name, "the fields must be a list of { name, value }, not %s", blame.show(fields))
  end
  local locale = check_options(options, name, where)
  local checked = check_fields(fields, name, where, 0)
  if has_references(checked) or calls_scripts(checked) then
    fail(where, name, "an attribute stands alone: it can be no function, and refer to no other field")
  end
  local plan = Plan.new {}
  local attributes = {}
  add_attributes(attributes, plan, checked, function()
    return instantiate_fields(checked, name, agree.record(name, locale))
  end, "")
  return attributes
end

function schema.new(name, fields, options)
  local where = blame.where()
  if type(name) ~= "string" or name == "" or not utf8.len(name) then
    fail(where, "?", "the name must be a string, not %s", name == "" and "empty" or blame.show(name))
  end
  if type(fields) ~= "table" or provider.is(fields) then
    fail(where, name, "the fields must be a list of { name, value }, not %s",
      provider.is(fields) and "a provider" or blame.show(fields))
  end
  local locale, map = check_options(options, name, where)
  return setmetatable({
    name = name,
    fields = check_fields(fields, name, where, 0),
    locale = locale,
    map = map,
    where = where,
    plans = { [false] = {}, [true] = {} }, -- csv -> kept -> plan
  }, Schema)
end

return setmetatable(schema, { __call = function(_, ...) return schema.new(...) end })
