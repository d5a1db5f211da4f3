# kinessis preview: without a server, without an account.
set -u
. tests/support/lake.sh
folder=$lake_folder
preview() { "$KINESSIS" preview "$@"; }

ok 'the quickstart' sh -c "'$KINESSIS' preview scripts/quickstart.lua --shards 4 | grep -q 'No pace limits the run'"
ok 'shares add up' same "$(preview scripts/quickstart.lua --shards 4 --json | jq '[.shards[].records] | add * 1000 | round')" 1000
ok 'a pace within the limits' sh -c "'$KINESSIS' preview scripts/shop.lua --shards 3 --rate 500 | grep -q '^Nothing throttles'"
ok 'a pace beyond them' sh -c "'$KINESSIS' preview scripts/shop.lua --shards 1 --rate 2500 -n 100000 | grep -q '^With even keys 3 shards would do'"
for given in "scripts/wave.lua -n 0" "scripts/wave.lua -n 0 --rate 100" "scripts/shop.lua -n 0"; do
    # shellcheck disable=SC2086 # options
    ok "$given: nothing is sent" sh -c "'$KINESSIS' preview $given | grep -q '^Nothing would be sent: the amount is 0'"
    # shellcheck disable=SC2086 # options
    ok "$given: as figures" same "$(preview $given --json | jq -c '[.asked_mean, .asked_peak, .requests_per_second,
        ([.hourly_bill[] | select(.what | contains("hours") | not) | .dollars] | add)]')" '[0,0,0,0]'
done
cat >"$folder/idle.lua" <<'EOF'
local kinessis = require "kinessis"
return kinessis.scenario { records = kinessis.schema("a", { { "b", "c" } }), pace = function() return 0 end,
  to = kinessis.stream { name = "idle", partition_key = "b" } }
EOF
ok 'a pace of nothing' sh -c "'$KINESSIS' preview '$folder/idle.lua' | grep -q '^Nothing would be sent: the pace asks for no'"
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
