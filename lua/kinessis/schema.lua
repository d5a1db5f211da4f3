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
local check = require "kinessis.schema.fields"
local context = require "kinessis.context"
local core = require "kinessis.core.plan"
local emit = require "kinessis.schema.emit"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local Schema = { __name = "kinessis.schema" }
Schema.__index = Schema

local schema = {}

local no_keys = {}

-- The key of a capture for a path as people write it ("address.city"), and its field; or nil.
local function find_key(fields, path, prefix)
  for _, field in ipairs(fields) do
    if field.name == path and not field.fields then return prefix .. field.name, field end
    local below = field.fields and path:sub(1, #field.name + 1) == field.name .. "."
    if below then
      local key, found = find_key(field.fields, path:sub(#field.name + 2), prefix .. field.name .. "\0")
      if key then return key, found end
    end
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

--- A value to be kept of each record, for Schema:plan: the path of a field, or a provider or function,
--- whose value is made but not written.
--- @param name of it, in messages and for its draws
--- @return what plan takes, and its type; or nil and what is wrong
function Schema:value(name, given)
  if type(given) == "string" then
    local problem = self:lacks(given)
    if problem then return nil, problem end
    return given, select(2, find_key(self.fields, given, "")).type
  elseif type(given) == "function" then
    local uncalled = provider.uncalled(given)
    if uncalled then return nil, uncalled end
    return { name = name, fn = given, type = "string" }, "string"
  elseif not provider.is(given) then
    return nil, ("the name of a field, a provider of kinessis.fake or a function(ctx) is expected, not %s"):format(
      blame.show(given))
  elseif given.problem then
    return nil, given.problem
  end
  local record = check.record_of({ checked = self.fields, raw = {}, current = name }, self.name, "", 0)
  record.object = function() provider.refuse "an object cannot be a key" end
  local bound, problem = provider.bind(given, record)
  if not bound then return nil, problem end
  if types.parse(bound.type).items then return nil, ("a value of type %s cannot be a key"):format(bound.type) end
  return { name = name, node = bound, type = bound.type }, bound.type
end

-- The paths of kept fields as keys of captures, those that are no fields, and whether some call scripts.
local function sort_kept(self, kept)
  local wanted, apart, scripts = {}, {}, false
  for _, value in ipairs(kept) do
    if type(value) == "table" then
      apart[#apart + 1] = value
      scripts = scripts or check.calls_scripts { value }
    else
      local problem = self:lacks(value)
      if problem then check.fail(blame.where(), self.name, "%s", problem) end
      wanted[find_key(self.fields, value, "")] = true
    end
  end
  return wanted, apart, scripts
end

--- The compiled plan (a userdata for the run). kept is a list of what each record also gives apart, the
--- keys: paths of fields, and what Schema:value returned. format is "json" (the default) or "csv".
function Schema:plan(kept, format)
  local csv = format == "csv"
  local plans = self.plans[csv]
  kept = kept or no_keys
  local found = plans[kept]
  if found then return found end
  local wanted, apart, scripts = sort_kept(self, kept)
  local plan = emit.Plan.new { csv = csv }
  plan.wanted, plan.every = wanted, csv or self.map ~= nil or scripts or check.calls_scripts(self.fields)
  local code, scope = {}, agree.record(self.name, self.locale)
  emit.fields(plan, code, self.fields, emit.nodes_of(self.fields, self.name, scope), "")
  if self.map then
    code = { { op = "rewrite", fn = context.mapper(self.map), path = self.name .. ": map", stream = self.name .. "#map",
      body = code } }
  end
  local aside, slots = emit.aside(plan, code, apart, self.name, scope), {}
  for i, value in ipairs(kept) do
    slots[i] = type(value) == "table" and table.remove(aside, 1) or plan.captures[find_key(self.fields, value, "")]
  end
  local made, result = pcall(core.new, code, slots, context.maker(plan.captures), plan.every and plan.columns or nil)
  if not made then check.fail(self.where, self.name, "%s", result) end
  plans[kept] = result
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

-- Adds what each field, and each object, writes alone. make() makes the nodes anew, since what is
-- emitted is spent.
local function add_attributes(attributes, plan, fields, make, prefix)
  for i, field in ipairs(fields) do
    local attribute = { name = prefix .. field.name, code = {}, type = field.type, text = false, node = field.node }
    attributes[#attributes + 1] = attribute
    attributes[attribute.name] = attribute
    local node = make()[i]
    if field.fields then
      emit.fields(plan, attribute.code, field.fields, node, field.name .. "\0")
      add_attributes(attributes, plan, field.fields, function() return make()[i] end, attribute.name .. ".")
    else
      attribute.text = node.text
      emit.content(plan, attribute.code, node)
    end
  end
end

--- Fields that are used one by one, outside of their record (kinessis.population): a list, and by path,
--- of { name, code, type, text, node }: the parts of a provider that has `code`, and the provider that was
--- given. options are of schema.new.
function schema.attributes(name, fields, options)
  local where = blame.where()
  if type(fields) ~= "table" or provider.is(fields) then
    check.fail(where, name, "the fields must be a list of { name, value }, not %s", blame.show(fields))
  end
  local locale = check.options(options, name, where)
  local checked = check.fields(fields, name, where, 0)
  if check.has_references(checked) or check.calls_scripts(checked) then
    check.fail(where, name, "an attribute stands alone: it can be no function, and refer to no other field")
  end
  local plan = emit.Plan.new {}
  local attributes = {}
  add_attributes(attributes, plan, checked, function()
    return emit.nodes_of(checked, name, agree.record(name, locale))
  end, "")
  return attributes
end

--- The schema of that name (see above). A mistake raises, with the line of the user's file and the field.
function schema.new(name, fields, options)
  local where = blame.where()
  if type(name) ~= "string" or name == "" or not utf8.len(name) then
    check.fail(where, "?", "the name must be a string, not %s", name == "" and "empty" or blame.show(name))
  end
  if type(fields) ~= "table" or provider.is(fields) then
    check.fail(where, name, "the fields must be a list of { name, value }, not %s",
      provider.is(fields) and "a provider" or blame.show(fields))
  end
  local locale, map = check.options(options, name, where)
  return setmetatable({
    name = name,
    fields = check.fields(fields, name, where, 0),
    locale = locale,
    map = map,
    where = where,
    plans = { [false] = {}, [true] = {} }, -- csv -> kept (the list) -> plan
  }, Schema)
end

return setmetatable(schema, { __call = function(_, ...) return schema.new(...) end })
