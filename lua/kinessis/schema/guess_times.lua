--- From times that have something in common to a provider: those that rise are the scenario's clock, others a range.
---
--- A scenario has one clock: the first field that rises sets it, and others take it when they begin and end as
--- that does, within a twentieth of all the time.
local profile = require "kinessis.schema.profile"
local sys = require "kinessis.core.sys"

local times = {}

local SHARE = 20      -- a part of all the time that does not matter: one in so many
local IN_ORDER = 20   -- times of which some may be late
local SAME = 5        -- times that are no accident when they are the same

-- Forms of text (profile.forms): formats of providers by the digits of the fraction, Glue's type, a remark.
local forms = {
  instant = { [0] = "iso_seconds", [3] = "iso", other = "%Y-%m-%dT%H:%M:%S#Z", kind = "timestamp" },
  time = { [0] = "%Y-%m-%d %H:%M:%S", [3] = "sql", other = "%Y-%m-%d %H:%M:%S#", kind = "timestamp" },
  date = { [0] = "date", kind = "date" },
  ["local time"] = { [0] = "%Y-%m-%dT%H:%M:%S", [3] = "%Y-%m-%dT%H:%M:%S.%L", other = "%Y-%m-%dT%H:%M:%S#",
    kind = "string", remark = "; Firehose reads no T without Z, so it is text" },
  ["offset time"] = { [0] = "%Y-%m-%dT%H:%M:%S+00:00", [3] = "%Y-%m-%dT%H:%M:%S.%L+00:00",
    other = "%Y-%m-%dT%H:%M:%S#+00:00", kind = "string", remark = "; Firehose reads no offsets, so it is text" },
}

--- The clock of the scenario is, or may become, that of times from least to most (seconds).
function times.follow(clock, least, most)
  if least < 0 then return false end -- a clock starts in 1970 at the earliest
  if not clock.start then
    clock.start, clock.most = least, most
    return true
  end
  local slack = (clock.most - clock.start) / SHARE
  return math.abs(least - clock.start) <= slack and math.abs(most - clock.most) <= slack
end

-- In order, or nearly: none is further behind the latest before it than a part of all their time.
local function is_rising(t)
  return t.most > t.least and (t.behind == 0 or t.n >= IN_ORDER and t.behind <= (t.most - t.least) / SHARE)
end

-- Every how many seconds they come, and whether the steps are alike.
local function pace_of(t)
  local mean = (t.most - t.least) / (t.n - 1)
  local spread = math.sqrt(math.max(0, t.gaps / (t.n - 1) - mean * mean))
  return ("every %.4g s%s%s"):format(mean, spread < mean / 20 and "" or " on average, unevenly",
    t.behind > 0 and (", some %.3g s late"):format(t.behind) or "")
end

--- @param p a profile whose texts all have the form of this name
--- @return { text =, why =, kind = Glue's type, or nil }
function times.guess(p, name, clock)
  local t, form = p.times, forms[name]
  local digits = name == "date" and 10 or t.fraction > 0 and 24 or 20
  local function show(seconds) return sys.iso(seconds, digits == 24):sub(1, digits) end
  local range = ("%s to %s"):format(show(t.least), show(t.most))
  local format, remark = form[t.fraction], form.remark or ""
  local kind = (not format or format:find "%%") and form.kind ~= "string" and form.kind or nil
  if t.least == t.most and t.n >= SAME and p.counts and #p.order == 1 then
    return { text = ("fake.constant(%q)"):format(p.order[1]), kind = form.kind ~= "string" and form.kind or nil,
      why = "always the same time" .. remark }
  end
  local why = ("%s of %s%s"):format(name == "date" and "dates" or "times", range, remark)
  if name == "date" then
    return { text = ('fake.date("%s", "%s")'):format(show(t.least), show(t.most)), why = why }
  elseif format and is_rising(t) and times.follow(clock, t.least, t.most) then
    return { text = ("fake.now(%s)"):format(format ~= "iso" and ("%q"):format(format) or ""), kind = kind,
      why = ("rising times, %s, %s: the clock of the scenario%s"):format(range, pace_of(t), remark) }
  elseif format then
    return { text = ('fake.between("%s", "%s"%s)'):format(show(t.least), show(t.most),
      format ~= "iso" and (", %q"):format(format) or ""), why = why, kind = kind }
  end
  -- No format writes so many digits of a second.
  local before, after = form.other:match "^(.*)#(.*)$"
  return { why = why, text = ('fake.derive(function(ctx) return os.date("!%s", ctx.random(%d, %d)) .. (".%%0%dd%s")'
    .. ":format(ctx.random(0, %d)) end, %q)"):format(before, t.least // 1, t.most // 1, t.fraction, after,
    10 ^ t.fraction - 1 | 0, form.kind) }
end

--- @param p a profile of texts
--- @return as times.guess, or nil when they are no days or times of the day that have one of profile's formats
function times.guess_written(p)
  local format
  for _, form in ipairs(profile.forms) do
    format = format or form.iso and p.strings.is[form[1]] == p.strings.n and form[1]
  end
  if not format then return nil end
  local range, of_day = p.written[format], not format:find "%%Y"
  local unit = of_day and (format:find "%%S" and 1 or 60) or 86400
  local least, most = sys.iso(range.least, false), sys.iso(range.most + unit - 1, false)
  local from, to = 1, 10
  if of_day then from, to = 12, 19 end
  return { text = ('fake.between("%s", "%s", "%s")'):format(least, most, format),
    why = ("%s of %s to %s, as %s, which is no type of a column, so it is text"):format(of_day and "times" or "days",
      least:sub(from, to), most:sub(from, to), format) }
end

--- The forms, by name.
times.forms = forms

return times
