--- What a scenario would do to a stream, reckoned from a sample of its records and its pace; nothing is sent.
local aggregate = require "kinessis.core.aggregate"

local preview = {}

--- What one shard, and one delivery stream by default, takes in a second.
preview.shard_limits = { records = 1000, bytes = 1 << 20 }
preview.delivery_limits = { records = 5000, bytes = 5 << 20 }

local GB = 1e9
local records_per_request, linger_default, aggregate_bytes = 500, 0.1, 50 << 10
local horizon = 3600 -- seconds of the pace that are looked at

-- ---- the sample ----

--- Makes n records: their mean length, and how records and bytes fall on the shards.
--- @return { records =, bytes = mean, largest =, shards = { { records = share, bytes = share }, ... } }; or nil and an
---   error
function preview.sample(scenario, to, values)
  local cursor <close> = scenario:plan(nil, true):cursor {
    seed = values.seed or scenario.seed or 0, start = values.start or scenario.start,
    step = values.step or scenario.step, disorder = scenario.disorder,
  }
  local numbers = scenario.keys.of[to]
  local shards, bytes, largest = {}, 0, 0
  for i = 1, values.shards do shards[i] = { records = 0, bytes = 0 } end
  for i = 0, values.samples - 1 do
    local made = table.pack(cursor:record(i))
    local key = numbers.partition_key and made[1 + numbers.partition_key] or ""
    local size = #made[1] + #key
    bytes, largest = bytes + size, math.max(largest, size)
    local at = 1
    if to.service == "kinesis" then
      local place, err = aggregate.place(key, numbers.explicit_hash_key and made[1 + numbers.explicit_hash_key] or nil)
      if not place then return nil, err end
      at = math.floor(place * values.shards) + 1
    end
    shards[at].records, shards[at].bytes = shards[at].records + 1, shards[at].bytes + size
  end
  for _, shard in ipairs(shards) do
    shard.records, shard.bytes = shard.records / values.samples, shard.bytes / bytes
  end
  return { records = values.samples, bytes = bytes / values.samples, largest = largest, shards = shards }
end

-- ---- the pace ----

--- What the pace may ask (kinessis.capacity), answered by the sample.
function preview.context(sample, to, limits, seed)
  return {
    seed = seed,
    record_bytes = function() return sample.bytes end,
    capacity = function()
      local records = to.aggregate and math.huge or limits.records
      return #sample.shards * math.min(records, limits.bytes / sample.bytes)
    end,
  }
end

--- How many records a second the pace asks for in its first hour (or until the amount is made).
--- @return { mean =, peak = of any second, seconds = how long that lasts }; nil when it has no limit
function preview.rates(pace, amount, context)
  if amount == 0 then return { mean = 0, peak = 0, seconds = 0 } end
  local due = pace.start(context)
  if not due then return nil end
  local before, peak = 0, 0
  for second = 1, horizon do
    local now = due(second)
    if now == math.huge then return nil end
    peak = math.max(peak, now - before)
    if amount and now >= amount then
      local seconds = second - (now - amount) / math.max(now - before, 1e-9)
      return { mean = amount / seconds, peak = peak, seconds = seconds }
    end
    before = now
  end
  return { mean = before / horizon, peak = peak, seconds = horizon }
end

-- ---- what follows ----

--- More load than this is too much: the sample itself is off by less than a percent.
preview.full = 1.01

local function linger_of(to) return to.linger_ms and to.linger_ms / 1000 or linger_default end

--- Records that one aggregate holds at a rate: what fits, or what comes while it lingers. 1 without aggregation.
function preview.aggregate(sample, to, rate)
  if not to.aggregate then return 1 end
  local fits = (to.aggregate_bytes or aggregate_bytes) / sample.bytes
  return math.max(1, math.min(fits, rate / #sample.shards * linger_of(to)))
end

--- Load of each shard at a rate: 1 is all that it takes.
function preview.loads(sample, to, rate, limits)
  local loads, together = {}, preview.aggregate(sample, to, rate)
  for i, shard in ipairs(sample.shards) do
    local records, bytes = rate * shard.records, rate * sample.bytes * shard.bytes
    loads[i] = {
      records = records, bytes = bytes,
      load = math.max(records / together / limits.records, bytes / limits.bytes),
    }
  end
  return loads
end

--- The rate at which the most loaded shard is full.
function preview.capacity(sample, to, limits)
  local low, high = 0, 1
  local function is_full(rate)
    for _, load in ipairs(preview.loads(sample, to, rate, limits)) do
      if load.load >= 1 then return true end
    end
    return false
  end
  while not is_full(high) do high = high * 2 end
  for _ = 1, 60 do
    local middle = (low + high) / 2
    if is_full(middle) then high = middle else low = middle end
  end
  return high
end

-- As the sender makes them (aws/batch.c, run/stream/sink_stream.c).
local function request_bytes(to)
  if to.max_bytes then return to.max_bytes end
  if to.service == "firehose" then return 4 << 20 end
  return math.max(to.aggregate and 1 << 20 or 5 << 20, to.max_record_bytes or 0)
end

--- Records in one request at a rate, by what fits and what lingers.
function preview.batch(sample, to, rate)
  local together = preview.aggregate(sample, to, rate)
  local fits = math.min((to.max_records or records_per_request) * together, request_bytes(to) / sample.bytes)
  return math.max(1, math.min(fits, rate * linger_of(to)))
end

local function per_hour(label, amount, unit, price)
  return { label = label, amount = amount, unit = unit, cost = amount * price }
end

local function rounded_up(bytes, multiple) return math.ceil(bytes / multiple) * multiple end

--- The lines of an hour's bill at a rate: { label =, amount =, unit =, cost = }.
--- @param has { to = the destination, shards = of the stream or nil, delivery = Firehose follows, conversion = to
---   Parquet, buffer_size = MiB, buffer_interval = seconds }
function preview.bill(sample, rate, has, prices)
  local records = rate * 3600
  local lines = {}
  if has.shards then
    local p = prices.kinesis
    local together = preview.aggregate(sample, has.to, rate)
    local units = records / together * math.ceil(together * sample.bytes / p.put_unit_bytes)
    lines[#lines + 1] = per_hour("Kinesis: shard hours", has.shards, "", p.shard_hour)
    lines[#lines + 1] = per_hour("Kinesis: PUT payload units", units / 1e6, "million", p.million_put_units)
  end
  if has.delivery then
    local p = prices.firehose
    local gb = records * rounded_up(sample.bytes, p.record_bytes) / GB
    lines[#lines + 1] = per_hour("Firehose: ingested, in steps of 5 KB", gb, "GB", p.gb)
    if has.conversion then lines[#lines + 1] = per_hour("Firehose: converted to Parquet", gb, "GB", p.conversion_gb) end
    local objects = records == 0 and 0
      or math.max(records * sample.bytes / (has.buffer_size << 20), 3600 / math.max(has.buffer_interval, 1))
    lines[#lines + 1] = per_hour("S3: objects", objects / 1000, "thousand", prices.s3.thousand_puts)
  end
  return lines
end

--- The same stream on demand.
function preview.on_demand(sample, to, rate, prices)
  local p, together = prices.kinesis, preview.aggregate(sample, to, rate)
  local bytes = rate / together * rounded_up(together * sample.bytes, p.on_demand_record_bytes)
  return p.on_demand_stream_hour + bytes * 3600 / GB * p.on_demand_gb_in
end

--- The prices, with those of a user's file put over them.
--- @return the table; or nil and what is wrong
function preview.prices(path)
  local prices = require "kinessis.prices"
  if not path then return prices end
  local chunk, message = loadfile(path, "t", {})
  if not chunk then return nil, message end
  local given = chunk()
  if type(given) ~= "table" then return nil, path .. ": a table of prices is expected, not " .. type(given) end
  local function merge(into, from, where)
    local out = {}
    for name, value in pairs(into) do out[name] = value end
    for name, value in pairs(from) do
      local place = where .. tostring(name)
      if into[name] == nil then return nil, ("%s: there is no price %s"):format(path, place) end
      if type(value) ~= type(into[name]) then
        return nil, ("%s: %s is a %s, not a %s"):format(path, place, type(value), type(into[name]))
      end
      if type(value) == "table" then
        local inner, problem = merge(into[name], value, place .. ".")
        if not inner then return nil, problem end
        value = inner
      elseif type(value) == "number" and not (value >= 0 and value < math.huge) then
        return nil, ("%s: %s is %s: a number from 0 up is expected"):format(path, place, value)
      end
      out[name] = value
    end
    return out
  end
  return merge(prices, given, "")
end

return preview
