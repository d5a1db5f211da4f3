--- Lines of a dead-letter file: what can be sent again is read, the rest stays where it is.
local tap = dofile "tests/lua/tap.lua"
local read = require("kinessis.dead_letter").read

local letter = read '{"index":41,"service":"kinesis","name":"clicks","partition_key":"a","data":"x"}'
tap.is(("%d %s %s %s"):format(letter.index, letter.name, letter.partition_key, letter.data), "41 clicks a x",
  "a letter")
tap.is(read('{"service":"firehose","name":"a","data_base64":"AP8="}').data, "\0\xFF", "bytes that are no text")
tap.is(read('{"service":"firehose","name":"a","data":"x","index":"none"}').index, 0, "without its number")
for _, line in ipairs {
  "", "x", "1", "[]", '{"service":"kinesis","name":"a"}', '{"service":"sqs","name":"a","data":"x"}',
  '{"service":"kinesis","name":1,"data":"x"}', '{"service":"kinesis","name":"a","data":1}',
  '{"service":"kinesis","name":"a","data":"x","partition_key":{}}',
  '{"service":"kinesis","name":"a","data":"x","partition_key":null}',
  '{"service":"kinesis","name":"a","data":"x","explicit_hash_key":[7]}',
  '{"service":"kinesis","name":"a","data_base64":"?"}',
} do
  tap.is(read(line), nil, "no letter: " .. line)
end
tap.done()
