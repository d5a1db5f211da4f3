--- From a profile to a provider, as Lua text, with what was guessed and from how many values.
---
---     local made = guess.field(profile, name, whole)   -- { text =, why = } ; whole: see guess.script
---
--- The order of guesses for text: UUID, time, constant or choice of few values with their weights, mail
--- or network address, what the field's name says, shape (A99-9999), words.
local sys = require "kinessis.core.sys"

local guess = {}

local FEW = 50          -- values that are listed with their weights
local REPEATED = 5      -- times that each of them must come, on average
local UNIFORM = 0.07    -- how far a distribution may be from an even one
local PIECES = 20       -- quantiles that stand for an uneven one
local FEW_SHAPES = 5

local function quote(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"))
end

guess.quote = quote

local function thousands(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

guess.thousands = thousands

local function number_text(value)
  return math.type(value) == "integer" and ("%d"):format(value) or ("%.14g"):format(value)
end

-- ---- helpers that the script needs ----

guess.helpers = {
  spread = [[
-- A number as likely between any two neighbours of a list.
local function spread(ctx, quantiles)
  local i = ctx.random(#quantiles - 1)
  return quantiles[i] + (quantiles[i + 1] - quantiles[i]) * ctx.random()
end
]],
  shaped = [[
-- Text by a pattern: 9 is any digit, a and A any letter; what follows a % stands for itself.
local function shaped(ctx, pattern)
  return (pattern:gsub("(%%?)(.)", function(escape, c)
    if escape ~= "" then return c end
    if c == "9" then return tostring(ctx.random(0, 9)) end
    local first = c == "a" and 97 or c == "A" and 65
    return first and string.char(ctx.random(first, first + 25)) or c
  end))
end
]],
}

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
  return p.order, p.counts, total
end

-- literal: the text of a value in Lua; before: their order.
local function choice(p, literal, before)
  local order, counts, total = few(p)
  if not order then return nil end
  order = table.move(order, 1, #order, 1, {})
  table.sort(order, before)
  if #order == 1 then
    return { text = ("fake.constant(%s)"):format(literal(order[1])), why = "always the same" }
  end
  local parts, least, most = {}, math.huge, 0
  for i, text in ipairs(order) do
    parts[i] = ("{ %s, %d }"):format(literal(text), counts[text])
    least, most = math.min(least, counts[text]), math.max(most, counts[text])
  end
  -- As even as chance makes it: within four standard deviations of the mean.
  local mean = total / #order
  if mean - least < 4 * math.sqrt(mean) and most - mean < 4 * math.sqrt(mean) then
    for i, text in ipairs(order) do parts[i] = literal(text) end
    return { text = ("fake.one_of { %s }"):format(table.concat(parts, ", ")), even = true,
      why = ("%d values, each about as often"):format(#order) }
  end
  return { text = ("fake.weighted { %s }"):format(table.concat(parts, ", ")),
    why = ("%d values with their counts"):format(#order) }
end

-- ---- numbers ----

-- Quantiles of the sample, or nil when it is about uniform.
local function quantiles(n)
  local sorted = table.move(n.sample, 1, #n.sample, 1, {})
  table.sort(sorted)
  local range, far = n.most - n.least, 0
  for i, value in ipairs(sorted) do
    far = math.max(far, math.abs((value - n.least) / range - (i - 0.5) / #sorted))
  end
  -- Whole numbers of a small range come in steps.
  local step = n.whole and 1 / (range + 1) or 0
  if #sorted < PIECES or far < math.max(UNIFORM, 2.2 / math.sqrt(#sorted)) + step then return nil end
  local list = {}
  for i = 0, PIECES do list[i + 1] = number_text(sorted[math.max(1, (i * #sorted + PIECES - 1) // PIECES)]) end
  list[1], list[PIECES + 1] = number_text(n.least), number_text(n.most)
  return table.concat(list, ", ")
end

local function whole_type(n)
  return n.least >= -2 ^ 31 and n.most < 2 ^ 31 and "int" or "bigint"
end

local function whole_number(n, helpers)
  if n.step and n.step ~= 0 and n.n >= REPEATED then
    return { text = ("fake.sequence(%d, %d)"):format(n.start, n.step), why = ("each is %d after the one before"):format(
      n.step) }
  end
  local list = n.most > n.least and quantiles(n)
  if list then
    helpers.spread = true
    return { text = derive(("return math.floor(spread(ctx, { %s }) + 0.5)"):format(list), whole_type(n)),
      why = "uneven: quantiles" }
  end
  return { text = ("fake.integer(%d, %d)"):format(n.least, n.most), why = "whole numbers of this range" }
end

-- Decimals of 12 digits or fewer are exact in a double, at any scale.
local function as_decimal(n)
  local largest = math.max(math.abs(n.least), math.abs(n.most))
  return n.scale <= 9 and largest * 10.0 ^ n.scale < 1e12
end

local function fraction(n, helpers)
  local list = n.most > n.least and quantiles(n)
  if not as_decimal(n) then
    helpers.spread = true
    list = list or number_text(n.least) .. ", " .. number_text(n.most)
    return { text = derive(("return spread(ctx, { %s }) + 0.0"):format(list), "double"), why = "doubles: quantiles" }
  end
  if not list then
    return { text = ("fake.decimal(%s, %s, %d)"):format(number_text(n.least), number_text(n.most), n.scale),
      why = "decimals of this range" }
  end
  helpers.spread = true
  local largest = math.max(math.abs(n.least), math.abs(n.most))
  local digits = #("%d"):format(math.floor(largest)) + n.scale
  local unit = ("%d"):format(10 ^ n.scale)
  return { text = derive(("return math.floor(spread(ctx, { %s }) * %s + 0.5) / %s"):format(list, unit, unit),
    ("decimal(%d,%d)"):format(math.max(digits, n.scale + 1), n.scale)), why = "uneven: quantiles" }
end

local function number(p, _, helpers)
  local n = p.numbers
  if not n then return { text = derive("return 0.0", "double"), why = "numbers that no double holds" } end
  if n.step and n.step ~= 0 and n.n > FEW then return whole_number(n, helpers) end
  local function ascending(a, b) return tonumber(a) < tonumber(b) end
  local found = choice(p, function(text) return number_text(tonumber(text)) end, ascending)
  if found and not (found.even and n.whole and #p.order > 2 and #p.order == n.most - n.least + 1) then return found end
  return n.whole and whole_number(n, helpers) or fraction(n, helpers)
end

-- ---- times ----

local time_forms = {
  instant = { "!%Y-%m-%dT%H:%M:%S", "Z", "timestamp" },
  time = { "!%Y-%m-%d %H:%M:%S", "", "timestamp" },
  date = { "!%Y-%m-%d", "", "date" },
  ["local time"] = { "!%Y-%m-%dT%H:%M:%S", "", "string", "; Firehose reads no T without Z, so it is text" },
  ["offset time"] = { "!%Y-%m-%dT%H:%M:%S", "+00:00", "string", "; Firehose reads no offsets, so it is text" },
}

-- The providers that make such times: of the form, by the digits of its fraction.
local time_providers = {
  date = { [0] = 'fake.date("%s", "%s")' },
  time = { [3] = 'fake.between("%s", "%s", "sql")' },
  instant = { [0] = 'fake.between("%s", "%s", "iso_seconds")', [3] = 'fake.between("%s", "%s")' },
}

local function time(t, name, clock)
  local form = time_forms[name]
  local shown = name == "date" and 10 or 20
  local range = ("%s to %s"):format(sys.iso(t.least):sub(1, shown), sys.iso(t.most):sub(1, shown))
  if name == "instant" and t.rising and t.most > t.least and not clock.start then
    clock.start, clock.most = t.least, t.most
    return { text = "fake.now()", why = ("rising times, %s: the clock of the scenario"):format(range) }
  end
  local pattern, after, kind, remark = table.unpack(form)
  local why = ("%s of %s%s"):format(kind == "date" and "dates" or "times", range, remark or "")
  local provider = (time_providers[name] or {})[t.fraction]
  if provider then
    return { text = provider:format(sys.iso(t.least):sub(1, shown), sys.iso(t.most):sub(1, shown)), why = why }
  end
  local made = ("os.date(%q, ctx.random(%d, %d))"):format(pattern, t.least // 1, t.most // 1)
  if t.fraction > 0 then
    made = ("%s .. (\".%%0%dd\"):format(ctx.random(0, %d))"):format(made, t.fraction, 10 ^ t.fraction - 1 | 0)
  end
  if after ~= "" then made = ("%s .. %q"):format(made, after) end
  return { text = derive("return " .. made, kind), why = why }
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

local function pattern_of(shape)
  local parts = {}
  for i = 1, #shape.text do
    local c, same = shape.text:sub(i, i), shape.same[i]
    local place = c:find "%d" and "9" or c:find "%l" and "a" or c:find "%u" and "A"
    if place and not same then
      parts[i] = place
    elseif same and (c == "9" or c == "a" or c == "A" or c == "%") then
      parts[i] = "%" .. c
    else
      parts[i] = c
    end
  end
  return table.concat(parts)
end

-- Codes: a few shapes, with digits or capitals in them; words have neither.
local function shaped(s, helpers)
  local shapes = s.shapes
  if not shapes or #shapes > FEW_SHAPES or s.words > s.n * 2 then return nil end
  for _, shape in ipairs(shapes) do
    if not shape.text:find "%d" and #shapes > 1 or shape.text:find "[\x80-\xff]" then return nil end
  end
  helpers.shaped = true
  local parts = {}
  for i, shape in ipairs(shapes) do
    local made = derive(("return shaped(ctx, %s)"):format(quote(pattern_of(shape))), "string")
    parts[i] = #shapes > 1 and ("{ %s, %d }"):format(made, shape.n) or made
  end
  local text = #shapes > 1 and ("fake.weighted { %s }"):format(table.concat(parts, ", ")) or parts[1]
  return { text = text, why = ("codes of %d shape%s"):format(#shapes, #shapes == 1 and "" or "s") }
end

local function words(s)
  local n = math.max(1, math.min(100, math.floor(s.words / s.n + 0.5)))
  local why = ("text of %d to %d bytes"):format(s.shortest, s.longest)
  if s.longest == 0 then return { text = 'fake.constant("")', why = "always empty" } end
  if n == 1 then return { text = "fake.word()", why = why } end
  return { text = ("fake.sentence(%d)"):format(n), why = why .. (", about %d words"):format(n) }
end

-- What makes texts of a form.
local addresses = {
  { "email", "mail addresses" }, { "ipv4", "IPv4 addresses" }, { "mac", "MAC addresses" }, { "ipv6", "IPv6 addresses" },
  { "url", "addresses of pages" },
}

local function text(p, name, helpers, clock)
  local s = p.strings
  if s.is.uuid == s.n and not few(p) then return { text = "fake.uuid()", why = "UUIDs" } end
  for form in pairs(time_forms) do
    if s.is[form] == s.n and p.times then return time(p.times, form, clock) end
  end
  local found = choice(p, quote)
  if found then return found end
  for _, known in ipairs(addresses) do
    if s.is[known[1]] == s.n then return { text = ("fake.%s()"):format(known[1]), why = known[2] } end
  end
  return from_name(s, name) or shaped(s, helpers) or words(s)
end

-- ---- what holds others ----

local value -- of a profile without its nulls

local function members(p, helpers, clock, indent)
  local lines = {}
  for i, name in ipairs(p.names) do
    lines[i] = guess.line(p.fields[name], name, p.objects, helpers, clock, indent .. "  ")
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

local function map(p, name, helpers, clock, indent)
  local keys, frequent = {}, nil
  for i, key in ipairs(p.names) do
    keys[i] = quote(key)
    local field = p.fields[key]
    if not frequent or field.seen > frequent.seen then frequent = field end
  end
  local made = guess.value(frequent, name, frequent.seen, helpers, clock, indent)
  return { text = ("fake.map({ %s }, %s, %d, %d)"):format(table.concat(keys, ", "), made.text, p.smallest, p.largest),
    why = ("a map: %d keys, %d to %d in an object; its values: %s"):format(#keys, p.smallest, p.largest, made.why) }
end

local function object(p, name, helpers, clock, indent)
  if #p.names == 0 then return { text = derive("return {}", "map<string,string>"), why = "always {}" } end
  if is_map(p) then return map(p, name, helpers, clock, indent) end
  return { text = "fake.object " .. members(p, helpers, clock, indent), fields = true, why = "an object" }
end

local function array(p, name, helpers, clock, indent)
  if p.longest == 0 then
    return { text = 'fake.array_of("", 0)', why = "always []; strings are assumed" }
  end
  local item = guess.value(p.items, name, p.items.seen, helpers, clock, indent)
  return { text = ("fake.array_of(%s, %d, %d)"):format(item.text, p.fewest, p.longest),
    why = ("lists of %d to %d; in them: %s"):format(p.fewest, p.longest, item.why) }
end

local makers = { number = number, string = text, object = object, array = array }

function makers.boolean(p)
  local p_true = p.trues / (p.kinds.boolean or 1)
  return { text = ("fake.boolean(%.4g)"):format(p_true), why = ("%.4g %% are true"):format(p_true * 100) }
end

function value(p, name, helpers, clock, indent)
  local kind = next(p.kinds)
  return makers[kind](p, name, helpers, clock, indent)
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
function guess.value(p, name, total, helpers, clock, indent)
  check_kinds(p, name)
  local present = p.seen - p.null
  if present == 0 then
    return { text = 'fake.optional("", 0)', why = "always null; text is assumed" }
  end
  local made = value(p, name, helpers, clock, indent)
  if present < total then
    made = { text = ("fake.optional(%s, %.4g)"):format(made.text, present / total),
      why = made.why .. ("; %s of %s are null or absent"):format(thousands(total - present), thousands(total)) }
  end
  return made
end

--- A field as lines of a schema: its comment, then { name, provider }; kind is the type that it must be
--- told, or nil.
function guess.line(p, name, total, helpers, clock, indent, kind)
  local made = guess.value(p, name, total, helpers, clock, indent)
  local provider = made.fields and made.text:gsub("^fake%.object ", "") or made.text
  return ("%s-- %s (%s values)\n%s{ %s, %s%s },\n"):format(indent, made.why, thousands(p.seen - p.null), indent,
    quote(name), provider, kind and (", type = %q"):format(kind) or "")
end

return guess
