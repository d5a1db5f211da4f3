--- Following a stream: every shard, across resharding (a shard after its parents), until told to stop.
---
---     local tail = require "kinessis.tail"
---     assert(tail.follow(target, "orders", { from = "latest" }, function(page, shard, count)
---       io.write(page:lines(1, count))
---     end))
---
--- One request at a time. A shard is read at most five times a second, as AWS allows all its readers
--- together, and half as often while it has nothing new; when it throttles, less often still.
local cjson = require "cjson.safe"
local core = require "kinessis.core.aws"
local json = require "kinessis.json"
local records = require "kinessis.core.records"
local sys = require "kinessis.core.sys"

local tail = {}

local EVERY, IDLE = 0.2, 0.4 -- seconds between two reads of a shard
local WAIT_FIRST, WAIT_MOST = 0.5, 8 -- after a failure, twice as long each time
local FAILURES = 10 -- one after another, then it is over

local throttled = {
  ProvisionedThroughputExceededException = true, LimitExceededException = true, ThrottlingException = true,
  KMSThrottlingException = true,
}

-- ---- shards ----

local follower = {}
follower.__index = follower

local function malformed(what) return sys.error("malformed", "kinesis " .. what) end

local function position(from, began)
  if type(from) == "number" then return { ShardIteratorType = "AT_TIMESTAMP", Timestamp = from } end
  if from == "latest" then return { ShardIteratorType = "LATEST", began = began } end
  return { ShardIteratorType = "TRIM_HORIZON" }
end

local function is_shard(found)
  return type(found) == "table" and type(found.ShardId) == "string" and type(found.SequenceNumberRange) == "table"
end

--- Looks for shards that are not known yet: at first all of them, later those that others became.
--- @return how many; or nil and an error
function follower:discover()
  local list, err = self.kinesis:collect("list_shards", { StreamName = self.stream }, "Shards")
  if not list then return nil, err end
  local first, count = #self.shards == 0, 0
  if not list[1] then return nil, malformed "ListShards: the reply has no shards" end
  for _, found in ipairs(list) do
    if not is_shard(found) then return nil, malformed "ListShards: a shard without ShardId or SequenceNumberRange" end
    if not self.known[found.ShardId] then
      local closed = found.SequenceNumberRange.EndingSequenceNumber ~= nil
      local shard = {
        id = found.ShardId,
        parents = { found.ParentShardId, found.AdjacentParentShardId },
        closed = closed,
        position = first and position(self.from, sys.now()) or position "trim_horizon",
        due = 0,
        failures = 0,
        done = first and closed and self.from == "latest",
      }
      self.known[shard.id] = shard
      self.shards[#self.shards + 1] = shard
      count = count + 1
    end
  end
  return count
end

--- Whether everything of its parents has been read. Those that the stream has forgotten do not count.
function follower:is_ready(shard)
  for _, parent in pairs(shard.parents) do
    local known = self.known[parent]
    if known and not known.done then return false end
  end
  return true
end

function follower:open(shard)
  local reply, err = self.kinesis:get_shard_iterator {
    StreamName = self.stream,
    ShardId = shard.id,
    ShardIteratorType = shard.position.ShardIteratorType,
    Timestamp = shard.position.Timestamp,
    StartingSequenceNumber = shard.position.StartingSequenceNumber,
  }
  if not reply then return nil, err end
  if type(reply.ShardIterator) ~= "string" then
    return nil, malformed "GetShardIterator: the reply has no ShardIterator"
  end
  shard.iterator = reply.ShardIterator
  return true
end

-- An iterator is good for five minutes. The next one begins after the last record, or where the first began.
local function forget_iterator(shard)
  shard.iterator = nil
  if shard.position.began then
    shard.position = { ShardIteratorType = "AT_TIMESTAMP", Timestamp = shard.position.began }
  end
end

--- @return true when it is to be tried again later; or nil and the error
function follower:bear(shard, err)
  local slow, expired = throttled[err.aws_code], err.aws_code == "ExpiredIteratorException"
  if expired then
    forget_iterator(shard)
    if not shard.renewed then
      shard.renewed, shard.due = true, 0
      return true
    end
  end
  if not slow and not expired and not err.retryable then return nil, err end
  shard.failures = shard.failures + 1
  if not slow and shard.failures >= FAILURES then return nil, err end
  local wait = math.min(WAIT_MOST, WAIT_FIRST * 2 ^ math.min(shard.failures - 1, 10))
  shard.due = sys.monotonic() + wait * (0.5 + math.random() / 2)
  if shard.failures == 1 then self.note(("%s: %s; trying again."):format(shard.id, tostring(err))) end
  return true
end

--- One GetRecords of one shard.
--- @return whether to go on; or nil and an error
function follower:read(shard)
  if not shard.iterator then
    local opened, err = self:open(shard)
    if not opened then return self:bear(shard, err) end
  end
  shard.due = sys.monotonic() + (self.eager and 0 or EVERY)
  local body = ('{"ShardIterator":%s}'):format(json.string(shard.iterator))
  local reply, err = self.client:call { operation = "GetRecords", body = body }
  if not reply then return self:bear(shard, err) end
  local count, rest = self.page:read(reply.body, self.deaggregate)
  if not count then return nil, rest end
  shard.failures, shard.renewed = 0, false
  shard.iterator = rest.next
  shard.current = rest.behind == 0 and not rest.sequence
  if shard.current then shard.due = sys.monotonic() + IDLE end
  if rest.sequence then
    shard.position = { ShardIteratorType = "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber = rest.sequence }
  end
  local go_on = count == 0 or self.visit(self.page, shard.id, count) ~= false
  -- A closed shard that is read to its end has no next iterator; some servers take a moment to say so.
  local ended = not rest.next or self.once and shard.closed and shard.current
  if go_on and ended then return self:finish(shard) end
  return go_on
end

--- The shard was split or merged, and has been read to its end.
function follower:finish(shard)
  shard.done = true
  local count, err = self:discover()
  if not count then return nil, err end
  if count > 0 then
    self.note(("%s was split or merged: following %d new shard%s."):format(shard.id, count, count == 1 and "" or "s"))
  end
  return true
end

-- ---- the loop ----

--- Reads every shard that is due.
--- @return whether to go on, and when the next one is due (nil: no shard is left); or nil and an error
function follower:round()
  local soonest
  local i = 1
  while i <= #self.shards do -- it grows
    local shard = self.shards[i]
    if not shard.done and self:is_ready(shard) then
      if shard.due <= sys.monotonic() then
        local go_on, err = self:read(shard)
        if not go_on then return go_on, err end
      end
      if not shard.done and not (self.once and shard.current) then
        soonest = math.min(soonest or math.huge, shard.due)
      end
    end
    i = i + 1
  end
  return true, soonest
end

--- Opens every shard that can be read, so that from here on nothing is missed.
function follower:begin()
  local open = 0
  for _, shard in ipairs(self.shards) do
    if not shard.done and self:is_ready(shard) then
      open = open + 1
      local opened, err = self:open(shard)
      if not opened then opened, err = self:bear(shard, err) end
      if not opened then return nil, err end
    end
  end
  self.note(("Following %d shard%s of %s."):format(open, open == 1 and "" or "s", self.stream))
  return true
end

function follower:run()
  local begun, err = self:begin()
  if not begun then return nil, err end
  while true do
    local go_on, soonest = self:round()
    if not go_on then return go_on == false or nil, soonest end
    if not soonest then return true end
    local wait = soonest - sys.monotonic()
    if wait > 0 then sys.sleep(wait) end
    if self.is_over and self.is_over() then return true end
  end
end

--- @param target of kinessis.target @param stream the stream's name
--- @param options { from = "latest", "trim_horizon" or seconds since 1970; raw = true leaves aggregated
---   records as they are; once = true ends when everything that is there has been visited; eager = true reads
---   as fast as the server answers; note = a function
---   that gets what is worth telling; is_over = a function asked now and then }
--- @param visit gets a page (kinessis.core.records), a shard's id, and the number of records; false ends it
--- @return true; or nil and an error
function tail.follow(target, stream, options, visit)
  local config = {}
  for name, value in pairs(target.config) do config[name] = value end
  config.max_attempts = 1 -- one shard's failures do not keep the others waiting
  local client <close>, err = core.open("kinesis", config)
  if not client then return nil, err end
  local self = setmetatable({
    stream = stream,
    from = options.from or "latest",
    deaggregate = not options.raw,
    once = options.once,
    eager = options.eager,
    is_over = options.is_over,
    note = options.note or function() end,
    visit = visit,
    client = client,
    kinesis = require("kinessis.aws").kinesis(target.config),
    page = records.page(),
    shards = {},
    known = {},
  }, follower)
  local count
  count, err = self:discover()
  if not count then return nil, err end
  return self:run()
end

-- ---- filters ----

-- What lua-cjson read: JSON's null, anywhere, as nil, and whole numbers, which are floats there, as integers.
local function tidy(value)
  if type(value) == "number" then return math.tointeger(value) or value end
  if value == cjson.null then return nil end
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = tidy(item) end
  end
  return value
end

-- Whole numbers beyond a float's 2^53, and empty lists, are other values to lua-cjson.
local many_digits = ("%d"):rep(16)

local function decode(data)
  if data:find(many_digits) or data:find "%[%s*%]" then
    local value = json.plain(data)
    if value ~= nil then return value end
  end
  local value = cjson.decode(data)
  if value == nil then return data end
  return tidy(value)
end

--- An expression over `record` (the decoded JSON; data that is not JSON is a string), or a function of it.
--- It also sees data, key, shard, sequence and arrival (seconds since 1970), and Lua's globals.
--- @return a function (page, number, shard) -> what the expression gives; or nil and what is wrong with it
function tail.filter(text)
  local env = setmetatable({}, { __index = _G })
  local chunk, problem = load("return " .. text, "=filter", "t", env)
  if not chunk then chunk = load(text, "=filter", "t", env) end
  if not chunk then return nil, problem end
  local given
  return function(page, i, shard)
    env.shard = shard
    env.data, env.key, env.sequence, env.arrival = page:record(i)
    env.record = decode(env.data)
    if given then return given(env.record) end
    local value = chunk()
    if type(value) ~= "function" then return value end
    given = value
    return given(env.record)
  end
end

--- A filter's value as a line of text: a string as it is, anything else as JSON.
--- @return the line; or nil and why not
function tail.line_of(value)
  if type(value) == "string" then return value .. "\n" end
  local text, problem = json.line(value)
  if not text then return nil, problem end
  return text .. "\n"
end

tail.json_of = json.line

return tail
