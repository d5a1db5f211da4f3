-- Aggregates, for a foreign reader and from a foreign writer. A record on a line: data, partition key and
-- explicit hash key (or "-") in base64, a space between; an empty line ends an aggregate.
--
--     kinessis lua aggregate.lua write <records >aggregates     data, key and hash key a line
--     kinessis lua aggregate.lua read  <aggregates >records
local aws = require("kinessis").aws
local encoding = require "kinessis.core.encoding"

local function encode(text) return text and encoding.base64(text) or "-" end
local function decode(text) return text ~= "-" and encoding.unbase64(text) or nil end
local names = { "data", "partition_key", "explicit_hash_key" }

local function print_record(record)
  local fields = {}
  for i, name in ipairs(names) do fields[i] = encode(record[name]) end
  print(table.concat(fields, " "))
end

local function parse_record(line)
  local record, i = {}, 0
  for field in (line .. " "):gmatch "(.-) " do
    i = i + 1
    record[names[i]] = decode(field)
  end
  return record
end

local what = ...
if what == "write" then
  local records = {}
  for line in io.lines() do
    if line == "" then
      print_record(aws.aggregate(records))
      records = {}
    else
      records[#records + 1] = parse_record(line)
    end
  end
else
  for line in io.lines() do
    for _, record in ipairs((aws.deaggregate(parse_record(line).data))) do print_record(record) end
    print()
  end
end
