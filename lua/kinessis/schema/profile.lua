--- What many values of one field have in common: kinds, ranges, choices, shapes. Memory is bounded: a
--- field keeps at most 1,000 different values, 4,000 sampled numbers and 20 shapes; an object 1,000 names.
---
---     local p = profile.new()
---     profile.add(p, value, where)     -- of json.read; where: what an error names ("line 7")
---
--- A profile: seen (values, null among them), null, kinds (kind -> how many), first (kind -> where),
--- counts (text -> how many, or nil when there were too many), order (texts as they came), and
---   numbers = { n, least, most, scale, whole, sample, start, last, step (of a sequence, or nil), rises,
---               never_falls }
---   strings = { n, shortest, longest, words, is (form -> how many), shapes (or nil), lower, upper, digit,
---               past_f (a letter after f), others (characters, as a set) }
---   written = format -> { least, most } (seconds), of days and times of the day in other forms than ISO 8601's
---   times   = { n, least, most (seconds), fraction (digits), gaps (the sum of their squares), behind
---               (how far one is behind the latest before it) }
---   trues; names and fields (of objects), objects, smallest, largest (names in one); items, fewest,
---   longest (of arrays)
local sys = require "kinessis.core.sys"

local profile = {}

local MOST = 1000         -- different values, names
local MOST_NUMBERS = 4000 -- in a sample
local MOST_SHAPES = 20
local LONGEST = 200       -- bytes of a value that is kept

--- What is known of a field before its first value.
function profile.new()
  return { seen = 0, null = 0, kinds = {}, first = {}, counts = {}, order = {} }
end

local function count(p, text)
  local counts = p.counts
  if not counts then return end
  if counts[text] then
    counts[text] = counts[text] + 1
  elseif #p.order == MOST or #text > LONGEST then
    p.counts, p.order = nil, nil
  else
    counts[text] = 1
    p.order[#p.order + 1] = text
  end
end

-- ---- numbers ----

-- Keeps value number n with probability MOST_NUMBERS / n; which one it replaces follows from n alone, so that
-- the same file gives the same schema.
local function sample(list, n, value)
  if n <= MOST_NUMBERS then
    list[n] = value
    return
  end
  local mixed = n * 0x9E3779B97F4A7C15
  mixed = (mixed ~ (mixed >> 29)) * 0xBF58476D1CE4E5B9
  local at = ((mixed >> 1) % n) + 1
  if at <= MOST_NUMBERS then list[at] = value end
end

local function add_number(p, text)
  local value = tonumber(text)
  if value - value ~= 0 then return end -- over any range
  local n = p.numbers
  if not n then
    n = { least = value, most = value, scale = 0, whole = true, sample = {}, n = 0, rises = true, never_falls = true }
    p.numbers = n
  end
  n.n = n.n + 1
  n.least, n.most = math.min(n.least, value), math.max(n.most, value)
  local fraction = text:match "^-?%d+%.(%d+)$"
  n.scale = math.max(n.scale, fraction and #fraction or text:find "[eE]" and 99 or 0)
  n.whole = n.whole and math.type(value) == "integer"
  if n.n == 2 and n.whole then n.step = value - n.last
  elseif n.step and (not n.whole or value - n.last ~= n.step) then n.step = nil end
  n.rises = n.rises and (n.n == 1 or value > n.last)
  n.never_falls = n.never_falls and (n.n == 1 or value >= n.last)
  n.start = n.start or value
  n.last = value
  sample(n.sample, n.n, value)
end

-- ---- strings ----

--- Forms that text is tested for; all values of a field must have it.
profile.forms = {
  { "uuid", "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$" },
  { "email", "^[%w._%%+-]+@[%w-]+%.[%w.-]+$" },
  { "ipv4", "^%d%d?%d?%.%d%d?%d?%.%d%d?%d?%.%d%d?%d?$" },
  { "ipv6", "^%x+:%x+:%x+:%x+:%x+:%x+:%x+:%x+$" },
  { "mac", "^%x%x:%x%x:%x%x:%x%x:%x%x:%x%x$" },
  { "url", "^https?://[%w.-]+%.[%w-]+[/?#%w][%w%p]*$" },
  { "instant", "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$", time = true },
  { "time", "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.?%d*$", time = true },
  { "date", "^%d%d%d%d%-%d%d%-%d%d$", time = true },
  { "local time", "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*$", time = true },
  { "offset time", "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*[+-]%d%d:?%d%d$", time = true },
  -- Days and times of the day as they are written elsewhere, by their format; iso: of the pattern's captures.
  { "%d.%m.%Y", "^(%d%d)%.(%d%d)%.(%d%d%d%d)$", iso = "%3-%2-%1" },
  { "%d/%m/%Y", "^(%d%d)/(%d%d)/(%d%d%d%d)$", iso = "%3-%2-%1" },
  { "%m/%d/%Y", "^(%d%d)/(%d%d)/(%d%d%d%d)$", iso = "%3-%1-%2" },
  { "%d-%m-%Y", "^(%d%d)%-(%d%d)%-(%d%d%d%d)$", iso = "%3-%2-%1" },
  { "%Y/%m/%d", "^(%d%d%d%d)/(%d%d)/(%d%d)$", iso = "%1-%2-%3" },
  { "%H:%M:%S", "^(%d%d:%d%d:%d%d)$", iso = "1970-01-01T%1Z" },
  { "%H:%M", "^(%d%d:%d%d)$", iso = "1970-01-01T%1:00Z" },
  { "capitalised", "^%u[%a\x80-\xff' .-]*$" },
}

local FIRST = -62135596800 -- the year 1: no provider makes a time before it

local function add_time(p, text)
  local seconds = sys.parse_iso((text:sub(1, 10) .. (#text > 10 and "T" .. text:sub(12):gsub("[+-]%d%d:?%d%d$", "")
    or ""):gsub("Z?$", #text > 10 and "Z" or "", 1)))
  if not seconds or seconds < FIRST then return false end
  local t = p.times
  if not t then
    t = { n = 0, least = seconds, most = seconds, fraction = 0, last = seconds, gaps = 0, behind = 0 }
    p.times = t
  end
  t.n, t.gaps = t.n + 1, t.gaps + (seconds - t.last) ^ 2
  t.least, t.most, t.last = math.min(t.least, seconds), math.max(t.most, seconds), seconds
  t.behind = math.max(t.behind, t.most - seconds)
  t.fraction = math.max(t.fraction, #(text:match "%.(%d+)" or ""))
  return true
end

-- As add_time, of a form that is written otherwise.
local function add_written(p, text, form)
  local seconds = sys.parse_iso((text:gsub(form[2], form.iso)))
  if not seconds or seconds < FIRST then return false end
  p.written = p.written or {}
  local range = p.written[form[1]] or { least = seconds, most = seconds }
  range.least, range.most = math.min(range.least, seconds), math.max(range.most, seconds)
  p.written[form[1]] = range
  return true
end

-- Digits as 9, letters as a and A; other characters stand for themselves. What all texts of a shape
-- have at a place is kept: same[i] is a byte, or false.
local function add_shape(s, text)
  if not s.shapes then return end
  local shape = text:gsub("%d", "9"):gsub("%l", "a"):gsub("%u", "A")
  local known = s.shapes[shape]
  if known then
    known.n = known.n + 1
    for i = 1, #text do
      if known.same[i] and known.same[i] ~= text:byte(i) then known.same[i] = false end
    end
  elseif #s.shapes == MOST_SHAPES or #text > 40 then
    s.shapes = nil
  else
    known = { n = 1, same = { text:byte(1, -1) }, text = text }
    s.shapes[shape] = known
    s.shapes[#s.shapes + 1] = known
  end
end

local function add_string(p, text)
  local s = p.strings
  if not s then
    s = { shortest = #text, longest = #text, words = 0, is = {}, n = 0, shapes = {}, others = {} }
    p.strings = s
  end
  s.n = s.n + 1
  s.shortest, s.longest = math.min(s.shortest, #text), math.max(s.longest, #text)
  s.words = s.words + select(2, text:gsub("%S+", ""))
  s.lower, s.upper, s.digit = s.lower or text:find "%l", s.upper or text:find "%u", s.digit or text:find "%d"
  s.past_f = s.past_f or text:find "[g-zG-Z]"
  for other in text:gmatch "[^%w]" do s.others[other] = true end
  for _, form in ipairs(profile.forms) do
    local name = form[1]
    if (s.is[name] or 0) == s.n - 1 and text:find(form[2]) and (not form.time or add_time(p, text))
      and (not form.iso or add_written(p, text, form)) then
      s.is[name] = s.n
    end
  end
  add_shape(s, text)
end

-- ---- values ----

local function add_object(p, value, where)
  if not p.names then p.names, p.fields, p.objects = {}, {}, 0 end
  p.objects = p.objects + 1
  p.smallest = math.min(p.smallest or #value.names, #value.names)
  p.largest = math.min(MOST, math.max(p.largest or 0, #value.names))
  for i, name in ipairs(value.names) do
    local field = p.fields[name]
    if not field and #p.names < MOST then
      field = profile.new()
      p.fields[name] = field
      p.names[#p.names + 1] = name
    end
    if field and field.at ~= p.objects then -- a key that comes twice counts once
      field.at = p.objects
      profile.add(field, value.values[i], where)
    end
  end
end

local function add_array(p, value, where)
  p.items = p.items or profile.new()
  local n = #value.values
  p.fewest, p.longest = math.min(p.fewest or n, n), math.max(p.longest or n, n)
  for _, item in ipairs(value.values) do profile.add(p.items, item, where) end
end

local adders = {
  number = function(p, value)
    count(p, value.text)
    add_number(p, value.text)
  end,
  string = function(p, value)
    count(p, value.text)
    add_string(p, value.text)
  end,
  boolean = function(p, value) p.trues = (p.trues or 0) + (value.value and 1 or 0) end,
  object = add_object,
  array = add_array,
}

--- Adds a value of kinessis.json to what is known; `where` says where it stands, for mistakes.
function profile.add(p, value, where)
  p.seen = p.seen + 1
  local kind = value.kind
  if kind == "null" then
    p.null = p.null + 1
    return
  end
  p.kinds[kind] = (p.kinds[kind] or 0) + 1
  p.first[kind] = p.first[kind] or where
  adders[kind](p, value, where)
end

local truth = { ["true"] = true, ["false"] = false }

--- Adds text whose kind is not known (CSV): it is a string, and perhaps a number or a boolean too; see
--- profile.settle. Empty text is null.
function profile.add_text(p, text, where)
  p.seen = p.seen + 1
  if text == "" then
    p.null = p.null + 1
    return
  end
  p.kinds.string = (p.kinds.string or 0) + 1
  p.first.string = p.first.string or where
  count(p, text)
  add_string(p, text)
  if text:find "^-?%d" and (text:find "^-?[1-9]%d*%f[^%d]" or text:find "^-?0%f[^%d]")
    and text:find "^-?%d+%.?%d*[eE]?[+-]?%d*$" and not text:find "%.$" and tonumber(text) then
    p.maybe_numbers = (p.maybe_numbers or 0) + 1
    add_number(p, text)
  end
  if truth[text] ~= nil then
    p.maybe_booleans = (p.maybe_booleans or 0) + 1
    p.trues = (p.trues or 0) + (truth[text] and 1 or 0)
  end
end

--- Decides what text that was added is: a number or a boolean when all of it is.
function profile.settle(p)
  local n = p.kinds.string
  if n and p.maybe_numbers == n then p.kinds = { number = n }
  elseif n and p.maybe_booleans == n then p.kinds = { boolean = n } end
end

return profile
