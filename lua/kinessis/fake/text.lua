--- Text.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"
local words = require "kinessis.fake.en_US"

local text = {}

--- uuid(): a random UUID, version 4 (RFC 9562).
function text.uuid()
  return { op = "uuid", type = "string", text = true }
end

--- word(): a common English word.
function text.word()
  return provider.pick(words.word)
end

--- sentence(n = 6): n words (1 to 100), the first one capitalised, and a full stop.
function text.sentence(n)
  n = provider.integer("n", n, 6, 1, 100)
  local capitalised = {}
  for i, word in ipairs(words.word) do capitalised[i] = word:sub(1, 1):upper() .. word:sub(2) end
  local parts = { provider.new(provider.pick(capitalised)) }
  for _ = 2, n do
    parts[#parts + 1] = " "
    parts[#parts + 1] = provider.new(provider.pick(words.word))
  end
  parts[#parts + 1] = "."
  return { parts = parts, type = "string", text = true }
end

local function check_part(i, part)
  if provider.is(part) then
    if part.op == "optional" then
      provider.refuse("part %s may be absent, which a string cannot show", i)
    end
    return part
  elseif math.type(part) then
    return tostring(part)
  end
  return provider.string("part " .. i, part)
end

--- concat(part, ...): one string out of strings, numbers and providers.
function text.concat(...)
  local parts = table.pack(...)
  if parts.n == 0 then provider.refuse("concat needs a part") end
  for i = 1, parts.n do parts[i] = check_part(i, parts[i]) end
  return { parts = parts, type = "string", text = true }
end

--- template("{first_name} #{n}", { n = fake.integer(1, 9) }): the text with each {name} replaced by the
--- value of that name, or by the provider fake.<name>(). "{{" stands for "{".
function text.template(form, values)
  local fake = require "kinessis.fake"
  provider.string("the template", form)
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
      if not name then provider.refuse("the template has a { without a name and }: %s", blame.show(form:sub(open))) end
      local value = values and values[name]
      if value == nil then
        if not rawget(fake, name) then provider.refuse("the template names {%s}, which has no value", name) end
        value = fake[name]()
        if value.problem then provider.refuse("{%s}: %s", name, value.problem) end
      end
      parts[#parts + 1], at = check_part("{" .. name .. "}", value), after
    else
      at = open
    end
  end
  return { parts = parts, type = "string", text = true }
end

return text
