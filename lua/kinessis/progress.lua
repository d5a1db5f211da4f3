--- What a run shows while it lasts: a panel or a line on the terminal (drawn in place, by base/log), or log
--- lines now and then. Nothing is drawn where stderr is no terminal, nor where records are printed on it.
local options = require "kinessis.options"
local panel = require "kinessis.panel"
local report = require "kinessis.report"
local sinks = require "kinessis.sinks"
local sys = require "kinessis.core.sys"
local thresholds = require "kinessis.thresholds"

local progress = {}

local kinds = { "auto", "panel", "line", "log", "none" }
local choice = options.choice(kinds)
local log_every = 10

--- For kinessis.options: auto, panel, line, log, log:30s, none.
function progress.parse(text)
  local every = text:match "^log:(.+)$"
  local seconds = every and options.duration(every)
  if seconds and seconds > 0 then return { kind = "log", every = seconds } end
  local kind = choice(text)
  if kind then return { kind = kind, every = log_every } end
  return nil, "one of " .. table.concat(kinds, ", ") .. ", or log:TIME" .. options.did_you_mean(text, kinds)
end

-- ---- from the status to what is drawn ----

local window = 2 -- seconds over which "now" is taken

-- Numbers of a shard since the last look.
local function heat_of(heat, before)
  local rows, all = {}, 0
  for _, row in ipairs(heat) do
    if row.shard ~= "" then
      local last = before and before[row.shard] or { records = 0, throttled = 0 }
      local records = row.records - last.records
      all = all + records
      rows[#rows + 1] = { shard = row.shard, records = records, throttled = row.throttled,
        hot = row.throttled > last.throttled }
    end
  end
  for _, row in ipairs(rows) do row.share = all > 0 and row.records / all or 0 end
  table.sort(rows, function(a, b) -- by 5 %: even shards shall not change places all the time
    local x, y = 20 * a.share // 1, 20 * b.share // 1
    if x ~= y then return x > y end
    return a.shard < b.shard
  end)
  return rows
end

local function by_shard(heat)
  local out = {}
  for _, row in ipairs(heat or {}) do out[row.shard] = row end
  return out
end

-- What of a status is kept to compare a later one with.
local function sample_of(status)
  local kept = {}
  for i, sent in ipairs(status.sinks) do
    kept[i] = { delivered = sent.delivered, heat = by_shard(sent.heat) }
  end
  return { seconds = status.seconds, generated = status.generated, sinks = kept }
end

local function time_left(view)
  if not view.amount or view.rate <= 0 or view.paused then return nil end
  return math.max(view.amount - view.generated, 0) / view.rate
end

--- Makes views (kinessis.panel) of the statuses of a run, comparing each with those of the last seconds.
--- @param about { amount, sinks = of kinessis.sinks, thresholds = of kinessis.thresholds }
function progress.watch(about)
  local nothing = { seconds = 0, generated = 0, sinks = {} }
  local samples = { nothing }
  return function(status)
    while #samples > 1 and status.seconds - samples[2].seconds >= window do table.remove(samples, 1) end
    local before = samples[1]
    local passed = math.max(status.seconds - before.seconds, 1e-3)
    samples[#samples + 1] = sample_of(status)
    local view = {
      seconds = status.seconds, generated = status.generated, paused = status.paused, amount = about.amount,
      rate = (status.generated - before.generated) / passed,
      asked = status.asked, behind = status.asked and not status.closed and status.behind.seconds or nil,
      judged = thresholds.judge(about.thresholds or {}, status, about.sinks), sinks = {},
    }
    for i, sent in ipairs(status.sinks) do
      local last = before.sinks[i] or { delivered = 0 }
      local sink = about.sinks[i]
      view.sinks[i] = {
        title = sinks.title(sink), rate = (sent.delivered - last.delivered) / passed,
        delivered = sent.delivered, retried = sent.retried, throttled = sent.throttled, failed = sent.failed,
        latency = sent.latency, heat = sent.heat and heat_of(sent.heat, last.heat),
      }
    end
    view.left = time_left(view)
    return view
  end
end

-- ---- drawing ----

local function is_set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= ""
end

-- The terminal as it is now: its user may have changed its size.
local function screen_now()
  local columns, rows = sys.terminal_size(2)
  return { columns = columns or 80, rows = rows or 24, utf8 = report.is_utf8(), color = not is_set "NO_COLOR" }
end

-- How many rows lines take where a row has so many columns.
local function rows_of(lines, columns)
  local rows = 0
  for _, line in ipairs(lines) do
    local width = report.width((line:gsub("\27%[[%d;]*m", "")))
    rows = rows + math.max((width + columns - 1) // columns, 1)
  end
  return rows
end

local drawings = {} -- what runs have drawn, each its lines, below one another
local drawn = {}    -- the lines that stand there

local function redraw()
  local lines = {}
  for _, one in ipairs(drawings) do table.move(one, 1, #one, #lines + 1, lines) end
  sys.live(table.concat(lines, "\n"), rows_of(drawn, screen_now().columns))
  drawn = lines
end

local function place_of(id)
  for i, one in ipairs(drawings) do
    if one.id == id then return i end
  end
end

local function terminal(kind)
  local out = { live = true }
  function out.draw(view)
    local screen, place = screen_now(), place_of(out) or #drawings + 1
    local alone = #drawings == 0 or #drawings == 1 and place == 1
    local as_panel = kind ~= "line" and alone and panel.fits(screen)
    drawings[place] = as_panel and panel.render(view, screen) or { panel.line(view, screen) }
    drawings[place].id = out
    redraw()
  end
  function out.clear()
    local place = place_of(out)
    if not place then return end
    table.remove(drawings, place)
    redraw()
  end
  return out
end

local wide = { columns = 1000, rows = 1, utf8 = false, color = false }

local function log_lines(every)
  local due = every
  local out = {}
  function out.draw(view)
    if view.seconds < due then return end
    due = view.seconds + every
    sys.log("info", panel.line(view, wide))
  end
  function out.clear() end
  return out
end

local function can_draw()
  local name = os.getenv "TERM"
  return sys.isatty(2) and name ~= nil and name ~= "" and name ~= "dumb"
end

--- @param chosen what --progress says (nil: auto)
--- @param about see progress.watch; and printed = records go to stdout, quiet
--- @return { draw(status), clear(), live = it is drawn in place }, or nil where nothing is shown
function progress.open(chosen, about)
  chosen = chosen or { kind = "auto" }
  if about.quiet or chosen.kind == "none" then return nil end
  local drawing
  if chosen.kind == "log" then
    drawing = log_lines(chosen.every)
  elseif can_draw() and not (about.printed and sys.isatty(1)) then
    drawing = terminal(chosen.kind)
  else
    return nil
  end
  local watch = progress.watch(about)
  return { draw = function(status) drawing.draw(watch(status)) end, clear = drawing.clear, live = drawing.live }
end

return progress
