--- From a profile to a provider, as Lua text, with what was guessed and from how many values.
---
---     guess.line(profile, name, records, clock, indent)   -- the lines of a field
---     guess.value(profile, name, records, clock, indent)  -- { text =, why =, kind = Glue's type, if it must be told }
---
--- The order of guesses for text: UUID, time, constant or choice of few values with their weights, mail
--- or network address, what the field's name says, shape (A99-9999), characters and length, words. Numbers:
--- schema/guess_numbers.lua; times: schema/guess_times.lua.
local fit = require "kinessis.schema.fit"
local numbers = require "kinessis.schema.guess_numbers"
local sys = require "kinessis.core.sys"
local times = require "kinessis.schema.guess_times"

local guess = {}

local FEW = 50          -- values that are listed with their weights
local REPEATED = 5      -- times that each of them, or of a pool, must come, on average
local FEW_SHAPES = 5
local MOST_TOKEN = 256  -- bytes of text without spaces that is made anew

local function quote(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"))
end

guess.quote = quote

local thousands = numbers.thousands
guess.thousands = thousands

local function derive(body, kind)
  return ("fake.derive(function(ctx) %s end, %q)"):format(body, kind)
end

-- ---- choices ----

-- Few values, each coming often: texts and how often; or nil.
local function few(p)
  if not p.counts or #p.order > FEW then return nil end
  local total = p.seen - p.null
  if #p.order > 1 and total < REPEATED * #p.order then return nil end
  if #p.order == 1 and total < REPEATED then return nil end
  return p.order, p.counts
end

-- literal: the text of a value in Lua; before: their order.
local function choice(p, literal, before)
  local order, counts = few(p)
  if not order then return nil end
  order = table.move(order, 1, #order, 1, {})
  table.sort(order, before)
  if #order == 1 then
    return { text = ("fake.constant(%s)"):format(literal(order[1])), why = "always the same" }
  end
  local parts, each = {}, {}
  for i, text in ipairs(order) do
    parts[i], each[i] = ("{ %s, %d }"):format(literal(text), counts[text]), counts[text]
  end
  if fit.even(each) then
    for i, text in ipairs(order) do parts[i] = literal(text) end
    return { text = ("fake.one_of { %s }"):format(table.concat(parts, ", ")), even = true,
      why = ("%d values, each about as often"):format(#order) }
  end
  return { text = ("fake.weighted { %s }"):format(table.concat(parts, ", ")),
    why = ("%d values with their counts"):format(#order) }
end

-- ---- numbers ----

local function number(p, name, clock)
  local n = p.numbers
  if not n then return { text = derive("return 0.0", "double"), why = "numbers that no double holds" } end
  if n.step and n.step ~= 0 and n.n > FEW then return numbers.guess(n, name, clock) end
  local function ascending(a, b) return tonumber(a) < tonumber(b) end
  local found = choice(p, function(text) return numbers.text_of(tonumber(text)) end, ascending)
  if found and not (found.even and n.whole and #p.order > 2 and #p.order == n.most - n.least + 1) then return found end
  return numbers.guess(n, name, clock)
end

-- ---- text ----

-- What a field of this name holds, where its text looks like it.
local by_name = {
  first_name = "first_name", firstname = "first_name", given_name = "first_name", name = "first_name",
  last_name = "last_name", lastname = "last_name", surname = "last_name", family_name = "last_name",
  full_name = "name", fullname = "name", customer = "name", city = "city", town = "city", country = "country",
}

local function from_name(s, name)
  local found = by_name[name:lower()]
  local each = s.words / s.n
  if s.is.capitalised ~= s.n or not found and each > 2.5 then return nil end
  local why = found and "text; what it is comes from the field's name" or "words with capitals: names are assumed"
  if not found or found == "first_name" then found = each > 1.5 and "name" or "first_name" end
  return { text = ("fake.%s()"):format(found), why = why }
end

-- A byte as an expression of fake.regex has it.
local function literal(c) return c:find "[%w _:,;/=@#%%&!<>'\"~`-]" and c or "\\" .. c end

local classes = { d = "[0-9]", l = "[a-z]", u = "[A-Z]" }

-- An expression of a shape: where texts differ the digits and letters, else what all have there.
local function expression_of(shape)
  local parts, i = {}, 1
  while i <= #shape.text do
    local c, length = shape.text:sub(i, i), 1
    local class = not shape.same[i] and (c:find "%d" and "d" or c:find "%l" and "l" or c:find "%u" and "u")
    while class and not shape.same[i + length] and shape.text:find("^%" .. class, i + length) do length = length + 1 end
    parts[#parts + 1] = class and classes[class] .. (length > 1 and ("{%d}"):format(length) or "") or literal(c)
    i = i + length
  end
  return table.concat(parts)
end

-- Codes: a few shapes, with digits or capitals in them; words have neither.
local function shaped(s)
  local shapes = s.shapes
  if not shapes or #shapes > FEW_SHAPES or s.words > s.n * 2 then return nil end
  for _, shape in ipairs(shapes) do
    if not shape.text:find "%d" and #shapes > 1 or shape.text:find "[\x80-\xff]" then return nil end
  end
  local parts = {}
  for i, shape in ipairs(shapes) do
    local made = ("fake.regex(%s)"):format(quote(expression_of(shape)))
    parts[i] = #shapes > 1 and ("{ %s, %d }"):format(made, shape.n) or made
  end
  local text = #shapes > 1 and ("fake.weighted { %s }"):format(table.concat(parts, ", ")) or parts[1]
  return { text = text, why = ("codes of %d shape%s"):format(#shapes, #shapes == 1 and "" or "s") }
end

-- Tokens: digits and letters in any order, as long as those seen. Letters alone are rather words.
local function token(s)
  local mixed = s.digit or s.upper or s.shortest == s.longest
  if not mixed or s.words ~= s.n or s.longest > MOST_TOKEN then return nil end
  local set = {}
  for other in pairs(s.others) do
    if not other:find "[%p]" then return nil end
    set[#set + 1] = "\\" .. other
  end
  table.sort(set)
  local hex = s.digit and not s.past_f and not (s.lower and s.upper) and #set == 0
  local letters = hex and { "a-f", "A-F" } or { "a-z", "A-Z" }
  local expression = ("[%s%s%s%s]{%s}"):format(s.digit and "0-9" or "", s.upper and letters[2] or "",
    s.lower and letters[1] or "", table.concat(set),
    s.shortest == s.longest and ("%d"):format(s.longest) or ("%d,%d"):format(s.shortest, s.longest))
  return { text = ("fake.regex(%s)"):format(quote(expression)),
    why = ("text of these characters, %s%d long"):format(
      s.shortest == s.longest and "" or ("%d to "):format(s.shortest), s.longest) }
end

local function words(s)
  local n = math.max(1, math.min(100, math.floor(s.words / s.n + 0.5)))
  local why = ("text of %d to %d bytes, lengths that words do not keep"):format(s.shortest, s.longest)
  if s.longest == 0 then return { text = 'fake.constant("")', why = "always empty" } end
  if n == 1 then return { text = "fake.word()", why = why } end
  return { text = ("fake.sentence(%d)"):format(n), why = why .. (", about %d words"):format(n) }
end

-- What makes texts of a form.
local addresses = {
  { "email", "mail addresses" }, { "ipv4", "IPv4 addresses" }, { "mac", "MAC addresses" }, { "ipv6", "IPv6 addresses" },
  { "url", "addresses of pages" },
}

-- What comes again and again, if it is made at random: so many values, the frequent ones as frequent as they are.
local function pooled(p, made)
  if not p.counts or #p.order <= FEW or p.strings.n < REPEATED * #p.order then return made end
  local skew = fit.skew(p.order, p.counts)
  return { text = ("fake.pool(%s, %d%s)"):format(made.text, #p.order, skew > 0 and (", %.4g"):format(skew) or ""),
    why = ("%s; %d that repeat, %s"):format(made.why, #p.order, skew == 0 and "each about as often"
      or ("k in proportion to 1/k^%.4g"):format(skew)) }
end

local function text(p, name, clock)
  local s = p.strings
  if s.is.uuid == s.n and not few(p) then return pooled(p, { text = "fake.uuid()", why = "UUIDs" }) end
  for form in pairs(times.forms) do
    if s.is[form] == s.n and p.times then return times.guess(p, form, clock) end
  end
  local found = choice(p, quote)
  if found then return found end
  for _, known in ipairs(addresses) do
    if s.is[known[1]] == s.n then return pooled(p, { text = ("fake.%s()"):format(known[1]), why = known[2] }) end
  end
  local written = times.guess_written(p)
  if written then return written end
  local named = from_name(s, name)
  if named then return named end
  found = shaped(s) or token(s)
  return found and pooled(p, found) or words(s)
end

-- ---- what holds others ----

local value -- of a profile without its nulls

local function members(p, clock, indent)
  local lines = {}
  for i, name in ipairs(p.names) do
    lines[i] = guess.line(p.fields[name], name, p.objects, clock, indent .. "  ")
  end
  return "{\n" .. table.concat(lines) .. indent .. "}"
end

-- Many names that differ from object to object are the keys of a map.
local function is_map(p)
  if p.is_map then return true end
  local sum = 0
  for _, name in ipairs(p.names) do sum = sum + p.fields[name].seen end
  return #p.names > FEW and sum / p.objects < #p.names / 4
end

local function map(p, name, clock, indent)
  local keys, frequent = {}, nil
  for i, key in ipairs(p.names) do
    keys[i] = quote(key)
    local field = p.fields[key]
    if not frequent or field.seen > frequent.seen then frequent = field end
  end
  local made = guess.value(frequent, name, frequent.seen, clock, indent)
  return { text = ("fake.map({ %s }, %s, %d, %d)"):format(table.concat(keys, ", "), made.text, p.smallest, p.largest),
    kind = made.kind and ("map<string,%s>"):format(made.kind),
    why = ("a map: %d keys, %d to %d in an object; its values: %s"):format(#keys, p.smallest, p.largest, made.why) }
end

local function object(p, name, clock, indent)
  if #p.names == 0 then return { text = derive("return {}", "map<string,string>"), why = "always {}" } end
  if is_map(p) then return map(p, name, clock, indent) end
  return { text = "fake.object " .. members(p, clock, indent), fields = true, why = "an object" }
end

local function array(p, name, clock, indent)
  if p.longest == 0 then
    return { text = 'fake.array_of("", 0)', why = "always []; strings are assumed" }
  end
  local item = guess.value(p.items, name, p.items.seen, clock, indent)
  return { text = ("fake.array_of(%s, %d, %d)"):format(item.text, p.fewest, p.longest),
    kind = item.kind and ("array<%s>"):format(item.kind),
    why = ("lists of %d to %d; in them: %s"):format(p.fewest, p.longest, item.why) }
end

local makers = { number = number, string = text, object = object, array = array }

function makers.boolean(p)
  local p_true = p.trues / (p.kinds.boolean or 1)
  return { text = ("fake.boolean(%.4g)"):format(p_true), why = ("%.4g %% are true"):format(p_true * 100) }
end

function value(p, name, clock, indent)
  local kind = next(p.kinds)
  return makers[kind](p, name, clock, indent)
end

-- Two kinds in one field: no column holds both.
local function check_kinds(p, name)
  local kinds = {}
  for kind in pairs(p.kinds) do kinds[#kinds + 1] = kind end
  if #kinds < 2 then return end
  table.sort(kinds, function(a, b) return p.kinds[a] > p.kinds[b] end)
  error(sys.error("invalid", ("field %s holds %ss (%s, and %s more) and %ss (%s): a column has one type; make the "
    .. "values alike, or text"):format(name, kinds[1], p.first[kinds[1]], thousands(p.kinds[kinds[1]] - 1), kinds[2],
    p.first[kinds[2]])), 0)
end

--- The provider of a profile that was absent or null in some of `total` records.
function guess.value(p, name, total, clock, indent)
  check_kinds(p, name)
  local present = p.seen - p.null
  if present == 0 then
    return { text = 'fake.optional("", 0)', why = "always null; text is assumed" }
  end
  local made = value(p, name, clock, indent)
  if present < total then
    made = { text = ("fake.optional(%s, %.4g)"):format(made.text, present / total), kind = made.kind,
      why = made.why .. ("; %s of %s are null or absent"):format(thousands(total - present), thousands(total)) }
  end
  return made
end

--- A field as lines of a schema: its comment, then { name, provider }; kind is the type of its column, where
--- that is known and not the guess's.
function guess.line(p, name, total, clock, indent, kind)
  if name == "" then
    local where = select(2, next(p.first))
    error(sys.error("invalid", ("a field has no name%s: give it one, a column must have it"):format(
      where and (" (%s)"):format(where) or "")), 0) -- where: unless all are null
  end
  local made = guess.value(p, name, total, clock, indent)
  kind = kind or made.kind
  local provider = made.fields and made.text:gsub("^fake%.object ", "") or made.text
  return ("%s-- %s (%s values)\n%s{ %s, %s%s },\n"):format(indent, made.why, thousands(p.seen - p.null), indent,
    quote(name), provider, kind and (", type = %q"):format(kind) or "")
end

return guess
