--- kinessis redrive FILE: sends the records of a dead-letter file again, to where they were meant to go.
---
--- Failing again, and not sent yet, they are written to FILE.redrive, which takes FILE's place at the
--- end, whole: whatever kills the command, no record is lost, and those that were sent before that may
--- be sent once more.
local aws_target = require "kinessis.target"
local core = require "kinessis.core.redrive"
local count = require("kinessis.show").count
local dead_letter = require "kinessis.dead_letter"
local options = require "kinessis.options"
local sys = require "kinessis.core.sys"
local told = require "kinessis.summary"

local most_destinations = 4 -- KN_RUN_SINKS of the core

local drain = 10 -- seconds

local labels = { kinesis = "Kinesis", firehose = "Firehose" }

local usual, most = 1 << 20, 10 << 20 -- bytes of a record that a stream takes

--- What the run was allowed to send may be as large again; what it refused for its size fails alone, as before.
local function make_room(sink, letter)
  local size = #letter.data + #tostring(letter.partition_key or "")
  local refused = type(letter.error) == "table" and letter.error.code == "limit"
  if sink.service ~= "kinesis" or refused or size > most then return end
  sink.max_record_bytes = math.max(size, sink.max_record_bytes or usual)
end

local function key_of(letter)
  return ("%s %s %s"):format(letter.service, letter.name, letter.newline)
end

--- Looks through the file: which destinations and targets it names.
local function survey(path)
  local found = { list = {}, number = {}, targets = {}, target_list = {}, lines = 0, letters = 0 }
  for line in io.lines(path) do
    found.lines = found.lines + 1
    local letter = dead_letter.read(line)
    if letter then
      found.letters = found.letters + 1
      local key = key_of(letter)
      if not found.number[key] and #found.list < most_destinations then
        table.insert(found.list, { kind = letter.service, service = letter.service, label = labels[letter.service],
          name = letter.name, no_newline = letter.newline == false })
        found.number[key] = #found.list
      end
      if found.number[key] then make_room(found.list[found.number[key]], letter) end
      local target = type(letter.target) == "string" and letter.target or "lake"
      if not found.targets[target] then
        found.targets[target] = true
        table.insert(found.target_list, target)
      end
    end
  end
  return found
end

--- Puts the letters into the sender until the file, the user or an error ends it.
--- @return the lines that were not sent, as a function of the line's number
local function send(path, found, sender)
  local other, number, stopped_at = {}, 0, nil
  for line in io.lines(path) do
    number = number + 1
    if sender:stops() > 0 then
      stopped_at = number
      break
    end
    local letter = dead_letter.read(line)
    local sink = letter and found.number[key_of(letter)]
    if not sink then
      other[number] = true
    elseif not sender:put(sink, letter.index, letter.data, letter.partition_key, letter.explicit_hash_key) then
      stopped_at = number + 1 -- this one was given up
      break
    end
  end
  return function(n) return other[n] or stopped_at ~= nil and n >= stopped_at end
end

--- Copies the lines that were not sent behind those that failed again.
--- @return how many; or nil and an error
local function keep(path, new, not_sent)
  local out, kept, number = nil, 0, 0
  for line in io.lines(path) do
    number = number + 1
    if not_sent(number) then
      local err
      if not out then
        out, err = io.open(new, "a")
        if not out then return nil, sys.error("io", err) end
      end
      local ok
      ok, err = out:write(line, "\n")
      if not ok then return nil, sys.error("io", ("cannot write %s: %s"):format(new, err)) end
      kept = kept + 1
    end
  end
  if out then
    local ok, err = out:close()
    if not ok then return nil, sys.error("io", ("cannot write %s: %s"):format(new, err)) end
  end
  return kept
end

--- Puts what is left in the file's place.
local function finish(path, new, summary, not_sent)
  local letters = summary.dead_letters
  local kept, err = keep(path, new, not_sent)
  err = letters.error or err
  if err then
    os.remove(new)
    sys.log("error", ("%s is left as it was: %s"):format(path, tostring(err)))
    return nil
  end
  if letters.count + kept == 0 then return os.remove(path) end
  local ok
  ok, err = core.replace(new, path)
  if not ok then
    sys.log("error", tostring(err))
    return nil
  end
  sys.log("warning", ("%s records are left in %s: %s failed again, %s were not sent."):format(
    count(letters.count + kept), path, count(letters.count), count(kept)))
  return false
end

local function redrive(path, found, values, where)
  local new = path .. ".redrive"
  os.remove(new) -- of a redrive that was killed: its records are in FILE
  local list = found.list
  for _, sink in ipairs(list) do sink.aws = where.config end
  local sender, err = core.open { sinks = list, dead_letters = new, target = values.target,
    drain = values.drain or drain }
  if not sender then return nil, err end
  local _ <close> = sender
  local not_sent = send(path, found, sender)
  local summary = sender:finish()
  local letters = summary.dead_letters
  summary.dead_letters = nil
  local all = told.tell(summary, list)
  summary.dead_letters = letters
  local done = finish(path, new, summary, not_sent)
  local flushed, flush_error = where:flush()
  if not flushed then return nil, flush_error end
  return done and all and 0 or 1
end

return {
  description = "FILE is what kinessis run wrote about records that it could not deliver. They are sent to the stream\n"
    .. "or delivery stream that they were meant for, with the same keys. What fails again stays in FILE;\n"
    .. "when nothing is left, FILE is removed. Ctrl-C delivers what was read and keeps the rest in FILE.\n",
  arguments = { { "FILE", "the dead-letter file" } },
  options = {
    { "--drain", "TIME", "how long Ctrl-C lets deliver what is on its way (default: 10s)",
      parse = options.duration },
    { "--target", "WHERE", "instead of the target that FILE names: lake, aws, or a URL", parse = aws_target.parse },
    table.unpack(aws_target.options, 2),
  },
  run = function(arguments, values)
    local path = arguments[1]
    local lock, err = core.take(path)
    if not lock then return nil, err end
    local _ <close> = lock
    local found = survey(path)
    if found.letters == 0 then
      if found.lines == 0 and os.remove(path) then
        sys.log("info", ("%s was empty: nothing to send. It is removed."):format(path))
        return 0
      end
      return nil, sys.error("parse", ("%s: none of its lines (%s) is a record that kinessis run could not deliver")
        :format(path, count(found.lines)))
    end
    if found.letters < found.lines then
      sys.log("warning", ("%s: lines that are no such record (%s) stay there."):format(path,
        count(found.lines - found.letters)))
    end
    if not values.target then
      if #found.target_list > 1 then
        options.usage("%s has records for several targets (%s): say which with --target", path,
          table.concat(found.target_list, ", "))
      end
      values.target = found.target_list[1]
    end
    local where
    where, err = aws_target.from(values)
    if not where then return nil, err end
    local _ <close> = where
    return redrive(path, found, values, where)
  end,
}
