# Several destinations at once: each gets every record, each is told of, and one that fails is exit code 1.
set -u
. tests/support/lake.sh
trap lake_stop EXIT
lake_start
folder=$lake_folder/work
log=$folder/log
mkdir "$folder"
has() { grep -q -- "$1" "$log" || { cat "$log"; return 1; }; }

scenario() { # FILE DESTINATIONS
    cat >"$1" <<LUA
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", fake.uuid() }, { "name", fake.first_name() } }),
  amount = 4000,
  to = { $2 },
}
LUA
}
run() { "$KINESSIS" run "$@" --seed 3 --data "$lake_folder" 2>"$log"; }

scenario "$folder/all.lua" "
    kinessis.stream { name = 'left', partition_key = 'uuid' },
    kinessis.stream { name = 'right', partition_key = 'uuid', max_records = 100 },
    kinessis.delivery_stream { name = 'direct' },
    kinessis.file { path = '$folder/people.jsonl' },"
run "$folder/all.lua" --workers 3
ok "a run to four destinations ends well" same $? 0
for name in "Kinesis left" "Kinesis right" "Firehose direct" "file $folder/people.jsonl"; do
    ok "and tells of $name" has "INFO - $name: 4,000 generated, 4,000 delivered, 0 retried, 0 failed"
done
ok "makes both streams" eval "has 'Created the stream left' && has 'Created the stream right'"
"$KINESSIS" generate "$folder/all.lua" --seed 3 -q >"$folder/expected"
ok "the file has the records in order" cmp "$folder/people.jsonl" "$folder/expected"

cat >"$folder/read.lua" <<'LUA'
local url, stream = ...
local kinesis = require("kinessis").aws.kinesis { endpoint = url, region = "us-east-1", access_key = "lake", secret_key = "lake" }
for _, shard in ipairs(assert(kinesis:list_shards { StreamName = stream }).Shards) do
  local iterator = assert(kinesis:get_shard_iterator {
    StreamName = stream, ShardId = shard.ShardId, ShardIteratorType = "TRIM_HORIZON" }).ShardIterator
  repeat
    local reply = assert(kinesis:get_records { ShardIterator = iterator })
    for _, record in ipairs(reply.Records) do print(record.Data) end
    iterator = reply.NextShardIterator
  until #reply.Records == 0
end
LUA
sort "$folder/expected" >"$folder/sorted"
for name in left right; do
    "$KINESSIS" lua "$folder/read.lua" "$lake_url" $name | sort >"$folder/read"
    ok "$name has each record once" cmp "$folder/read" "$folder/sorted"
done
ok "so has the table" same \
    "$("$KINESSIS" query --data "$lake_folder" --database left --format csv "SELECT count(DISTINCT uuid) n FROM person" | tail -n 1 | tr -d '"')" 4000

scenario "$folder/half.lua" "
    kinessis.file { path = '$folder/half.jsonl' },
    kinessis.stream { name = 'absent', partition_key = 'uuid' },"
AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_REGION=us-east-1 \
    "$KINESSIS" run "$folder/half.lua" --target "$lake_url" --seed 3 2>"$log"
ok "one destination that does not exist is exit code 1" same $? 1
ok "and is named" has "ERROR - Kinesis absent: .* were not delivered: .*absent"
n=$(wc -l <"$folder/half.jsonl")
ok "the other has what was made until then ($n)" eval "head -n $n '$folder/expected' | cmp - '$folder/half.jsonl'"

scenario "$folder/local.lua" "kinessis.null {}, kinessis.stdout { format = 'csv' }, kinessis.file { path = '$folder/people.csv', format = 'csv' },"
"$KINESSIS" run "$folder/local.lua" --seed 3 --data "$folder/none" >"$folder/out" 2>"$log"
ok "destinations of this machine need no target" same $?/"$(ls "$folder/none" 2>/dev/null)" 0/runs
ok "CSV begins with the names" same "$(head -n 1 "$folder/people.csv")" "uuid,name"
ok "and is the same on stdout" cmp "$folder/out" "$folder/people.csv"
scenario "$folder/packed.lua" "kinessis.file { path = '$folder/people.csv.gz', format = 'csv' }, kinessis.null {},"
for workers in 1 4; do
    "$KINESSIS" run "$folder/packed.lua" --seed 3 --workers $workers 2>"$log"
    ok "gzip, $workers workers: the same lines" eval "gzip -dc '$folder/people.csv.gz' | cmp - '$folder/people.csv'"
done
"$KINESSIS" run "$folder/local.lua" --seed 3 2>"$log" | head -n 2 >"$folder/out"
ok "a reader that left fails nothing" eval "! has 'were not delivered'"
scenario "$folder/full.lua" "kinessis.null {}, kinessis.file { path = '/dev/full' },"
"$KINESSIS" run "$folder/full.lua" 2>"$log"
ok "a full disk is exit code 1" same $? 1
ok "and named" has "file /dev/full: .* were not delivered: cannot write to /dev/full: No space left"

tap_done
