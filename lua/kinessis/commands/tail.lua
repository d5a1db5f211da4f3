--- kinessis tail STREAM: prints the records of a stream as they come.
local interrupts = require "kinessis.core.repl"
local options = require "kinessis.options"
local records = require "kinessis.core.records"
local sys = require "kinessis.core.sys"
local tail = require "kinessis.tail"
local target = require "kinessis.target"

--- "latest", "trim_horizon", a time, or how long ago -> what tail.follow takes
local function parse_from(text)
  if text == "latest" or text == "trim_horizon" then return text end
  local seconds, expected = options.past(text)
  if seconds then return seconds end
  return nil, "latest, trim_horizon, " .. expected
end

local function parse_filter(text)
  local filter, problem = tail.filter(text)
  if not filter then return nil, "a Lua expression over record (" .. problem:gsub("^filter:%d+: ", "") .. ")" end
  return filter
end

-- Each writer gets a page, a range of its records, their shard, and the filter's value when it is not the record.
-- It returns their text; or nil and why there is none.

local function write_lines(page, from, to, _, value)
  if value == nil then return page:lines(from, to) end
  return tail.line_of(value)
end

local function write_envelopes(page, from, to, shard, value)
  if value == nil then return page:envelopes(from, to, shard) end
  local text, problem = tail.json_of(value)
  if not text then return nil, problem end
  return page:envelopes(from, to, shard, text)
end

-- What the filter cannot be applied to is left out, which is said once.
local function skipper()
  local skipped = 0
  return function(problem)
    skipped = skipped + 1
    if skipped == 1 then
      local reason = tostring(problem):gsub("\n.*", ""):gsub("^filter:%d+: ", "")
      sys.log("warning", ("--filter: %s; such records are left out."):format(reason))
    end
  end
end

--- @return the text of the records that the filter lets pass, at most `most`, and how many they are
local function filtered(filter, write, skip, page, shard, count, most)
  local parts, n = {}, 0
  for i = 1, count do
    if n == most then break end
    local ok, value = pcall(filter, page, i, shard)
    if ok and value then
      if value == true then value = nil end
      local text, problem = write(page, i, i, shard, value)
      if text then
        n = n + 1
        parts[n] = text
      else
        skip(problem)
      end
    elseif not ok then
      skip(value)
    end
  end
  return table.concat(parts), n
end

--- @return what tail.follow calls
local function printer(given)
  local write = given.json and write_envelopes or write_lines
  local left, skip = given.limit or math.maxinteger, skipper()
  return function(page, shard, count)
    local text, n
    if given.filter then
      text, n = filtered(given.filter, write, skip, page, shard, count, left)
    else
      n = math.min(count, left)
      text = n > 0 and write(page, 1, n, shard) or ""
    end
    left = left - n
    return io.stdout:write(text) ~= nil and io.stdout:flush() ~= nil and left > 0
  end
end

return {
  description = [[
Prints each record's data on a line of its own, of all shards, also of those that come when shards are split
or merged, until Ctrl-C. Aggregated records are taken apart.

The filter is a Lua expression over record, the decoded JSON (the text itself where it is none): true prints the
record, false or nil does not, and any other value is printed instead. It may be a function of the record. It also
sees data, key, shard, sequence and arrival.

  kinessis tail people --filter 'record.status == "Active"'
  kinessis tail people --from trim_horizon --filter 'record.name'
  kinessis tail people --from 10m --json --limit 5
]],
  arguments = { { "STREAM", "the stream's name", parse = options.text } },
  options = {
    { "--from", "WHERE", "latest, trim_horizon (the oldest), a time, or how long ago (10m)", parse = parse_from,
      default = "latest" },
    { "--filter", "LUA", "print what this expression gives for each record", parse = parse_filter },
    { "--json", nil, "an object a line: shard, sequence, arrival, partition_key, data" },
    { "--limit", "N", "end after N records", short = "-n", parse = options.integer(1) },
    { "--no-follow", nil, "end when everything that is there has been printed" },
    { "--raw", nil, "leave aggregated records as they are" },
    { "--quiet", nil, "no notes on stderr", short = "-q" },
    table.unpack(target.options),
  },
  run = function(arguments, given)
    local where <close>, err = target.from(given)
    if not where then return nil, err end
    local ended, result
    ended, result, err = interrupts.call(tail.follow, where, arguments[1], {
      from = given.from,
      raw = given.raw,
      once = given.no_follow,
      is_over = records.reader_gone,
      note = function(text) if not given.quiet then sys.log("info", text) end end,
    }, printer(given))
    if not ended and interrupts.interrupted() then return 0 end
    if not ended then return nil, result end
    if not result then return nil, err end
    return 0
  end,
}
