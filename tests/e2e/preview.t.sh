# kinessis preview: without a server, without an account.
set -u
. tests/support/lake.sh
folder=$lake_folder
preview() { "$KINESSIS" preview "$@"; }

ok 'the quickstart' sh -c "'$KINESSIS' preview scripts/quickstart.lua --shards 4 | grep -q 'No pace limits the run'"
ok 'shares add up' same "$(preview scripts/quickstart.lua --shards 4 --json | jq '[.shards[].records] | add * 1000 | round')" 1000
ok 'a pace within the limits' sh -c "'$KINESSIS' preview scripts/shop.lua --shards 3 --rate 500 | grep -q '^Nothing throttles'"
ok 'a pace beyond them' sh -c "'$KINESSIS' preview scripts/shop.lua --shards 1 --rate 2500 -n 100000 | grep -q '^With even keys 3 shards would do'"
preview --print-prices >"$folder/prices.lua"
ok 'the table of prices can be given back' preview scripts/wave.lua --prices "$folder/prices.lua"
sed -i 's/shard_hour = .*/shard_hour = 100,/' "$folder/prices.lua"
ok 'and edited' same "$(preview scripts/wave.lua --shards 2 --prices "$folder/prices.lua" --json | jq '.hourly_bill[0].dollars')" 200
echo 'return { kinesis = { shard = 1 } }' >"$folder/prices.lua"
ok 'an unknown price is told' same "$(preview scripts/wave.lua --prices "$folder/prices.lua" 2>&1)" \
    "kinessis: $folder/prices.lua: there is no price kinesis.shard"
echo 'return require("kinessis").scenario { records = require("kinessis").schema("a", { { "b", 1 } }) }' >"$folder/bare.lua"
ok 'no stream, no preview' same "$(preview "$folder/bare.lua" 2>&1)" \
    "kinessis: $folder/bare.lua: sends to no stream: there is nothing to preview"
rm -rf "$folder"
tap_done
