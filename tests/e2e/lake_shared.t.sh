# Two commands on one data folder, no `kinessis lake`: the lake inside the first serves until the second is done too.
set -u
. tests/support/lake.sh
folder=$lake_folder
data=$folder/data
trap 'kill ${first:-} ${second:-} 2>/dev/null; lake_stop' EXIT

cat >"$folder/people.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", kinessis.fake.uuid() } }),
  pace = 500,
  to = kinessis.stream { name = "people", partition_key = "uuid" },
}
LUA

wait_for() { # TEXT LOG
    tries=0
    until grep -q "$1" "$2"; do
        tries=$((tries + 1))
        [ $tries -lt 1500 ] || { echo "Bail out! no '$1' in $2"; cat "$2"; exit 1; }
        sleep 0.02
    done
}

"$KINESSIS" run "$folder/people.lua" --data "$data" 2>"$folder/first" &
first=$!
wait_for 'Started data generation' "$folder/first"
"$KINESSIS" run "$folder/people.lua" --data "$data" 2>"$folder/second" &
second=$!
wait_for 'Started data generation' "$folder/second"
kill -TERM "$first"
wait_for 'Another command uses this lake' "$folder/first"
"$KINESSIS" run "$folder/people.lua" --data "$data" -n 10 2>"$folder/third" &
third=$!
sleep 0.2
kill -TERM "$second"
wait "$second"
ok 'the second delivers everything after the first has ended' same $? 0
wait "$first"
ok 'the first ends when the second has' same $? 0
wait "$third"
ok 'one that came meanwhile waits for its turn' same $? 0

delivered=$(sed -n 's/.* \([0-9]*\) messages delivered.*/\1/p' "$folder/first" "$folder/second" "$folder/third" | awk '{ n += $1 } END { print n }')
counted=$("$KINESSIS" query --data "$data" --format csv 'SELECT count(*) AS n FROM people.person' | tail -1 | tr -d '"')
ok "all that they delivered is there ($delivered)" same "$counted" "$delivered"
tap_done
