# kinessis run into a lake of its own: what the run calls delivered is what the stream holds, byte for byte.
set -u
. tests/support/lake.sh
trap lake_stop EXIT
lake_start
mkdir "$lake_folder/work"
folder=$lake_folder/work
log=$folder/log

cat >"$folder/people.lua" <<'LUA'
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", {
    { "uuid", fake.uuid() }, { "name", fake.first_name() }, { "n", function(ctx) return ctx.index end, type = "bigint" },
  }),
  to = kinessis.stream { name = "people", partition_key = "uuid", max_records = 200 },
  stack = kinessis.stack { stream = { name = "people", shards = 3 }, delivery_stream = false },
}
LUA

# Every record of the stream, one per line.
cat >"$folder/read.lua" <<'LUA'
local kinesis = require("kinessis").aws.kinesis { endpoint = ..., region = "us-east-1", access_key = "lake", secret_key = "lake" }
for _, shard in ipairs(assert(kinesis:list_shards { StreamName = "people" }).Shards) do
  local iterator = assert(kinesis:get_shard_iterator {
    StreamName = "people", ShardId = shard.ShardId, ShardIteratorType = "TRIM_HORIZON",
  }).ShardIterator
  repeat
    local reply = assert(kinesis:get_records { ShardIterator = iterator })
    for _, record in ipairs(reply.Records) do
      assert(record.Data:find(record.PartitionKey, 1, true), "the partition key is the uuid")
      print(record.Data)
    end
    iterator = reply.NextShardIterator
  until #reply.Records == 0
end
LUA
read_back() { "$KINESSIS" lua "$folder/read.lua" "$lake_url" | sort >"$folder/read"; }

run() { "$KINESSIS" run "$folder/people.lua" --data "$lake_folder" --seed 3 "$@" 2>"$log"; }

run -n 6000 --workers 4 --print >"$folder/out"
ok "a run of 4 workers into a running lake" same $? 0
ok "makes what is absent" grep -q "Created the stream people" "$log"
ok "tells what was delivered" grep -q "INFO - 6000 messages delivered to Kinesis\.$" "$log"
"$KINESSIS" generate "$folder/people.lua" --seed 3 -n 6000 -q >"$folder/expected"
ok "prints the records in order" cmp "$folder/out" "$folder/expected"
read_back
sort "$folder/expected" >"$folder/sorted"
ok "and each is in the stream once" cmp "$folder/read" "$folder/sorted"

rm "$folder/out"
env --default-signal=INT "$KINESSIS" run "$folder/people.lua" --data "$lake_folder" --seed 4 --rate 5000 --print \
    >"$folder/out" 2>"$log" &
pid=$!
tries=0
until [ -s "$folder/out" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
kill -INT $pid
wait $pid
ok "a run that Ctrl-C stopped ends well" same $? 0
n=$(wc -l <"$folder/out")
ok "delivered is what was printed ($n)" grep -q "INFO - $n messages delivered to Kinesis\.$" "$log"
"$KINESSIS" generate "$folder/people.lua" --seed 4 -n "$n" -q | sort - "$folder/sorted" >"$folder/expected"
read_back
ok "and each is in the stream once" cmp "$folder/read" "$folder/expected"

# The lake dies under the run, whose own error must not be hidden by that of the flush.
mkdir "$folder/own"
sed 's/return ctx.index end/if ctx.index == 7 then os.execute("kill -9 " .. os.getenv "LAKE") error "boom" end return 1 end/' \
    "$folder/people.lua" >"$folder/boom.lua"
"$KINESSIS" lake --port 0 --data "$folder/own" >"$folder/ready" &
other=$!
tries=0
until [ -s "$folder/ready" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
LAKE=$other timeout 60 "$KINESSIS" run "$folder/boom.lua" -n 10 --data "$folder/own" 2>"$log"
ok "a lake that dies under a run is exit code 1" same $? 1
wait $other 2>/dev/null
ok "the script's error is told" grep -q "boom.lua:5: boom" "$log"
ok "and the lake's" grep -q "ERROR - lake Flush" "$log"

sed 's/"people", partition/"absent", partition/' "$folder/people.lua" >"$folder/absent.lua"
AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_REGION=us-east-1 \
    "$KINESSIS" run "$folder/absent.lua" -n 1000 --target "$lake_url" >/dev/null 2>"$log"
ok "a stream that does not exist is exit code 1" same $? 1
# How many were generated before the answer came is a matter of time.
ok "and is named" grep -Eq "([0-9,]+) of \\1 messages were not delivered: .*absent" "$log"

tap_done
