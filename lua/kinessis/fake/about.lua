--- Values about a person or a place of the record: providers whose words depend on the locale, and that
--- agree with each other (kinessis.agree says how).
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local about = {}

local function check_options(given, known)
  if given == nil then return {} end
  if type(given) ~= "table" or provider.is(given) then
    provider.refuse("options are a table, as { group = \"friend\" }, not %s",
      provider.is(given) and "a provider" or blame.show(given))
  end
  local names, options = {}, {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  for key, value in pairs(given) do
    local rule = known[key]
    if not rule then
      provider.refuse("there is no option %s%s", blame.show(key),
        type(key) == "string" and blame.suggestion(key, names) or "")
    end
    options[key] = rule.check(key, value)
  end
  return options
end

--- Rules for options: functions of name and value.
function about.text(name, value)
  provider.string(name, value)
  if value == "" then provider.refuse("%s is empty", name) end
  return value
end

function about.integer(least, most)
  return function(name, value) return provider.integer(name, value, nil, least, most) end
end

function about.boolean(name, value)
  if type(value) ~= "boolean" then provider.refuse("%s must be true or false, not %s", name, blame.show(value)) end
  return value
end

function about.choice(...)
  local known = { ... }
  return function(name, value)
    for _, word in ipairs(known) do
      if word == value then return value end
    end
    provider.refuse('%s must be "%s", not %s', name, table.concat(known, '" or "'), blame.show(value))
  end
end

-- What the documentation says of the options.
local function describe_options(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. known[name].text end
  return "a table: " .. table.concat(names, "; ")
end

local group = {
  text = " (a name): values of one group are about one person or place, wherever they stand",
  check = about.text,
}

--- A provider's description (not declared: for use inside of others). what: see about.declare.
function about.make(what, options)
  local anchors = what.anchors
  if type(anchors) == "function" then anchors = anchors(options) end
  local node = {
    attribute = what.attribute, role = what.role, anchors = anchors, group = options.group, options = options,
    type = what.type, text = what.text ~= false,
  }
  function node.resolve(record)
    local made = what.make(record, record.words, options)
    made.type, made.text = node.type, node.text
    return provider.new(made)
  end
  return node
end

--- A text in the words of the locale, about nobody: make(words) returns the provider.
function about.words(make)
  return {
    attribute = "words", role = "words", options = {}, type = "string", text = true,
    resolve = function(record) return provider.new(make(record.words)) end,
  }
end

--- Declares a value about a person or place (fake/provider.lua). what: a declaration, and
---   attribute, role, anchors: of kinessis.agree; anchors may be a function of the options
---   options: those that it takes besides `group`: name = { text = documentation, check = rule }
---   check(options): refuses options that do not go together
---   text = false: its values are not text
---   make(record, words, options): the provider; record.stream and record.option are of kinessis.agree,
---     words is the locale
function about.declare(what)
  local known = { group = group }
  for name, option in pairs(what.options or {}) do known[name] = option end
  return {
    what[1],
    arguments = { { "options?", "any", nil, describe_options(known) } },
    type = what.type, example = what.example, shows = what.shows,
    make = function(given)
      local options = check_options(given, known)
      if what.check then what.check(options) end
      return about.make(what, options)
    end,
  }
end

--- A choice from a list of texts, drawn on a stream.
function about.pick(list, stream)
  return provider.new { op = "pick", words = list, stream = stream, type = "string", text = true }
end

--- A choice from one of the lists { male =, female = }, as the person's gender asks where they are two.
function about.by_gender(record, lists, stream)
  local gender, words = record.option("given", "gender"), record.words
  if lists.male == lists.female then return about.pick(lists.male, stream) end
  if gender then return about.pick(lists[gender], stream) end
  return provider.new {
    op = "split", stream = record.stream("given", "name"), count = #words.given.first.any, first = words.male,
    cases = { about.pick(lists.male, stream), about.pick(lists.female, stream) }, type = "string", text = true,
  }
end

--- A pattern of a row of the list: # a digit, % a digit from 1, ? a capital letter, * a letter or digit,
--- [AB] one of those.
--- The stream draws the row; the salt tells what is drawn for it apart from other things of that row.
function about.expand(list, stream, salt)
  return provider.new { op = "expand", words = list, stream = stream, salt = salt, type = "string", text = true }
end

--- The parts of a text with {names}. value(name) is the part for it: a string or a provider.
function about.parts(form, value)
  local parts, at = {}, 1
  for before, name, after in form:gmatch("([^{]*){([%w_]+)}()") do
    if before ~= "" then parts[#parts + 1] = before end
    parts[#parts + 1], at = value(name), after
  end
  if at <= #form then parts[#parts + 1] = form:sub(at) end
  return parts
end

return about
