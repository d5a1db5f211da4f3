--- What a provider is: a description of a value, that kinessis.schema compiles; and how the catalogues
--- declare them.
---
--- A provider is a table of one of these forms, all with `type` (Glue) and, when it yields text that
--- belongs between quotes, `text = true`:
---   { op = name, <arguments> }         an operation of the plan (src/gen/ops*.c); `words`, `weights`
---   { op = name, body = value }        an operation with a body: a value, or text where it is text
---   { op = name, cases = { value } }   one that runs one of several
---   { parts = { text or provider } }   one string made of several
---   { fields = fields }                an object
---   { code = list }                    compiled before (kinessis.population): `describes` is the provider
---                                      that it stands for, `shown` how a script writes it
---   { resolve = function(record) }     decided with the record in view: returns a provider. These are
---                                      the values about people and places: fake/about.lua
---   { bind = function(record) }        the same when the schema is checked, so that its type can
---                                      follow from other fields: record.find(name)
--- `fails = true`: it may fail in a record, and is told its line and field for that.
--- Values with the same `draw` (any table) in one field share their draws. `apart = true`: the body runs
--- on draws of its own, and does not see the people and places around it.
---
--- A provider is made even when its arguments are wrong: it then carries `problem`, and the schema
--- that uses it raises that with the path of the field and the line of the call.
---
--- A catalogue is a table of declarations, from which `fake.<name>`, its checks, docs/providers.md and
--- `kinessis help fake` follow:
---   hex_color = {
---     "a colour as HTML writes it",                     what the value is
---     arguments = { { "upper", "boolean", false, "capital letters" } },
---     type = "string",                                  all types that it can have
---     example = "fake.hex_color()", shows = "^#%x+$",   and the pattern of what it makes
---     make = function(upper) ... end,                   returns one of the forms above
---   }
--- An argument is { name, kind, default, text, least =, most =, of = }; a name that ends in ? may be left
--- out; the last one may be "...". Kinds: integer, number, string, boolean, choice (one of the list
--- `of`), value (a provider or a constant), any (the maker checks). Providers among the arguments that
--- depend on other fields are bound before `make` sees them, unless `own = true`.
local blame = require "kinessis.blame"

local provider = {}
local Provider = { __name = "kinessis.provider" }
local Problem = {}
local constructors = setmetatable({}, { __mode = "k" }) -- function -> the name of what it makes

--- Stops making this provider: its arguments cannot work.
function provider.refuse(...)
  error(setmetatable({ text = select("#", ...) > 1 and string.format(...) or (...) }, Problem), 0)
end

--- @return whether the value is a provider
function provider.is(value)
  return getmetatable(value) == Provider
end

--- A provider of its description (the forms are at the top).
function provider.new(description)
  return setmetatable(description, Provider)
end

--- Remembers that the function makes providers of that name. Returns the function.
function provider.constructor(name, make)
  constructors[make] = name
  return make
end

--- What is wrong where a value is expected and a provider's function is given, its parentheses forgotten; or nil.
function provider.uncalled(value)
  local name = type(value) == "function" and constructors[value]
  return name and ("fake.%s is a provider: write fake.%s()"):format(name, name) or nil
end

local function check_range(name, v, least, most)
  if least and v < least or most and v > most then
    local range = not most and "at least " .. least or not least and "at most " .. most or least .. " to " .. most
    provider.refuse("%s must be %s, not %s", name, range, v)
  end
end

--- A whole number from least to most (both optional), or `default` when v is nil.
function provider.integer(name, v, default, least, most)
  if v == nil then v = default end
  local whole = math.type(v) and math.tointeger(v)
  if not whole then provider.refuse("%s must be a whole number, not %s", name, blame.show(v)) end
  check_range(name, whole, least, most)
  return whole
end

--- A finite number from least to most (both optional).
function provider.number(name, v, default, least, most)
  if v == nil then v = default end
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then
    provider.refuse("%s must be a number, not %s", name, blame.show(v))
  end
  check_range(name, v, least, most)
  return v
end

--- A string of valid UTF-8.
function provider.string(name, v)
  if type(v) ~= "string" then provider.refuse("%s must be a string, not %s", name, blame.show(v)) end
  if not utf8.len(v) then provider.refuse("%s is not valid UTF-8", name) end
  return v
end

--- Refuses a provider's function.
function provider.check_called(name, v)
  local uncalled = provider.uncalled(v)
  if uncalled then provider.refuse("%s: %s", name, uncalled) end
end

--- Refuses what is no function of the script's own.
function provider.check_function(name, v)
  if type(v) ~= "function" then provider.refuse("%s must be a function, not %s", name, blame.show(v)) end
  provider.check_called(name, v)
end

--- A provider, or a constant as one.
function provider.value(name, v)
  if provider.is(v) then return v end
  if type(v) == "function" then
    provider.check_called(name, v)
    provider.refuse("%s is a function: write fake.derive(function, type)", name)
  elseif v == nil then
    provider.refuse("%s must be a provider or a constant, not nil", name)
  end
  local constant = require("kinessis.fake").constant(v)
  if constant.problem then provider.refuse("%s", (constant.problem:gsub("^the value ", name .. " ", 1))) end
  return constant
end

local readers = {
  integer = function(name, v, a) return provider.integer(name, v, a[3], a.least, a.most) end,
  number = function(name, v, a) return provider.number(name, v, a[3], a.least, a.most) end,
  string = function(name, v, a)
    if v == nil then v = a[3] end
    return provider.string(name, v)
  end,
  boolean = function(name, v, a)
    if v == nil then v = a[3] end
    if type(v) ~= "boolean" then provider.refuse("%s must be true or false, not %s", name, blame.show(v)) end
    return v
  end,
  choice = function(name, v, a)
    if v == nil then v = a[3] end
    for _, known in ipairs(a.of) do
      if v == known then return v end
    end
    local last = #a.of
    provider.refuse('%s must be "%s" or "%s", not %s%s', name, table.concat(a.of, '", "', 1, last - 1), a.of[last],
      blame.show(v), type(v) == "string" and blame.suggestion(v, a.of) or "")
  end,
  value = provider.value,
  any = function(_, v) return v end,
}

local function read_arguments(name, declared, given)
  local count = #declared
  local rest = count > 0 and declared[count][1] == "..."
  if given.n > count and not rest then
    provider.refuse("%s takes %s, not %d", name,
      count == 0 and "no arguments" or count == 1 and "one argument" or count .. " arguments", given.n)
  end
  for i, argument in ipairs(declared) do
    if rest and i == count then break end
    local label = argument[1]:gsub("%?$", "")
    if given[i] ~= nil or label == argument[1] then
      given[i] = readers[argument[2]](label, given[i], argument)
    end
    given.n = math.max(given.n, i)
  end
  return given
end

-- Calls visit with each provider in the arguments, and in plain tables among them; what it returns takes
-- the provider's place in the copy that is returned.
local function replace_providers(value, visit, depth)
  if provider.is(value) then return visit(value) end
  if type(value) ~= "table" or getmetatable(value) or depth > 8 then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = replace_providers(item, visit, depth + 1) end
  return copy
end

local function make_value(name, declaration, given)
  local broken, unbound
  local refers = {}
  replace_providers(declaration.own and {} or given, function(value)
    if value.problem then broken = broken or value end
    if value.bind then unbound = true end
    for field in pairs(value.refers or {}) do refers[field] = true end
    return value
  end, 0)
  if broken then return { problem = broken.problem, where = broken.where } end
  local function make(arguments)
    arguments = read_arguments(name, declaration.arguments or {}, arguments)
    return declaration.make(table.unpack(arguments, 1, arguments.n))
  end
  if not unbound then
    local made = make(table.move(given, 1, given.n, 1, { n = given.n }))
    made.refers = made.refers or next(refers) and refers or nil
    return made
  end
  return {
    refers = refers,
    bind = function(record)
      local bound = replace_providers(given, function(value)
        return value.bind and value.bind(record) or value
      end, 0)
      local made = provider.new(make(bound))
      return made.bind and made.bind(record) or made
    end,
  }
end

--- Makes the function that scripts call: it checks the arguments, makes the value, and remembers what
--- was called, and whose line did: `name`, `arguments` (as of table.pack), `where`.
function provider.define(name, declaration)
  return provider.constructor(name, function(...)
    local given = table.pack(...)
    local made, value = pcall(make_value, name, declaration, given)
    if not made then
      if getmetatable(value) ~= Problem then error(value, 0) end
      value = { problem = value.text }
    end
    value = provider.new(value)
    value.name, value.arguments, value.where = name, given, value.where or blame.where()
    return value
  end)
end

--- Decides what depends on the record's other fields: the provider itself, or what it is here. What is
--- wrong is returned as text after nil.
function provider.bind(value, record)
  if not value.bind then return value end
  local bound, result = pcall(value.bind, record)
  if bound then
    result.name, result.arguments = result.name or value.name, result.arguments or value.arguments
    result.where = result.where or value.where
    return result
  end
  if getmetatable(result) ~= Problem then error(result, 0) end
  return nil, result.text
end

--- Whether the value, or one in it, is an operation of that name.
function provider.contains(value, op)
  if value.op == op then return true end
  for _, part in ipairs(value.parts or value.cases or { value.body }) do
    if provider.is(part) and provider.contains(part, op) then return true end
  end
  return provider.fields_contain(value.fields or {}, op)
end

--- The same of checked fields (kinessis.schema.fields), of which a function is an operation "script".
function provider.fields_contain(fields, op)
  for _, field in ipairs(fields) do
    if field.fn and op == "script" or field.fields and provider.fields_contain(field.fields, op)
      or field.node and provider.contains(field.node, op) then
      return true
    end
  end
  return false
end

--- A choice from words that all are text.
function provider.pick(words)
  return { op = "pick", words = words, type = "string", text = true }
end

return provider
