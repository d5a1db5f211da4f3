--- Times: now, in a range, around now, in series, at business hours; in any format and fixed time zone.
local blame = require "kinessis.blame"
local options = require "kinessis.options"
local provider = require "kinessis.fake.provider"
local sys = require "kinessis.core.sys"

local time = {}

-- ---- formats ----

-- The formats with a name: their number in src/gen/ops_time.c, Glue type, whether they are text.
local formats = {
  iso         = { 0, "timestamp", true },
  iso_seconds = { 1, "timestamp", true },
  epoch       = { 2, "bigint" },
  epoch_ms    = { 3, "bigint" },
  epoch_us    = { 4, "bigint" },
  date        = { 5, "date", true },
  sql         = { 6, "timestamp", true },
  time        = { 7, "string", true },
}

-- The pieces of a custom format, by their letter (strftime's; %L is milliseconds, %z +0100, %Z +01:00).
local pieces = {
  Y = 8, m = 9, d = 10, H = 11, M = 12, S = 13, L = 14, B = 15, b = 16, A = 17, a = 18, j = 19, y = 20, I = 21, p = 22,
  z = 23, Z = 24, s = 2,
}

local known_pieces = "%Y %m %d %H %M %S %L %y %B %b %A %a %j %I %p %z %Z %s"

local names = {}
for name in pairs(formats) do names[#names + 1] = name end
table.sort(names)

local function read_zone(zone)
  if zone == nil or zone == "Z" or zone == "UTC" then return 0 end
  local sign, hours, minutes = tostring(zone):match "^([+-])(%d%d):?(%d%d)$"
  local value = sign and tonumber(hours) * 60 + tonumber(minutes)
  if not value or value > 18 * 60 or tonumber(minutes) > 59 then
    provider.refuse('zone must be "Z" or a fixed offset like "+01:00", not %s', blame.show(zone))
  end
  return sign == "-" and -value or value
end

-- A custom format as a text of pieces that share their draws.
local function custom(operation, form, zone)
  local parts, at, draw = {}, 1, {}
  while at <= #form do
    local percent = form:find("%", at, true) or #form + 1
    if percent > at then parts[#parts + 1] = form:sub(at, percent - 1) end
    if percent <= #form then
      local letter = form:sub(percent + 1, percent + 1)
      if letter == "%" then
        parts[#parts + 1] = "%"
      elseif pieces[letter] then
        parts[#parts + 1] = provider.new(operation(pieces[letter], zone, draw))
      else
        provider.refuse("the format has no %%%s; there are %s", letter, known_pieces)
      end
    end
    at = percent + 2
  end
  return { parts = parts, type = "string", text = true }
end

-- A time from a source (src/gen/ops_time.c) in a format.
local function make(source, a, b, c, format, zone)
  zone = read_zone(zone)
  local function operation(code, minutes, draw)
    return { op = "time", source = source, a = a, b = b, c = c, format = code, zone = minutes, draw = draw,
      type = "string", text = true }
  end
  if format:find("%", 1, true) then return custom(operation, format, zone) end
  local known = formats[format]
  if not known then
    provider.refuse('format must be one of %s, or a text with %%Y, %%m, ..., not %s%s', table.concat(names, ", "),
      blame.show(format), blame.suggestion(format, names))
  end
  local made = operation(known[1], zone)
  made.type, made.text = known[2], known[3]
  if zone ~= 0 and known[2] == "timestamp" and format ~= "sql" then made.type = "string" end
  return made
end

local format = { "format", "string", "iso",
  "iso, iso_seconds, epoch, epoch_ms, epoch_us, date, sql, time, or strftime's %Y %m %d %H %M %S %L %b %a %z ..." }
local zone = { "zone?", "string", nil, 'a fixed offset, "+01:00"' }

-- ---- arguments ----

local first, last = -62135596800000, 253402300799999 -- ms: the years 1 to 9999

-- "2022-02-02", "2022-02-02T15:17:07Z" or seconds since 1970, as milliseconds.
local function read_moment(name, v, at_end)
  local seconds = v
  if type(v) == "string" then
    seconds = sys.parse_iso(v)
    if seconds and at_end and not v:find("T", 1, true) then seconds = seconds + 86399.999 end
  end
  if type(seconds) ~= "number" then
    provider.refuse('%s must be a time like "2022-02-02" or "2022-02-02T15:17:07Z", or seconds since 1970, not %s',
      name, blame.show(v))
  end
  provider.number(name, seconds)
  if seconds * 1000 < first or seconds * 1000 >= last + 1 then
    provider.refuse("%s must be of the years 1 to 9999, not %s%s", name, blame.show(v),
      type(v) == "number" and " (seconds since 1970)" or "")
  end
  return math.min(math.floor(seconds * 1000 + 0.5), last)
end

-- "90s", "1.5h", "30d" or seconds, as milliseconds.
local function read_span(name, v)
  local seconds = type(v) == "string" and options.duration(v) or v
  local ms = type(seconds) == "number" and seconds * 1000
  if not ms or ms ~= ms or ms < 0 or ms > last then
    provider.refuse('%s must be a duration like "30d", "12h", "90m", "45s", "500ms" or seconds, not %s', name,
      blame.show(v))
  end
  return math.floor(ms + 0.5)
end

-- ---- providers ----

local direct = { iso = "now", epoch = "now_seconds", epoch_ms = "now_ms" }

time.now = {
  "when the record is made; with a simulated clock, the time that this clock gives to it, so that the same seed gives "
    .. "the same bytes. The format iso, 2022-02-02T15:17:07.123Z, is what Firehose reads as a timestamp",
  arguments = { format, zone },
  type = "timestamp, bigint, date, string",
  example = "fake.now()", shows = '^"[%d-]+T[%d:.]+Z"$',
  make = function(how, where)
    local made = make(0, 0, 0, 0, how, where)
    if made.op and made.zone == 0 and direct[how] then
      return { op = direct[how], type = made.type, text = made.text }
    end
    return made
  end,
}

local moment = "a date, an ISO time, or seconds since 1970"

time.between = {
  "a time from one to another, each as likely; a date as `to` includes that day",
  arguments = { { "from", "any", nil, moment }, { "to", "any", nil, moment }, format, zone },
  type = "timestamp, bigint, date, string",
  example = 'fake.between("2022-01-01", "2022-12-31", "%d/%b/%Y")', shows = '^"%d%d/%a%a%a/2022"$',
  make = function(from, to, how, where)
    local a, b = read_moment("from", from), read_moment("to", to, true)
    if a > b then provider.refuse("from %s is after to %s", from, to) end
    return make(1, a, b, 0, how, where)
  end,
}

time.date = {
  "a date from one to another, each as likely",
  arguments = { { "from", "any", "1970-01-01", moment }, { "to", "any", "2037-12-31", moment } },
  type = "date",
  example = 'fake.date("2022-01-01", "2022-12-31")', shows = '^"2022%-%d%d%-%d%d"$',
  make = function(from, to)
    local a, b = read_moment("from", from or "1970-01-01"), read_moment("to", to or "2037-12-31", true)
    if a > b then provider.refuse("from %s is after to %s", from, to) end
    return make(1, a, b, 0, "date")
  end,
}

time.time_of_day = {
  "a time of the day",
  arguments = { { "format", "string", "time", "as of fake.now" } },
  type = "string",
  example = "fake.time_of_day()", shows = '^"%d%d:%d%d:%d%d"$',
  make = function(how) return make(1, 0, 86399999, 0, how) end,
}

time.past = {
  "a time before now, at most so long ago",
  arguments = { { "within", "any", "365d", "a duration" }, format, zone },
  type = "timestamp, bigint, date, string",
  example = 'fake.past("30d")', shows = '^"[%d-]+T[%d:.]+Z"$',
  make = function(within, how, where) return make(2, -read_span("within", within or "365d"), 0, 0, how, where) end,
}

time.future = {
  "a time after now, at most so far away",
  arguments = { { "within", "any", "365d", "a duration" }, format, zone },
  type = "timestamp, bigint, date, string",
  example = 'fake.future("30d", "epoch")', shows = "^%d+$",
  make = function(within, how, where) return make(2, 0, read_span("within", within or "365d"), 0, how, where) end,
}

time.series = {
  "a time for each record: start + every * index, and up to jitter more. With a jitter below `every` it only grows",
  arguments = {
    { "start", "any", nil, moment }, { "every", "any", "1s", "a duration" }, { "jitter", "any", "0s", "a duration" },
    format, zone,
  },
  type = "timestamp, bigint, date, string",
  example = 'fake.series("2022-02-02", "1m", "10s")', shows = '^"2022%-02%-02T0%d:[%d:.]+Z"$',
  make = function(start, every, jitter, how, where)
    local step, more = read_span("every", every or "1s"), read_span("jitter", jitter or 0)
    return make(3, read_moment("start", start), step, more, how, where)
  end,
}

local function read_clock(name, v)
  local hours, minutes = tostring(v):match "^(%d%d?):(%d%d)$"
  local value = hours and tonumber(hours) * 60 + tonumber(minutes)
  if not value or tonumber(minutes) > 59 or value > 1440 then
    provider.refuse('%s must be a time of day like "09:00", not %s', name, blame.show(v))
  end
  return value
end

-- The first working day from day number `day` on, and how many there are up to `to`. Day 4 is a Monday.
local function working_days(day, to)
  while (day - 4) % 7 > 4 do day = day + 1 end
  local days = to - day + 1
  local weekday = (day - 4) % 7
  local whole, rest = days // 7, days % 7
  local count = whole * 5
  for i = 0, rest - 1 do
    if (weekday + i) % 7 < 5 then count = count + 1 end
  end
  return day, count
end

time.business_hours = {
  "a time from Monday to Friday between opening and closing, in the time zone",
  arguments = {
    { "from", "any", nil, moment }, { "to", "any", nil, moment }, { "open", "string", "09:00" },
    { "close", "string", "17:00" }, format, zone,
  },
  type = "timestamp, bigint, date, string",
  example = 'fake.business_hours("2022-01-01", "2022-12-31")', shows = '^"2022%-%d%d%-%d%dT[01]%d:[%d:.]+Z"$',
  make = function(from, to, open, close, how, where)
    local a, b = read_moment("from", from) // 86400000, read_moment("to", to) // 86400000
    if a > b then provider.refuse("from %s is after to %s", from, to) end
    local opens, closes = read_clock("open", open), read_clock("close", close)
    if opens >= closes then provider.refuse("open %s is not before close %s", open, close) end
    local day, count = working_days(a, b)
    if count < 1 then provider.refuse("there is no working day from %s to %s", from, to) end
    return make(4, day, count, opens << 16 | closes, how, where)
  end,
}

return time
