--- kinessis preview FILE: what a run would do to its stream, and what it would cost, without sending.
local options = require "kinessis.options"
local preview = require "kinessis.preview"
local report = require "kinessis.report"
local runner = require "kinessis.run"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"

local count = require("kinessis.show").count

local function print_line(format, ...) io.stdout:write(format:format(...), "\n") end

local function show_bytes(bytes)
  if bytes >= 1e6 then return ("%.1f MB"):format(bytes / 1e6) end
  return bytes >= 1e3 and ("%.1f kB"):format(bytes / 1e3) or ("%d B"):format(bytes // 1)
end

local function show_rate(rate)
  return rate > 0 and rate < 10 and ("%.1f"):format(rate) or count(math.floor(rate + 0.5))
end

local function show_percent(share) return ("%.1f %%"):format(100 * share) end

-- Everything that is told, as data. asked.peak is 0: nothing would be sent.
local function reckon(scenario, to, values, prices)
  local limits = to.service == "kinesis" and preview.shard_limits or preview.delivery_limits
  local sample, err = preview.sample(scenario, to, values)
  if not sample then return nil, err end
  local rates = preview.rates(values.rate or scenario.pace, values.amount or scenario.amount,
    preview.context(sample, to, limits, values.seed or scenario.seed or 0))
  local capacity = preview.capacity(sample, to, limits)
  local asked = rates or { mean = capacity, peak = capacity, seconds = nil }
  local sent = math.min(asked.mean, capacity)
  local whole = stack.of(scenario)
  local delivery = whole.delivery_stream
  local has = {
    to = to,
    shards = to.service == "kinesis" and values.shards or nil,
    delivery = delivery and true, conversion = delivery and true,
    buffer_size = delivery and delivery.buffer_size, buffer_interval = delivery and delivery.buffer_interval,
  }
  return {
    to = to, limits = limits, sample = sample, paced = rates ~= nil, asked = asked, capacity = capacity, sent = sent,
    loads = preview.loads(sample, to, asked.peak, limits),
    batch = preview.batch(sample, to, sent),
    bill = preview.bill(sample, sent, has, prices),
    on_demand = has.shards and preview.on_demand(sample, to, sent, prices),
    shards_needed = has.shards and math.ceil(math.max(
      asked.peak / preview.aggregate(sample, to, asked.peak) / limits.records,
      asked.peak * sample.bytes / limits.bytes) - 0.001),
  }
end

local function show_shards(told)
  local rows = {}
  for i, load in ipairs(told.loads) do
    local share = told.sample.shards[i]
    local refused = load.load > preview.full and show_percent(1 - 1 / load.load) or ""
    rows[i] = { tostring(i - 1), show_percent(share.records), show_rate(load.records), show_bytes(load.bytes),
      show_percent(load.load), refused }
  end
  io.stdout:write(report.table({ "shard", "records", "records/s", "bytes/s", "load", "would throttle" }, rows,
    { numbers = { true, true, true, true, true, true } }))
end

local function show_verdict(told)
  local worst, full = nil, 0
  for i, load in ipairs(told.loads) do
    if load.load > preview.full then full = full + 1 end
    if not worst or load.load > told.loads[worst].load then worst = i end
  end
  local what = told.to.service == "kinesis" and ("shard %d"):format(worst - 1) or "the delivery stream"
  if not told.paced then
    print_line("No pace limits the run: %s is full first, at %s records/s.", what, show_rate(told.capacity))
  elseif full > 0 then
    print_line("%s would throttle: it is full at %s records/s of the run, and %s are asked for at the peak.",
      what:gsub("^%l", string.upper), show_rate(told.capacity), show_rate(told.asked.peak))
    if told.shards_needed then print_line("With even keys %d shards would do.", told.shards_needed) end
  else
    print_line("Nothing throttles: at the peak %s is at %s of what it takes.", what,
      show_percent(told.loads[worst].load))
  end
end

local function show_bill(told, prices)
  local rows, sum = {}, 0
  for i, line in ipairs(told.bill) do
    rows[i] = { line.label, ("%.3f %s"):format(line.amount, line.unit):gsub(" $", ""), ("$%.4f"):format(line.cost) }
    sum = sum + line.cost
  end
  rows[#rows + 1] = { "an hour", "", ("$%.4f"):format(sum) }
  print_line("Estimated cost of an hour at %s records/s (list prices of %s, %s; --prices FILE has yours):",
    show_rate(told.sent), prices.region, prices.as_of)
  io.stdout:write(report.table({ "what", "amount", "cost" }, rows, { numbers = { false, true, true } }))
  if told.on_demand then print_line("The stream on demand instead of by shards: $%.4f an hour.", told.on_demand) end
end

local function show_nothing(told, prices)
  print_line("Nothing would be sent: %s.", told.asked.seconds == 0 and "the amount is 0"
    or "the pace asks for no record in its first hour")
  show_bill(told, prices)
end

local function show(told, values, prices)
  local sample, to = told.sample, told.to
  print_line("%s %s%s: %s records sampled, %s each on average with their key, %s at most.", to.label, to.name,
    to.service == "kinesis" and (", %d shard%s"):format(values.shards, values.shards == 1 and "" or "s") or "",
    count(sample.records), show_bytes(sample.bytes), show_bytes(sample.largest))
  if told.asked.peak == 0 then return show_nothing(told, prices) end
  if told.paced then
    print_line("Asked for: %s records/s on average, %s at the peak (%s/s).", show_rate(told.asked.mean),
      show_rate(told.asked.peak), show_bytes(told.asked.peak * sample.bytes))
  end
  if to.service == "kinesis" then show_shards(told) end
  show_verdict(told)
  print_line("Requests: about %s a second, of %s records.", show_rate(told.sent / told.batch), show_rate(told.batch))
  show_bill(told, prices)
end

local function print_json(told)
  local json = require "kinessis.json"
  local shards, bill = {}, {}
  for i, load in ipairs(told.loads) do
    local share = told.sample.shards[i]
    shards[i] = { { "records", share.records }, { "bytes", share.bytes }, { "records_per_second", load.records },
      { "bytes_per_second", load.bytes }, { "load", load.load } }
  end
  for i, line in ipairs(told.bill) do
    bill[i] = { { "what", line.label }, { "amount", line.amount }, { "unit", line.unit }, { "dollars", line.cost } }
  end
  io.stdout:write(json.write {
    { "destination", told.to.name }, { "sampled", told.sample.records }, { "mean_bytes", told.sample.bytes },
    { "largest_bytes", told.sample.largest }, { "paced", told.paced },
    { "asked_mean", told.asked.mean }, { "asked_peak", told.asked.peak }, { "capacity", told.capacity },
    { "records_per_request", told.batch }, { "requests_per_second", told.sent / told.batch },
    { "shards", json.list(shards) }, { "hourly_bill", json.list(bill) },
  })
end

local function print_prices()
  io.stdout:write(sys.embedded "lua/kinessis/prices.lua")
  return 0
end

return {
  description = [[
Makes a sample of the records and looks at the first hour of the pace: which shards get how much, what would
throttle, how many requests there are, and what an hour costs. Nothing is sent, and no account is needed.
]],
  arguments = { { "FILE", "the scenario", optional = true } },
  options = {
    { "--shards", "N", "the stream's shards, of equal size (default: the stack's)", parse = options.integer(1, 10000) },
    { "--rate", "R", "instead of the scenario's pace: records per second, 5MB/s, or 80% of what the stream takes",
      parse = runner.rate },
    { "--amount", "N", "how many records (default: the scenario's)", short = "-n", parse = options.count },
    { "--samples", "N", "how many records are made", parse = options.integer(1, 10000000), default = 20000 },
    { "--prices", "FILE", "prices of your own (see --print-prices)", parse = options.text },
    { "--print-prices", nil, "the table of prices, to be edited" },
    { "--seed", "S", "of the sample", parse = options.count },
    { "--json", nil, "the result as JSON" },
  },
  run = function(arguments, values)
    if values.print_prices then return print_prices() end
    if not arguments[1] then options.usage "FILE is missing: the scenario" end
    local scenario, err = require("kinessis.scenario").load(arguments[1])
    if not scenario then return nil, err end
    local to = scenario:destination "kinesis" or scenario:destination "firehose"
    if not to then
      return nil, sys.error("script", arguments[1] .. ": sends to no stream: there is nothing to preview")
    end
    local prices, problem = preview.prices(values.prices)
    if not prices then return nil, sys.error("script", problem) end
    values.shards = to.service == "kinesis" and (values.shards or stack.of(scenario).stream.shards) or 1
    local told
    told, err = reckon(scenario, to, values, prices)
    if not told then return nil, err end
    if values.json then print_json(told) else show(told, values, prices) end
    return 0
  end,
}
