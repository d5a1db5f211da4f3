--- Values made of other values: absent ones, arrays, objects, maps, references, pools, unique values.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"
local unique = require "kinessis.fake.unique"

local combinator = {}

local value = { "value", "value", nil, "a provider or a constant" }

local function optional(body, p) return { op = "optional", p = p, body = body, type = body.type } end

combinator.optional = {
  "the value with probability p, else null",
  arguments = { value, { "p", "number", 0.5, least = 0, most = 1 } },
  type = "of the value",
  example = 'fake.optional("gold", 0.2)', shows = '^"?%l+"?$',
  make = optional,
}

combinator.nullable = {
  "null with probability p, else the value",
  arguments = { value, { "p", "number", 0.1, least = 0, most = 1 } },
  type = "of the value",
  example = "fake.nullable(fake.integer(1, 9), 0.1)", shows = "^[%dnul]+$",
  make = function(body, p) return optional(body, 1 - p) end,
}

-- ---- many values ----

local function check_count(min, max)
  if min > max then provider.refuse("min %d is greater than max %d", min, max) end
end

local function refuse_unique(body, what)
  if provider.contains(body, "unique") then
    provider.refuse("unique values are one for each record, and %s has several", what)
  end
end

combinator.array_of = {
  "an array of min to max values, each on its own draws",
  arguments = {
    value, { "min", "integer", 1, least = 0, most = 100000 },
    { "max?", "integer", nil, "min, when left out", least = 0, most = 100000 },
  },
  type = "array<of the value>",
  example = "fake.array_of(fake.integer(1, 9), 2, 4)", shows = "^%[%d[%d,]*%]$",
  make = function(body, min, max)
    max = max or min
    check_count(min, max)
    refuse_unique(body, "an array")
    local items = { op = "repeat", min = min, max = max, separator = (","):byte(), body = body, apart = true }
    return { parts = { "[", provider.new(items), "]" }, type = ("array<%s>"):format(body.type) }
  end,
}

combinator.map = {
  "an object with min to max different keys of the list, each with a value",
  arguments = {
    { "keys", "any", nil, "a list of up to 1024 strings" }, value,
    { "min", "integer", 1, least = 0 }, { "max?", "integer", nil, "as many as there are keys", least = 0 },
  },
  type = "map<string,of the value>",
  example = 'fake.map({ "cpu", "disk", "net" }, fake.integer(1, 9), 2, 3)', shows = '^{"%l+":%d[%l%d,:"]+}$',
  make = function(keys, body, min, max)
    local seen = {}
    if type(keys) ~= "table" or provider.is(keys) or #keys == 0 then
      provider.refuse("keys must be a list of strings, not %s", provider.is(keys) and "a provider"
        or type(keys) == "table" and "an empty table" or blame.show(keys))
    end
    if #keys > 1024 then provider.refuse("map takes at most 1024 keys, and this list has %d", #keys) end
    for i, key in ipairs(keys) do
      provider.string("key " .. i, key)
      if seen[key] then provider.refuse("key %d, %s, is there twice", i, blame.show(key)) end
      seen[key] = true
    end
    max = max or #keys
    check_count(min, max)
    if max > #keys then provider.refuse("%d different keys of %d cannot be chosen", max, #keys) end
    refuse_unique(body, "a map")
    local members = { op = "map", words = keys, min = min, max = max, body = body, apart = true }
    return { parts = { "{", provider.new(members), "}" }, type = ("map<string,%s>"):format(body.type) }
  end,
}

combinator.object = {
  "an object, as a list of fields is one; for arrays, choices and whatever else takes a provider",
  arguments = { { "fields", "any", nil, "a list of { name, value }" } },
  type = "struct<...>",
  own = true,
  example = 'fake.object { { "id", fake.integer(1, 9) }, { "tag", "x" } }', shows = '^{"id":%d,"tag":"x"}$',
  make = function(fields)
    return {
      bind = function(record)
        local checked, kind = record.object(fields)
        return provider.new { fields = checked, type = kind }
      end,
    }
  end,
}

combinator.pool = {
  "one of n values, which stay the same for the whole run: a hundred users, ten hosts. They are not stored but "
    .. "made again, as by record k of a run of its own. With a skew, value k is drawn in proportion to 1/k^skew",
  arguments = {
    value, { "n", "integer", 100, "how many", least = 1 },
    { "skew", "number", 0, "Zipf's exponent; 0: each as likely", least = 0, most = 10 },
  },
  type = "of the value",
  example = "fake.pool(fake.uuid(), 100)", shows = '^"[%x-]+"$',
  make = function(body, n, skew)
    return { op = "pool", n = n, skew = skew, body = body, type = body.type, text = body.text, apart = true }
  end,
}

combinator.unique = {
  "a value that no other record of the run has: record i gets value P(i), P being a permutation of all values that "
    .. "the seed chooses, so nothing is remembered. It takes integer, one_of, pattern, hex, nanoid and texts "
    .. "made of these; uuid and sequence do not repeat anyway. A run that needs more values than there are ends with "
    .. "an error",
  arguments = { value },
  type = "of the value",
  example = "fake.unique(fake.integer(100, 999))", shows = "^%d%d%d$",
  make = unique.new,
}

-- ---- other fields ----

combinator.ref = {
  'the value of another field of the record that stands before this one: "id", or "address.city" of an object',
  arguments = { { "field", "string", nil, "a field beside this one, or of the objects around" } },
  type = "of that field",
  example = 'fake.ref("id")', shows = "^%d$", beside = '{ "id", fake.integer(1, 9) }',
  make = function(name)
    return {
      refers = { [name] = true },
      bind = function(record)
        local field = record.find(name, "ref")
        return provider.new { op = "copy", from = field, type = field.type, text = field.node and field.node.text }
      end,
    }
  end,
}

combinator.derive = {
  "what the function returns for the record: a Lua function as a provider, for arrays and choices",
  arguments = {
    { "fn", "any", nil, "a function of ctx: docs/scripting.md" }, { "type", "string", "string", "its Glue type" },
  },
  type = "as declared",
  example = 'fake.derive(function(ctx) return ctx.record.id * 2 end, "int")', shows = "^%d+$",
  beside = '{ "id", fake.integer(1, 9) }',
  make = function(fn, kind)
    provider.check_function("fn", fn)
    local parsed = types.parse(kind)
    if not parsed then
      provider.refuse("%s is not a type%s", blame.show(kind), blame.suggestion(kind, types.names()))
    end
    return { op = "script", fn = fn, type = types.glue(parsed), empty_array = parsed.kind == "array" }
  end,
}

-- The case for a key, as the text that the field has in the record.
local function case_text(key, what)
  if math.type(key) or type(key) == "boolean" then return tostring(key) end
  return provider.string(what, key)
end

combinator.switch = {
  "by the value of a field that stands before this one: the provider or constant of its case, or the default",
  arguments = {
    { "field", "string", nil, "a field beside this one, or of the objects around" },
    { "cases", "any", nil, "a table: { card = provider, cash = constant }" },
    { "default?", "any", nil, "for other values; null, when left out" },
  },
  type = "of the cases",
  example = 'fake.switch("pay", { card = fake.integer(1, 9) }, 0)', shows = "^%d$",
  beside = '{ "pay", fake.one_of { "card", "cash" } }',
  make = function(name, given, default)
    if type(given) ~= "table" or provider.is(given) or next(given) == nil then
      provider.refuse("cases must be a table { value = provider }, not %s",
        type(given) == "table" and not provider.is(given) and "empty" or blame.show(given))
    end
    local words, values = {}, {}
    for key, case in pairs(given) do
      local text = case_text(key, "a case")
      words[#words + 1], values[text] = text, provider.value(("case %s"):format(text), case)
    end
    table.sort(words)
    local cases, text = {}, true
    for i, word in ipairs(words) do cases[i] = values[word] end
    if default == nil then
      text = false
    else
      cases[#cases + 1] = provider.value("the default", default)
    end
    local kind = cases[1].type
    for i, case in ipairs(cases) do
      if case.type ~= kind then
        provider.refuse("case %s is of type %s and case %s of type %s: a column has one type",
          words[i] or "default", case.type, words[1], kind)
      end
      text = text and case.text == true
    end
    if default == nil then cases[#cases + 1] = provider.new { parts = { "null" }, type = kind } end
    return {
      refers = { [name] = true },
      bind = function(record)
        local field = record.find(name, "switch")
        return provider.new { op = "switch", from = field, words = words, cases = cases, type = kind, text = text }
      end,
    }
  end,
}

return combinator
