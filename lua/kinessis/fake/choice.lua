--- Choices, and values made of other values.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local choice = {}

-- The type of a list of constants, and whether it is text; refuses mixtures, since a column has one.
local function type_of(values)
  local kind, least, most
  for i, value in ipairs(values) do
    local this = math.type(value) or type(value)
    if this == "string" then
      provider.string("choice " .. i, value)
    elseif this == "float" then
      provider.number("choice " .. i, value)
    elseif this ~= "integer" and this ~= "boolean" then
      provider.refuse("choice %d must be a string, a number or a boolean, not %s", i, blame.show(value))
    end
    if kind and kind ~= this then
      if not (math.type(value) and (kind == "integer" or kind == "float")) then
        provider.refuse("choice %d is a %s and choice 1 a %s: a column has one type", i, type(value), type(values[1]))
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

--- one_of { "a", "b", ... }: one of the values, each as likely. All strings, or all numbers, or all
--- booleans.
function choice.one_of(values)
  check_list(values, "one_of")
  if next(values) == nil then provider.refuse("one_of is empty") end
  local kept = table.move(values, 1, #values, 1, {})
  for key in pairs(values) do
    if math.type(key) ~= "integer" or key < 1 or key > #kept then
      provider.refuse("one_of takes a list of values without gaps, and this one has a key %s", blame.show(key))
    end
  end
  local kind, text = type_of(kept)
  return { op = "pick", words = kept, type = kind, text = text }
end

--- weighted { Active = 7, Canceled = 1 } or weighted { { 10, 7 }, { 20, 1 } }: a value by its weight.
function choice.weighted(values)
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
  local kind, text = type_of(words)
  return { op = "weighted", words = words, weights = weights, type = kind, text = text }
end

--- constant(value): always the same string, number or boolean.
function choice.constant(value)
  local kind, text = type_of { value }
  if value == nil then provider.refuse("constant needs a value") end
  return { op = "pick", words = { value }, type = kind, text = text }
end

--- optional(value, p = 0.5): the value (a provider or a constant) with probability p, else null.
function choice.optional(value, p)
  p = provider.number("p", p, 0.5, 0, 1)
  if not provider.is(value) then value = provider.new(choice.constant(value)) end
  return { op = "optional", p = p, body = value, type = value.type }
end

return choice
