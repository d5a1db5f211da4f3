-- What a run shows on a terminal: from statuses to views, from a view and a screen to lines.
local tap = dofile "tests/lua/tap.lua"
local panel = require "kinessis.panel"
local progress = require "kinessis.progress"
local report = require "kinessis.report"
local thresholds = require "kinessis.thresholds"

local function latency(p) return { count = 100, mean = p, p50 = p, p90 = p, p99 = 2 * p, p999 = 5 * p, max = 9 * p } end

local function sent(delivered, more)
  local out = { kind = "kinesis", generated = delivered, delivered = delivered, retried = 0, failed = 0, throttled = 0,
    uncertain = 0, maybe_twice = 0, requests = 1, bytes = 1, latency = latency(0.0123) }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

local function status(seconds, generated, sinks, more)
  local out = { seconds = seconds, generated = generated, paused = false, closed = false, sinks = sinks,
    behind = { records = 0, seconds = 0, most = 0, waited = 0 } }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

local function heat(counts, throttled)
  local rows = { { shard = "", records = 5, bytes = 5, throttled = 0 } }
  for i, n in ipairs(counts) do
    rows[#rows + 1] = { shard = ("shardId-%012d"):format(i - 1), records = n, bytes = n, throttled = throttled[i] or 0 }
  end
  return rows
end

local clicks, copy = { label = "Kinesis", name = "clicks" }, { label = "S3", name = "archive" }

-- ---- views ----

local watch = progress.watch { amount = 10000, sinks = { clicks } }
local view = watch(status(1, 1000, { sent(900) }))
tap.is(view.rate, 1000.0, "the rate now")
tap.is(view.sinks[1].rate, 900.0, "and of what is delivered")
tap.is(view.left, 9.0, "time that is left")
tap.is(view.sinks[1].title, "Kinesis clicks", "a destination's title")
watch(status(4, 4000, { sent(4000) }))
view = watch(status(8, 5000, { sent(5000) }))
tap.is(view.rate, 250.0, "now is the last seconds, not the whole run")
view = watch(status(8.1, 5000, { sent(5000) }, { paused = true }))
tap.is(view.left, nil, "no time is left to tell in a pause")
view = watch(status(20, 5000, { sent(5000) }))
tap.is(view.left, nil, "nor where nothing goes on")

watch = progress.watch { sinks = { clicks } }
watch(status(1, 40, { sent(40, { heat = heat({ 10, 30 }, { 4 }) }) }))
view = watch(status(4, 100, { sent(100, { heat = heat({ 70, 40 }, { 4, 2 }) }) }))
local rows = view.sinks[1].heat
tap.is(#rows, 2, "the heat of known shards")
tap.is(rows[1].shard, "shardId-000000000000", "hottest first, by what it took lately")
tap.is(("%.3f"):format(rows[1].share), "0.857", "its share")
tap.ok(not rows[1].hot and rows[2].hot, "hot is what was throttled lately")

-- ---- drawn ----

local function screen(more)
  local out = { columns = 100, rows = 24, utf8 = true, color = false }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

local function full_view(shards, amount)
  local counts = {}
  for i = 1, shards do counts[i] = i * 10 end
  local about = { amount = amount, sinks = { clicks, copy },
    thresholds = thresholds.of { "p99 < 1ms", "failed == 0", "delivered > 1M" } }
  return progress.watch(about)(status(2, 2000, {
    sent(1500, { throttled = 7, retried = 12, heat = heat(counts, { 3 }) }), sent(1200, { failed = 3 }),
  }, { asked = 1234.5, due = 3000, behind = { records = 9, seconds = 1.5, most = 2, waited = 0 } }))
end

local lines = panel.render(full_view(3, 4000), screen())
local text = table.concat(lines, "\n")
tap.is(lines[1], "0:02  1,000 records/s of 1,234 asked for  1.5 s behind  ████████░░░░░░░░ 50 %  0:02 left", "the head")
for _, fragment in ipairs { "records/s  delivered  retried  throttled  failed", "p50    p99  p99.9",
  "Kinesis clicks        750      1,500       12          7       0  12 ms  25 ms  62 ms", "S3 archive",
  "shardId-000000000002 ████████████████   50 %", "throttled 3 ▲ hot", "✗ p99 < 1ms (25 ms)", "✗ failed == 0 (3)",
  "… delivered > 1M (1,200)" } do
  tap.like(text, fragment, "it shows: " .. fragment)
end
tap.ok(not text:find "\27", "without colours no escapes")

text = table.concat(panel.render(full_view(3, 4000), screen { color = true }), "\n")
tap.like(text, "\27[31m", "colours where they are wanted")
local plain = text:gsub("\27%[[%d;]*m", "")
tap.is(plain, table.concat(lines, "\n"), "which change nothing else")

text = table.concat(panel.render(full_view(3, 4000), screen { utf8 = false }), "\n")
tap.ok(not text:find "[\x80-\xff]", "ASCII where the locale is not UTF-8", text)
tap.like(text, "! hot", "with a mark for hot shards")

-- Whatever the screen: no line wraps, and half of the screen stays free.
local bad, seen = nil, 0
for columns = 20, 160, 7 do
  for rows_of_screen = 8, 60, 13 do
    for _, shards in ipairs { 0, 1, 2, 40 } do
      local on = screen { columns = columns, rows = rows_of_screen }
      local drawn = panel.render(full_view(shards, 4000), on)
      drawn[#drawn + 1] = panel.line(full_view(shards), on)
      seen = seen + 1
      for _, line in ipairs(drawn) do
        if report.width(line) >= columns then bad = ("%d: %s"):format(columns, line) end
      end
      if #drawn - 1 > math.max(rows_of_screen // 2, 4) then bad = ("%d lines of %d"):format(#drawn, rows_of_screen) end
    end
  end
end
tap.ok(not bad and seen > 300, "it fits every screen", bad)
text = table.concat(panel.render(full_view(40), screen { rows = 40 }), "\n")
tap.like(text, "33 more shards", "of many shards the hottest")
tap.ok(not panel.fits(screen { rows = 5 }) and not panel.fits(screen { columns = 30 }) and panel.fits(screen()),
  "a panel needs some room")

local line = panel.line(full_view(3, 4000), screen { columns = 200 })
tap.is(line, "0:02  1,000 records/s of 1,234  1,200 delivered (30 %)  3 failed  7 throttled  12 retried  1.5 s behind"
  .. "  p50 12 ms  p99 25 ms  0:02 left", "all in a line: what all destinations have, or the worst")

-- ---- the option ----

tap.is(progress.parse("log:30s").every, 30.0, "--progress log:30s")
tap.is(progress.parse("line").kind, "line", "--progress line")
for _, text_of in ipairs { "pannel", "log:", "log:0s", "" } do
  tap.is(progress.parse(text_of), nil, ("--progress '%s' is refused"):format(text_of))
end
tap.like(select(2, progress.parse "pannel"), "did you mean panel?", "with the nearest")
tap.done()
