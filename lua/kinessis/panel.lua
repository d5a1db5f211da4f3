--- How a run fares, drawn: a panel of a few lines, or one line. Pure: a view (kinessis.progress makes it) and
--- a screen in, lines of text out, none wider than the screen.
---
---     screen = { columns = 80, rows = 24, utf8 = true, color = true }
---     view = { seconds, generated, rate, asked = nil without a pace, behind = seconds, paused, amount, left,
---       sinks = { { title, rate, delivered, retried, throttled, failed, latency = as in the status,
---                   heat = { { shard, share, hot = throttled lately, throttled = so far } ... hottest first } } },
---       judged = of kinessis.thresholds }
local report = require "kinessis.report"
local show = require "kinessis.show"

local panel = {}

local styles = { dim = "2", bold = "1", bad = "31", warn = "33", good = "32" }

local glyphs = {
  [true] = { full = "█", parts = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" }, empty = "░", met = "✓", missed = "✗",
    open = "…", more = "…", micro = "µs", hot = "▲" },
  [false] = { full = "#", parts = {}, empty = ".", met = "ok", missed = "FAILED", open = "not yet", more = "~",
    micro = "us", hot = "!" },
}

-- ---- lines of segments: { text, style or nil } ----

-- The first characters of the text that fit.
local function cut(text, width)
  if report.width(text) <= width then return text end
  local out, taken = {}, 0
  for _, code in utf8.codes(text) do
    local one = utf8.char(code)
    taken = taken + report.width(one)
    if taken > width then break end
    out[#out + 1] = one
  end
  return table.concat(out)
end

-- A line of at most so many places: what does not fit is left away.
local function paint(segments, screen)
  local out, room = {}, screen.columns - 1 -- in the last column a terminal may wrap
  for _, segment in ipairs(segments) do
    local text = cut(segment[1], room)
    room = room - report.width(text)
    local style = screen.color and segment[2] and styles[segment[2]]
    out[#out + 1] = style and text ~= "" and ("\27[%sm%s\27[0m"):format(style, text) or text
  end
  return (table.concat(out):gsub(" +$", ""))
end

local function fill(text, width, right)
  local space = (" "):rep(width - report.width(text))
  return right and space .. text or text .. space
end

--- A bar of that many places, filled to the share.
local function bar(share, width, glyph, empty)
  local eighths = math.floor(math.min(math.max(share, 0), 1) * width * 8 + 0.5)
  local text = glyph.full:rep(eighths // 8) .. (glyph.parts[eighths % 8] or "")
  return text .. empty:rep(width - report.width(text))
end

-- ---- the parts ----

-- Less is the machine's, and in the latencies.
local lateness = 0.5

local function short(text, n) return ("%s %s"):format(n, text) end

--- What the run does: time, rate, how far.
local function head(view, screen, glyph)
  local out = { { show.clock(view.seconds) .. "  ", "dim" }, { show.rate(view.rate) .. " records/s", "bold" } }
  local function add(text, style) out[#out + 1] = { "  " .. text, style } end
  if view.asked then out[#out + 1] = { " of " .. show.rate(view.asked) .. " asked for", "dim" } end
  if view.paused then add("paused", "warn") end
  if (view.behind or 0) >= lateness then add(show.time(view.behind, glyph.micro) .. " behind", "warn") end
  if view.amount and view.amount > 0 then
    local share = math.min(view.generated / view.amount, 1)
    add(bar(share, math.min(20, screen.columns // 6), glyph, glyph.empty))
    out[#out + 1] = { " " .. show.share(share) }
    if view.left then add(show.clock(view.left) .. " left") end
  end
  return out
end

local function latency(name)
  return function(sink, glyph)
    return sink.latency.count > 0 and show.time(sink.latency[name], glyph.micro) or "-"
  end
end

local function counter(name)
  return function(sink) return show.count(sink[name]) end
end

local function when_any(name, style)
  return function(sink) return sink[name] > 0 and style or nil end
end

-- The columns of the destinations, and in which order they go when there is no room.
local columns = {
  { "records/s", function(sink) return show.rate(sink.rate) end, goes = 6 },
  { "delivered", counter "delivered" },
  { "retried", counter "retried", goes = 3 },
  { "throttled", counter "throttled", style = when_any("throttled", "warn"), goes = 5 },
  { "failed", counter "failed", style = when_any("failed", "bad") },
  { "p50", latency "p50", goes = 2 },
  { "p99", latency "p99", goes = 4 },
  { "p99.9", latency "p999", goes = 1 },
}

local gap, least_title = 2, 8

-- The columns that fit, with their cells and widths.
local function fit_columns(view, screen, glyph)
  local chosen, total = {}, 0
  for i, column in ipairs(columns) do
    local cells, width = {}, #column[1]
    for k, sink in ipairs(view.sinks) do
      cells[k] = column[2](sink, glyph)
      width = math.max(width, report.width(cells[k]))
    end
    chosen[i] = { column = column, cells = cells, width = width }
    total = total + width + gap
  end
  while total + least_title >= screen.columns do
    local first
    for i, one in ipairs(chosen) do
      if one.column.goes and (not first or one.column.goes < chosen[first].column.goes) then first = i end
    end
    if not first then break end
    total = total - chosen[first].width - gap
    table.remove(chosen, first)
  end
  return chosen, total
end

-- A text in that many places, shortened at its end.
local function shorten(text, width, glyph)
  if report.width(text) <= width then return fill(text, width) end
  return fill(cut(text, width - 1) .. glyph.more, width)
end

--- The destinations: a row of names, a row each.
local function sinks(view, screen, glyph)
  local chosen, taken = fit_columns(view, screen, glyph)
  local title = #"destination"
  for _, sink in ipairs(view.sinks) do title = math.max(title, report.width(sink.title)) end
  title = math.max(math.min(title, screen.columns - 1 - taken), least_title)
  local names, lines = { { shorten("destination", title, glyph), "dim" } }, {}
  for _, one in ipairs(chosen) do
    names[#names + 1] = { (" "):rep(gap) .. fill(one.column[1], one.width, true), "dim" }
  end
  lines[1] = names
  for k, sink in ipairs(view.sinks) do
    local line = { { shorten(sink.title, title, glyph) } }
    for _, one in ipairs(chosen) do
      line[#line + 1] = { (" "):rep(gap) .. fill(one.cells[k], one.width, true),
        one.column.style and one.column.style(sink) }
    end
    lines[#lines + 1] = line
  end
  return lines
end

--- The hottest shards of a stream, at most so many lines.
local function heat(sink, room, glyph)
  local lines, rows = {}, sink.heat or {}
  if #rows < 2 or room < 1 then return lines end
  local most = 1e-9
  for _, row in ipairs(rows) do most = math.max(most, row.share) end
  local shown = #rows <= room and #rows or room - 1
  for i = 1, shown do
    local row = rows[i]
    local style = row.hot and "warn" or nil
    lines[i] = { { "  " .. row.shard .. " " }, { bar(row.share / most, 16, glyph, " "), style },
      { (" %s"):format(fill(show.share(row.share), 6, true)) },
      { row.throttled > 0 and ("  throttled %s"):format(show.count(row.throttled)) or "", style },
      { row.hot and " " .. glyph.hot .. " hot" or "", style } }
  end
  if #rows > shown then lines[#lines + 1] = { { ("  %d more shards"):format(#rows - shown), "dim" } } end
  return lines
end

local function judge(one, glyph)
  if one.passed then return glyph.met, "good" end
  if one.open then return glyph.open, "dim" end
  return glyph.missed, "bad"
end

--- The thresholds, as many on a line as fit.
local function thresholds(judged, screen, glyph)
  local lines, line, taken = {}, nil, 0
  for _, one in ipairs(judged) do
    local mark, style = judge(one, glyph)
    local text = (" %s (%s)"):format(one.text, one.shown)
    local width = report.width(mark) + report.width(text)
    if not line or taken + 3 + width >= screen.columns then
      line, taken = {}, -3
      lines[#lines + 1] = line
    else
      line[#line + 1] = { "   " }
    end
    line[#line + 1] = { mark, style }
    line[#line + 1] = { text }
    taken = taken + 3 + width
  end
  return lines
end

-- ---- the whole ----

local least_rows, least_columns, most_shards = 8, 50, 8

--- @return whether a panel has its place there
function panel.fits(screen) return screen.rows >= least_rows and screen.columns >= least_columns end

local function append(lines, more, screen, room)
  for i = 1, math.min(#more, room - #lines) do lines[#lines + 1] = paint(more[i], screen) end
end

--- @return the lines of the panel, at most half of the screen
function panel.render(view, screen)
  local glyph, room = glyphs[screen.utf8], math.max(screen.rows // 2, 4)
  local lines = {}
  append(lines, { head(view, screen, glyph) }, screen, room)
  append(lines, sinks(view, screen, glyph), screen, room)
  local judged = thresholds(view.judged or {}, screen, glyph)
  for _, sink in ipairs(view.sinks) do
    append(lines, heat(sink, math.min(room - #lines - #judged, most_shards), glyph), screen, room)
  end
  append(lines, judged, screen, room)
  return lines
end

local function most_of(view, name)
  local most = 0
  for _, sink in ipairs(view.sinks) do most = math.max(most, sink[name]) end
  return most
end

--- One line: what matters most comes first, what does not fit is left away. Of several destinations it
--- tells what all have, or the worst.
--- @return the text
function panel.line(view, screen)
  local glyph = glyphs[screen.utf8]
  local delivered, worst = math.huge, view.sinks[1]
  for _, sink in ipairs(view.sinks) do
    delivered = math.min(delivered, sink.delivered)
    if sink.latency.count > 0 and sink.latency.p99 > (worst.latency.p99 or 0) then worst = sink end
  end
  local out = { { show.clock(view.seconds) .. "  ", "dim" }, { show.rate(view.rate) .. " records/s" } }
  local function add(text, style) out[#out + 1] = { "  " .. text, style } end
  if view.asked then out[#out + 1] = { " of " .. show.rate(view.asked), "dim" } end
  if view.paused then add("paused", "warn") end
  add(show.count(delivered) .. " delivered")
  if view.amount and view.amount > 0 then
    out[#out + 1] = { (" (%s)"):format(show.share(math.min(delivered / view.amount, 1))) }
  end
  for _, row in ipairs { { "failed", "bad" }, { "throttled", "warn" }, { "retried" } } do
    local n = most_of(view, row[1])
    if n > 0 then add(short(row[1], show.count(n)), row[2]) end
  end
  if (view.behind or 0) >= lateness then add(show.time(view.behind, glyph.micro) .. " behind", "warn") end
  if worst.latency.count > 0 then
    add(("p50 %s  p99 %s"):format(show.time(worst.latency.p50, glyph.micro), show.time(worst.latency.p99, glyph.micro)))
  end
  if view.left then add(show.clock(view.left) .. " left") end
  return paint(out, screen)
end

return panel
