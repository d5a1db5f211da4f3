--- kinessis.start: a run in the background does with its options what `kinessis run` does with its own. What it sends
--- over a network is tests/e2e/start.t.py's.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local state = require "kinessis.state"
local sys = require "kinessis.core.sys"
local fake = kinessis.fake

local folder = assert(sys.temporary_folder())
sys.log_level "error"

local schema = kinessis.schema("n", { { "n", fake.sequence(0) } })

local function scenario(more)
  local given = { records = schema, amount = 100, seed = 7, to = kinessis.null {} }
  for key, value in pairs(more or {}) do given[key] = value end
  return kinessis.scenario(given)
end

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function exists(name)
  local file = io.open(folder .. "/" .. name)
  if file then file:close() end
  return file ~= nil
end

-- ---- options ----

for _, case in ipairs {
  { { amuont = 5 }, "start.t.lua:", "an option that there is not names the line" },
  { { amuont = 5 }, "kinessis.start: amuont: no such option (did you mean amount?)", "and the nearest one" },
  { { amount = "many" }, "amount: 'many' is not a whole number", "no amount" },
  { { amount = -1 }, "amount: -1 is not a whole number", "a negative one" },
  { { amount = 1.5 }, "amount: 1.5 is not a whole number", "half a record" },
  { { amount = {} }, "amount: a table is not a whole number", "a table" },
  { { rate = "fast" }, "rate: 'fast' is not a rate: ", "no rate" },
  { { rate_file = "x" }, "rate_file: is of kinessis run", "a file that nobody reads again" },
  { { drain = "soon" }, "drain: 'soon' is not a duration", "no duration" },
  { { drain = -1 }, "drain: -1 is not a duration", "a negative one" },
  { { closed = "yes" }, "closed: 'yes' is not true or false", "no boolean" },
  { { threshold = { "p99 < 3" } }, "threshold: 'p99 < 3' is not a threshold: 3 of what?", "no threshold" },
  { { threshold = 5 }, "threshold: 5 is not a threshold", "a number" },
  { { threshold = { late = "p99 < 3s" } }, "threshold: ['late']: a list is expected", "one not looked at" },
  { { threshold = { [0] = "p99 < 3s" } }, "threshold: [0]: a list is expected", "nor here" },
  { { progress = "bar" }, "progress: 'bar' is not one of auto, panel, line", "no progress" },
  { { progress = { "line" } }, "progress: a table is not one of", "nor a table" },
  { { target = "moon" }, "target: 'moon' is not lake, aws or a URL", "no target" },
  { { part = "9/8" }, "part: '9/8' is not a part such as 2/8", "no part" },
  { { state = "" }, "state: '' is not a file's name", "no file" },
  { { json_summary = true }, "json_summary: a boolean is not a file's name", "nor is that" },
  { { progress = {} }, "or log:TIME, or a function of the run's status", "progress may be a function" },
  { { rate = {} }, "such as '80%', a pace or a function", "so may a rate" },
  { { metrics = 70000 }, "metrics: 70000 is not an address such as 127.0.0.1:9464, or :9464 for this machine only, "
    .. "or a port", "no port" },
  { { resume = true }, "kinessis.start: resume: which run?", "nothing to go on from" },
  { { resume = true, state = folder .. "/none", seed = 3 },
    "kinessis.start: seed does not go with resume", "another seed" },
  { 5, "a table of options is expected, not 5", "no options" },
} do
  tap.raises(function() kinessis.start(scenario(), case[1]) end, case[2], case[3])
end
local to_stream = scenario { to = kinessis.stream { name = "s", partition_key = "n" } }
tap.raises(function() kinessis.start(to_stream, { target = "http://127.0.0.1:1", data = folder }) end,
  "kinessis.start: data is the lake's folder: it does not go with target http", "options are named as scripts do")
tap.raises(function() kinessis.start("n.lua") end, "a scenario (kinessis.scenario{...}) is expected, not 'n.lua'",
  "no scenario")

do
  local said
  local log = sys.log
  sys.log = function(_, text) said = text:match "^Seed.*" or said end
  local unseeded = kinessis.scenario { records = schema, amount = 1, to = kinessis.null {} }
  local ok, run = pcall(kinessis.start, unseeded)
  if ok then run:wait() end
  sys.log = log
  assert(ok, run)
  tap.ok(tostring(said):find "^Seed (%d+), picked at random: seed = %1 makes the same records again%.$",
    "a seed, as scripts write it", said)
end

local run = assert(kinessis.start(scenario(), { amount = "1k", threshold = "generated == 1000", drain = "2s",
  step = 0.5, start = "2022-02-02T15:00:00Z", workers = 1, resume = false, rate = "100k/s" }))
local result = run:wait()
tap.is(result.generated, 1000, "options are as on the command line")
tap.is(result.workers, 1, "or Lua's values")
tap.is(result.outcome, "done", "it is done")
tap.is(result.exit_code, 0, "what the command would exit with")
tap.is(result.seed, 7, "its seed")
tap.is(result.thresholds[1].passed, true, "its thresholds")
tap.is(run:status(), result, "its status is the summary then")
tap.is(tostring(run), "run of n: done, 1,000 generated", "as a text it says how it ended")
tap.is(require "kinessis.pretty"(run), tostring(run), "in the REPL, too")
tap.raises(function() run:wait "5s" end, "start.t.lua:", "a time to wait that is no number names the line")
tap.raises(function() run:wait "5s" end, "run:wait: seconds are expected, or nothing, not '5s'", "and what it is")
for _, name in ipairs { "rate", "pause", "resume", "stop", "status", "wait" } do
  tap.raises(function() run[name]() end, ("start.t.lua:%d: run.%s is called with a colon: run:%s(...)"):format(
    debug.getinfo(1, "l").currentline - 1, name, name), "without a colon: " .. name)
end
tap.raises(function() run.wait(5) end, "is called with a colon: run:wait(...)", "with a number in place of the run")
tap.raises(function() run:rate(5) end, "start.t.lua:", "what is over names the line, too")

-- ---- thresholds, the summary for programs ----

run = assert(kinessis.start(scenario(), { metrics = 0 }))
tap.is(run:wait().outcome, "done", "metrics may be a port")
local unheard, refused = kinessis.start(scenario(), { metrics = "192.0.2.1:0" })
tap.ok(unheard == nil and tostring(refused):find "^metrics: cannot", "which is named as scripts do, too",
  tostring(refused))

result = assert(kinessis.start(scenario { thresholds = { "delivered > 100" } }, {
  threshold = { "failed == 0" }, json_summary = folder .. "/summary.json" })):wait()
tap.is(result.outcome, "threshold", "a threshold that is not met")
tap.is(result.exit_code, 3, "its exit code")
tap.is(#result.thresholds, 2, "the scenario's and those given")
tap.is(result.thresholds[1].measured, 100, "what was measured")
local document = require("kinessis.json").read(read "summary.json")
tap.is(document.values[5].text, "threshold", "the document's outcome")
tap.like(read "summary.json", '"scenario": null', "of no file")
tap.like(read "summary.json", '"delivered": 100', "with what was delivered")

run = assert(kinessis.start(scenario { pace = 1 }, { json_summary = folder .. "/summary.json" }))
tap.like(read "summary.json", '"outcome": "running"', "it says that it runs")
tap.like(tostring(run), "run of n: running, ", "as does its text")
run:stop()
tap.is(run:wait().stopped, true, "until it is stopped")
tap.like(read "summary.json", '"stopped": true', "which it says, too")

local nothing, err = kinessis.start(scenario(), { json_summary = folder .. "/none/summary.json" })
tap.is(nothing, nil, "a summary that cannot be written")
tap.like(err, "cannot write", "is told before")
nothing, err = kinessis.start(scenario { to = kinessis.file { path = folder .. "/none/x" } }, {
  json_summary = folder .. "/summary.json" })
tap.ok(nothing == nil and tostring(err):find "cannot write", "a file that cannot be written", tostring(err))
tap.like(read "summary.json", '"outcome": "failed"', "is a run that failed")
tap.raises(function()
  kinessis.start(scenario(), { json_summary = folder .. "/summary.json", data = folder, resume = true })
end, "which run?", "a mistake is raised")
tap.like(read "summary.json", '"exit_code": 2', "and is in the document")

-- ---- progress ----

local statuses, at_end = {}, nil
run = assert(kinessis.start(scenario { pace = 200, amount = 200 }, { progress = function(status)
  statuses[#statuses + 1] = status
  if #statuses == 1 then
    local ok, problem = pcall(run.wait, run)
    at_end = not ok and problem
    coroutine.wrap(function() run:rate "10k/s" end)() -- from another stack than that which waits
    run:status()
    run:step(1) -- nothing: it is being stepped
  end
end }))
result = run:wait()
tap.is(result.generated, 200, "progress can change the pace")
tap.ok(#statuses >= 1 and statuses[1].sinks[1].kind == "null" and statuses[1].generated <= 200, "it gets the status")
tap.like(at_end, "its own progress and its own pace cannot wait for it", "and cannot wait for the run")

run = assert(kinessis.start(scenario { pace = 200 }, { progress = function() error "enough" end }))
result = run:wait()
tap.like(result.error, "enough", "progress that raises ends the run")
tap.is(result.outcome, "failed", "as failed")

local inside
run = nil
run = assert(kinessis.start(scenario { pace = function()
  if run and not inside then -- of the first second it is asked by kinessis.start
    local ok, problem = pcall(run.rate, run, 5)
    inside = not ok and problem or "it could"
    coroutine.wrap(function() run:status() end)()
    run:stop()
  end
  return 1000
end }))
run:wait()
tap.like(inside, "it cannot change it", "a pace that is being asked cannot be changed")

local other = assert(kinessis.start(scenario { pace = 300 }))
local first
run = assert(kinessis.start(scenario { pace = 20, amount = nil }, { progress = function()
  first = first or other:wait()
  run:stop()
end }))
result = run:wait()
tap.ok(first and first.generated == 100 and result.stopped, "progress may wait for another run")

-- ---- the state ----

local file = folder .. "/n.jsonl"
local to_file = function(more) return scenario { pace = more, to = kinessis.file { path = file } } end
local notes = folder .. "/n.json"

run = assert(kinessis.start(to_file(100), { state = notes }))
tap.is(assert(state.read(notes)).finished, false, "the state is there from the start")
local second
second, err = kinessis.start(to_file(100), { state = notes })
tap.ok(second == nil and tostring(err):find("a run that lasts keeps its state there", 1, true),
  "and is not another's meanwhile", tostring(err))
second, err = kinessis.start(to_file(100), { state = folder .. "/./n.json" })
tap.ok(second == nil and tostring(err):find("a run that lasts keeps its state there", 1, true),
  "nor by another name", tostring(err))
while run:status().sinks[1].delivered < 5 do run:wait(0.02) end
run:stop()
result = run:wait()
local last = assert(state.read(notes))
tap.ok(result.stopped and last.claimed == result.generated and not last.finished, "it says how far the run came")
tap.is(last.seed, 7, "and of which seed")

run = assert(kinessis.start(to_file(), { state = notes, resume = true }))
result = run:wait()
tap.is(result.first, last.claimed, "another goes on there")
tap.is(result.generated, 100 - last.claimed, "with what is left")
local expected = {}
for i = 0, 99 do expected[#expected + 1] = ('{"n":%d}\n'):format(i) end
tap.is(read "n.jsonl", table.concat(expected), "the file has all records, each once")
tap.is(assert(state.read(notes)).finished, true, "and the state says so")

result = assert(kinessis.start(to_file(), { state = notes, resume = true })):wait()
tap.ok(result.generated == 0 and result.outcome == "done", "nothing is left to do")
result = assert(kinessis.start(to_file(), { state = notes, resume = true, threshold = "delivered > 5" })):wait()
tap.ok(#result.thresholds == 0 and result.exit_code == 0, "nor to be judged")
tap.is(read "n.jsonl", table.concat(expected), "and nothing is done")
tap.is(assert(state.read(notes)).finished, true, "nor forgotten")

local packed = scenario { to = kinessis.file { path = folder .. "/n.jsonl.gz" } }
assert(kinessis.start(packed, { state = notes })):wait()
local before = read "n.jsonl.gz"
assert(kinessis.start(packed, { state = notes, resume = true })):wait()
tap.is(read "n.jsonl.gz", before, "a compressed file is left as it is, too")

nothing, err = kinessis.start(to_file(), { state = notes, resume = true })
tap.ok(nothing == nil and tostring(err):find "other destinations", "a state of other destinations", tostring(err))
local changed = scenario { records = kinessis.schema("n", { { "m", 1 } }),
  to = kinessis.file { path = folder .. "/n.jsonl.gz" } }
nothing, err = kinessis.start(changed, { state = notes, resume = true })
tap.ok(nothing == nil and tostring(err):find "the schema has changed", "a state of another schema", tostring(err))
tap.is(assert(kinessis.start(changed, { state = notes, resume = true, changed = true })):wait().outcome, "done",
  "unless that is wanted")
nothing, err = kinessis.start(to_file(), { state = folder .. "/none.json", resume = true })
tap.ok(nothing == nil and tostring(err):find "cannot read the state", "no state", tostring(err))

for _, text in ipairs { "", "[]", "{}", '{"format":1,"seed":1,"first":0,"destinations":[]}',
  '{"format":1,"seed":1,"first":0,"claimed":1,"reserved":1,"destinations":[{"service":"null","name":"null"}]}',
  '{"format":1,"seed":1,"first":0,"claimed":1,"reserved":1,"destinations":[{"settled":[[0]]}]}',
  '{"format":1,"seed":1,"first":0,"claimed":1,"reserved":1,"destinations":[{"settled":[[5,1]]}]}',
  '{"format":1,"seed":1,"first":0,"claimed":1,"reserved":1,"destinations":[{"settled":[[-5,1]]}]}',
  '{"format":1,"seed":1,"first":-1,"claimed":1,"reserved":1,"destinations":[]}',
  '{"format":1,"seed":1,"first":0,"amount":-1,"claimed":1,"reserved":1,"destinations":[]}',
  '{"format":1,"seed":1,"first":0,"clock_start":"x","claimed":1,"reserved":1,"destinations":[]}' } do
  assert(sys.write_file(folder .. "/odd.json", text))
  nothing, err = kinessis.start(to_file(), { state = folder .. "/odd.json", resume = true })
  tap.ok(nothing == nil and tostring(err):find("odd.json: is not the state of a run", 1, true), "no state: " .. text,
    tostring(err))
end

assert(kinessis.start(to_file(), { data = folder })):wait()
tap.ok(not exists "runs", "a scenario of no file keeps no state unless it is told where")
local source = assert(io.open(folder .. "/many.lua", "w"))
source:write [[
local kinessis = require "kinessis"
local field = { "n", function(ctx) return ctx.index end, type = "bigint" }
return kinessis.scenario { records = kinessis.schema("n", { field }),
  amount = 40, pace = 20, seed = 3, to = kinessis.null {} }
]]
source:close()
local many = assert(require("kinessis.scenario").load(folder .. "/many.lua"))
local both = { assert(kinessis.start(many, { data = folder })), assert(kinessis.start(many, { data = folder })) }
tap.ok(exists "runs/many.json", "one of a file keeps it where kinessis run does")
both[2]:stop()
both[2]:stop()
both[2]:wait()
tap.is(assert(state.read(folder .. "/runs/many.json")).finished, false, "not for two runs at once")
both[1]:rate(10000)
both[1]:wait()
tap.is(assert(state.read(folder .. "/runs/many.json")).finished, true, "the first has it")

sys.remove_tree(folder)
tap.done()
