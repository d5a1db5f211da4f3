--- Text.
local about = require "kinessis.fake.about"
local blame = require "kinessis.blame"
local capital = require "kinessis.fake.capital"
local pattern = require "kinessis.fake.pattern"
local provider = require "kinessis.fake.provider"
local regex = require "kinessis.fake.regex"

local text = {}

text.word = {
  "a common word of the locale",
  type = "string",
  example = "fake.word()", shows = '^"%l+"$',
  make = function() return about.words(function(words) return provider.pick(words.word) end) end,
}

local function capitalise(list)
  local result = {}
  for i, word in ipairs(list) do result[i] = capital(word) end
  return result
end

local function add(parts, literal)
  if literal ~= "" then parts[#parts + 1] = literal end
end

-- Appends n words of the list, the first one of `first`, as the locale separates them.
local function add_words(parts, n, words, list, first)
  for i = 1, n do
    if i > 1 then add(parts, words.word_separator) end
    parts[#parts + 1] = provider.new(provider.pick(i == 1 and first or list))
  end
end

text.sentence = {
  "n words, the first one capitalised, and a full stop; spaces and stop as the locale has them",
  arguments = { { "n", "integer", 6, least = 1, most = 100 } },
  type = "string",
  example = "fake.sentence(4)", shows = '^"%u%l* %l+ %l+ %l+%."$',
  make = function(n)
    return about.words(function(words)
      local parts = {}
      add_words(parts, n, words, words.word, capitalise(words.word))
      add(parts, words.sentence_end)
      return { parts = parts, type = "string", text = true }
    end)
  end,
}

text.words = {
  "n words as the locale writes them, without a stop",
  arguments = { { "n", "integer", 3, least = 1, most = 100 } },
  type = "string",
  example = "fake.words(3)", shows = '^"%l+ %l+ %l+"$',
  make = function(n)
    return about.words(function(words)
      local parts = {}
      add_words(parts, n, words, words.word, words.word)
      return { parts = parts, type = "string", text = true }
    end)
  end,
}

text.title = {
  "n words, each capitalised",
  arguments = { { "n", "integer", 3, least = 1, most = 100 } },
  type = "string",
  example = "fake.title(2)", shows = '^"%u%l* %u%l*"$',
  make = function(n)
    return about.words(function(words)
      local parts, list = {}, capitalise(words.word)
      add_words(parts, n, words, list, list)
      return { parts = parts, type = "string", text = true }
    end)
  end,
}

text.paragraph = {
  "n sentences of 4 to 9 words",
  arguments = { { "n", "integer", 3, least = 1, most = 100 } },
  type = "string",
  example = "fake.paragraph(2)", shows = '^"%u[%l ]+%. %u[%l ]+%."$',
  make = function(n)
    return about.words(function(words)
      local first = capitalise(words.word)
      local word = provider.new(provider.pick(words.word))
      local body = {}
      add(body, words.word_separator)
      body[#body + 1] = word
      local more = provider.new { parts = body, type = "string", text = true }
      local parts = {}
      for i = 1, n do
        if i > 1 then add(parts, words.word_separator) end
        parts[#parts + 1] = provider.new(provider.pick(first))
        parts[#parts + 1] = provider.new { op = "repeat", min = 3, max = 8, separator = 0, body = more, type = "string",
          text = true }
        add(parts, words.sentence_end)
      end
      return { parts = parts, type = "string", text = true }
    end)
  end,
}

text.pattern = {
  "the form with each # a digit, ? a capital letter, * one of both; a backslash takes away their meaning",
  arguments = { { "form", "string" } },
  type = "string",
  example = 'fake.pattern("??-####")', shows = '^"%u%u%-%d%d%d%d"$',
  make = function(form) return pattern.new { form } end,
}

text.regex = {
  "a text that matches a regular expression: literals, ., [classes], \\d \\w \\s \\D \\W \\S, groups, |, and "
    .. "? * + {m} {m,} {m,n}. Without an upper bound it repeats up to `most` times more than its lower bound",
  arguments = { { "expression", "string" }, { "most", "integer", 8, least = 1, most = 100 } },
  type = "string",
  example = 'fake.regex("(GET|PUT) /v[12]/[a-z]{3,5}")', shows = '^"[GPUET]+ /v[12]/%l+"$',
  make = function(expression, most) return regex.new(expression, most) end,
}

local nested = { array = true, map = true, struct = true }

-- What can stand inside of a string: text, and numbers and booleans that are always there.
local function check_part(i, part)
  if math.type(part) then return tostring(part) end
  if not provider.is(part) then
    provider.check_called("part " .. i, part)
    return provider.string("part " .. i, part)
  end
  if part.op == "optional" then
    provider.refuse("part %s may be absent, which a string cannot show", i)
  elseif part.op == "script" or nested[part.type:match "^%a+"] or part.type == "string" and not part.text then
    provider.refuse("part %s is not plain text: a function, an array or an object cannot stand in a string", i)
  end
  return part
end

text.concat = {
  "one string out of strings, numbers and providers",
  arguments = { { "...", "any", nil, "the parts" } },
  type = "string",
  example = 'fake.concat("order-", fake.integer(100, 999))', shows = '^"order%-%d%d%d"$',
  make = function(...)
    local parts = table.pack(...)
    if parts.n == 0 then provider.refuse("concat needs a part") end
    for i = 1, parts.n do parts[i] = check_part(i, parts[i]) end
    return { parts = parts, type = "string", text = true }
  end,
}

-- The value of {name} in a template.
local function value_of(name, values)
  local fake = require "kinessis.fake"
  local value = values and values[name]
  if value == nil then
    if name == "catalogue" or not rawget(fake, name) then
      provider.refuse("the template names {%s}, which has no value", name)
    end
    value = fake[name]()
    if value.problem then provider.refuse("{%s}: %s", name, value.problem) end
  end
  return check_part("{" .. name .. "}", value)
end

text.template = {
  'the text with each {name} replaced by the value of that name, or by fake.<name>(); "{{" stands for "{"',
  arguments = { { "form", "string" }, { "values", "any", nil, "a table of providers and constants" } },
  type = "string",
  example = 'fake.template("{word}-{n}", { n = fake.integer(1, 9) })', shows = '^"%l+%-%d"$',
  make = function(form, values)
    if values ~= nil and type(values) ~= "table" then
      provider.refuse("the values must be a table, not %s", blame.show(values))
    end
    local parts, at = {}, 1
    while at <= #form do
      local open = form:find("{", at, true) or #form + 1
      if open > at then parts[#parts + 1] = form:sub(at, open - 1) end
      if form:sub(open, open + 1) == "{{" then
        parts[#parts + 1], at = "{", open + 2
      elseif open <= #form then
        local name, after = form:match("^{([%w_]+)}()", open)
        if not name then
          provider.refuse("the template has a { without a name and }: %s", blame.show(form:sub(open)))
        end
        parts[#parts + 1], at = value_of(name, values), after
      else
        at = open
      end
    end
    return { parts = parts, type = "string", text = true }
  end,
}

return text
