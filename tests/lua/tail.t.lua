-- Filters of `kinessis tail`, and the page that they are asked about.
local tap = dofile "tests/lua/tap.lua"
local encoding = require "kinessis.core.encoding"
local records = require "kinessis.core.records"
local tail = require "kinessis.tail"

local function reply(texts)
  local parts = {}
  for i, text in ipairs(texts) do
    parts[i] = ('{"Data":"%s","PartitionKey":"k%d","SequenceNumber":"%d","ApproximateArrivalTimestamp":1.7E9}')
      :format(encoding.base64(text), i, i)
  end
  return ('{"Records":[%s],"NextShardIterator":"AAA","MillisBehindLatest":3}'):format(table.concat(parts, ","))
end

local page = records.page()
local count, rest = page:read(reply { '{"id":7,"name":"x","none":null,"list":[1,null]}', "text" }, true)
tap.is(count, 2, "two records")
tap.is(rest.next, "AAA", "the next iterator")
tap.is(rest.behind, 3, "how far behind")
tap.is(rest.sequence, "2", "the last sequence number")
tap.is(page:lines(2, 2), "text\n", "a line")
tap.like(page:envelopes(2, 2, "s"), '"data":"text"}', "an envelope")
tap.raises(function() page:record(3) end, "no such record", "a record that is not there raises")
local nothing, err = page:read("{}", true)
tap.ok(nothing == nil and err.code == "malformed", "what is no reply is an error")
tap.raises(function() page:record(1) end, "no such record", "... and leaves no records")
page:read(reply { '{"id":7,"name":"x","none":null,"list":[1,null]}', "text" }, true)
collectgarbage() -- the page keeps the body
tap.is((page:record(2)), "text", "a record's data")

local function gives(text, i)
  local filter, problem = tail.filter(text)
  if not filter then return problem end
  return filter(page, i or 1, "shard-1")
end

tap.is(gives "record.id == 7", true, "an expression")
tap.is(gives "record.name", "x", "a value")
tap.is(gives "record.none", nil, "null is nil")
tap.is(gives "#record.list", 1, "... in lists too")
tap.is(gives("record", 2), "text", "data that is not JSON")
tap.is(gives "key .. sequence .. shard", "k11shard-1", "key, sequence and shard")
tap.is(gives "arrival", 1.7e9, "the arrival in seconds")
tap.is(gives "function(r) return r.id * 2 end", 14, "a function")
tap.is(gives "local r = record return r.name:upper()", "X", "statements")
tap.ok(tostring(gives "record ="):find "near", "what is no Lua says so")
local counter = tail.filter "(function() local n = 0 return function() n = n + 1 return n end end)()"
tap.is(counter(page, 1, "s") + counter(page, 2, "s"), 3, "a function keeps what it remembers")

local exact = '{"id":12345678901234567,"x":0.30000000000000004,"none":[],"list":[{"us":1763946000123456,"n":7}]}'
local exact_page = records.page()
exact_page:read(reply { exact, '{"n":7,"x":1.5}' }, true)
local function line(text, i) return tail.line_of(tail.filter(text)(exact_page, i or 1, "s")) end
tap.is(line "record.id", "12345678901234567\n", "a whole number beyond 2^53")
tap.is(line "{ record.id, record.x, record.list[1].us }", "[12345678901234567,0.30000000000000004,1763946000123456]\n",
  "numbers with all their digits")
tap.is(line "record.none", "[]\n", "an empty list")
tap.is(line "{ b = record.none, a = record.list }",
  '{"a":[{"n":7,"us":1763946000123456}],"b":[]}\n', "names are sorted")
tap.is(line("'n' .. record.n .. record.x", 2), "n71.5\n", "a whole number within a text")
tap.ok(not tail.line_of { 1, a = 2 } and not tail.line_of(0 / 0) and not tail.line_of { [1] = 1, [1000] = 2 },
  "what is no JSON is no line")
tap.is(tail.line_of { 1, nil, 3 }, "[1,null,3]\n", "a gap is null")

tap.is(tail.line_of "text", "text\n", "a string as it is")
tap.is(tail.line_of(3.0), "3\n", "a whole number")
tap.is(tail.line_of { 1, "b" }, '[1,"b"]\n', "a table as JSON")
tap.ok(not tail.line_of { [function() end] = 1 }, "what has no JSON is no line")
tap.is(tail.json_of 'a"b', '"a\\"b"', "a string as JSON")
tap.done()
