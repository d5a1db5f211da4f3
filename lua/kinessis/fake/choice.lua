--- Choices from lists.
local blame = require "kinessis.blame"
local datafile = require "kinessis.fake.datafile"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local choice = {}

-- The type of a list of constants, and whether it is text; refuses mixtures, since a column has one.
local function type_of(values, label)
  label = label or "choice %d"
  local kind, least, most
  for i, value in ipairs(values) do
    local this = math.type(value) or type(value)
    local name = label:format(i)
    if this == "string" then
      provider.string(name, value)
    elseif this == "float" then
      provider.number(name, value)
    elseif this ~= "integer" and this ~= "boolean" then
      provider.check_called(name, value)
      provider.refuse("%s must be a string, a number or a boolean, not %s", name, blame.show(value))
    end
    if kind and kind ~= this then
      if not (math.type(value) and (kind == "integer" or kind == "float")) then
        provider.refuse("%s is a %s and %s a %s: a column has one type", name, type(value), label:format(1),
          type(values[1]))
      end
      this = "float"
    end
    kind = this
    if math.type(value) == "integer" then
      least, most = math.min(least or value, value), math.max(most or value, value)
    end
  end
  if kind == "integer" then return types.of_integers(least, most), false end
  return kind == "float" and "double" or kind, kind == "string"
end

local function check_list(values, what)
  if type(values) ~= "table" or provider.is(values) then
    local given = provider.is(values) and "a provider" or blame.show(values)
    provider.refuse("%s must be given a table, not %s", what, given)
  end
end

-- A list without gaps and names, not empty, as a copy.
local function read_list(values, what)
  check_list(values, what)
  if next(values) == nil then provider.refuse("%s is empty", what) end
  local kept = table.move(values, 1, #values, 1, {})
  for key in pairs(values) do
    if math.type(key) ~= "integer" or key < 1 or key > #kept then
      provider.refuse("%s takes a list of values without gaps, and this one has a key %s", what, blame.show(key))
    end
  end
  return kept
end

local function has_providers(values)
  for _, value in ipairs(values) do
    if provider.is(value) then return true end
  end
  return false
end

-- The type of values of which some are providers, and whether all are text.
local function type_of_cases(cases)
  local text = true
  for i, case in ipairs(cases) do
    if case.type ~= cases[1].type then
      provider.refuse("choice %d is of type %s and choice 1 of type %s: a column has one type", i, case.type,
        cases[1].type)
    end
    text = text and case.text == true
  end
  return cases[1].type, text
end

-- A choice of providers: each runs only when it is chosen.
local function choose(values, weights)
  local cases, words = {}, {}
  for i, value in ipairs(values) do
    cases[i], words[i] = provider.value("choice " .. i, value), ""
  end
  local kind, text = type_of_cases(cases)
  return { op = "choose", words = words, weights = weights, cases = cases, type = kind, text = text }
end

choice.constant = {
  "always the same string, number or boolean",
  arguments = { { "value", "any" } },
  type = "of the value",
  example = 'fake.constant("EU")', shows = '^"EU"$',
  make = function(value)
    if value == nil then provider.refuse("the value of a constant is nil") end
    local kind, text = type_of({ value }, "the value")
    return { op = "pick", words = { value }, type = kind, text = text }
  end,
}

choice.one_of = {
  "one of the values, each as likely: constants or providers, all of one type",
  arguments = { { "values", "any", nil, "a list" } },
  type = "of the values",
  example = 'fake.one_of { "Active", "Inactive", "Canceled" }', shows = '^"%a+"$',
  make = function(values)
    local kept = read_list(values, "one_of")
    if has_providers(kept) then return choose(kept) end
    local kind, text = type_of(kept)
    return { op = "pick", words = kept, type = kind, text = text }
  end,
}

choice.weighted = {
  "a value by its weight: { Active = 7, Canceled = 1 }, or { { value, weight }, ... } with constants or providers",
  arguments = { { "values", "any", nil, "a table; weights are 0 or more and relative to each other" } },
  type = "of the values",
  example = "fake.weighted { Active = 7, Inactive = 2, Canceled = 1 }", shows = '^"%a+"$',
  make = function(values)
    check_list(values, "weighted")
    local words, weights, sum = {}, {}, 0
    if #values > 0 then
      for i, pair in ipairs(values) do
        if type(pair) ~= "table" or pair[1] == nil or pair[2] == nil then
          provider.refuse("choice %d must be { value, weight }, not %s", i, blame.show(pair))
        end
        words[i], weights[i] = pair[1], pair[2]
      end
    else
      for word in pairs(values) do
        words[#words + 1] = provider.string("a choice", word)
      end
      table.sort(words)
      for i, word in ipairs(words) do weights[i] = values[word] end
    end
    if #words == 0 then provider.refuse("weighted is empty") end
    for i, weight in ipairs(weights) do
      sum = sum + provider.number(("the weight of %s"):format(blame.show(words[i])), weight, nil, 0)
    end
    if sum == 0 then provider.refuse("the weights sum to 0") end
    if has_providers(words) then return choose(words, weights) end
    local kind, text = type_of(words)
    return { op = "weighted", words = words, weights = weights, type = kind, text = text }
  end,
}

choice.cycle = {
  "the values in turn, by the record's index",
  arguments = { { "values", "any", nil, "a list of constants" } },
  type = "of the values",
  example = 'fake.cycle { "red", "green", "blue" }', shows = '^"%a+"$',
  make = function(values)
    local kept = read_list(values, "cycle")
    local kind, text = type_of(kept)
    return { op = "cycle", words = kept, type = kind, text = text }
  end,
}

local file_options = { "order", "row", "text", "weight" }

local function check_file_options(given)
  if given == nil then return {} end
  if type(given) ~= "table" then provider.refuse("options must be a table, not %s", blame.show(given)) end
  for key in pairs(given) do
    if not table.concat(file_options, " "):find(tostring(key), 1, true) then
      provider.refuse("there is no option %s%s", blame.show(key), blame.suggestion(tostring(key), file_options))
    end
  end
  if given.order ~= nil and given.order ~= "random" and given.order ~= "cycle" then
    provider.refuse('order must be "random" or "cycle", not %s', blame.show(given.order))
  end
  return given
end

choice.from_file = {
  "a value of a column of a file: CSV with a header, or JSON lines (.jsonl, .ndjson). The fields of a record that "
    .. "name the same file take the same row. The file is read once; its path is as given, or beside the script. A "
    .. "column of a CSV file is numbers when all of it is",
  arguments = {
    { "path", "string" }, { "column", "string" },
    { "options?", "any", nil, 'a table: order = "random" or "cycle" (by index); row, a name: another row than the '
      .. "fields without it; weight, the column of weights; text = true: numbers as strings" },
  },
  type = "of the column",
  example = 'fake.from_file("tests/data/cities.csv", "city")', shows = '^"[^\\]+',
  make = function(path, column, given)
    local options = check_file_options(given)
    local list, file = datafile.column(path, column, options.text)
    local kind, text = type_of(list, "row %d")
    local made = { op = "pick", words = list, type = kind, text = text }
    if options.order == "cycle" then
      if options.weight then provider.refuse("a cycle takes each row in turn: there is no place for weights") end
      made.op = "cycle"
      return made
    end
    if options.weight then
      made.op, made.weights = "weighted", (datafile.column(path, options.weight))
      local sum = 0
      for i, weight in ipairs(made.weights) do
        sum = sum + provider.number(("the weight of row %d"):format(i), weight, nil, 0)
      end
      if sum == 0 then provider.refuse("the weights sum to 0") end
    end
    made.stream = ("file %s %s"):format(file, options.row or "")
    return made
  end,
}

local longest = 1024 -- KN_SHUFFLE_MAX of src/gen/draw.h

local function sample(values, what, min, max)
  local kept = read_list(values, what)
  if #kept > longest then provider.refuse("%s takes at most %d values, and this list has %d", what, longest, #kept) end
  min, max = min or #kept, max or min or #kept
  if max > #kept then provider.refuse("%d different values of %d cannot be chosen", max, #kept) end
  if min > max then provider.refuse("min %d is greater than max %d", min, max) end
  local kind, text = type_of(kept)
  return {
    parts = { "[", provider.new { op = "sample", words = kept, min = min, max = max, text = text and 1 or 0 }, "]" },
    type = ("array<%s>"):format(kind),
  }
end

choice.sample = {
  "an array of min to max different values of the list, in random order",
  arguments = {
    { "values", "any", nil, "a list of up to 1024 constants" }, { "min", "integer", 1, least = 0 },
    { "max?", "integer", nil, "min, when left out", least = 0 },
  },
  type = "array<of the values>",
  example = 'fake.sample({ "a", "b", "c", "d" }, 2)', shows = '^%["%l","%l"%]$',
  make = function(values, min, max) return sample(values, "sample", min, max) end,
}

choice.shuffle = {
  "an array of all the values, in random order",
  arguments = { { "values", "any", nil, "a list of up to 1024 constants" } },
  type = "array<of the values>",
  example = "fake.shuffle { 1, 2, 3 }", shows = "^%[%d,%d,%d%]$",
  make = function(values) return sample(values, "shuffle") end,
}

return choice
