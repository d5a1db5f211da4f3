# kinessis generate: the same bytes for any number of workers, what it refuses, files and pipes that end.
set -u
. tests/support/lake.sh
trap lake_stop EXIT
folder=$lake_folder

generate() { "$KINESSIS" generate "$@" --quiet; }

# ---- record i is a function of the seed and i ----

for script in $(grep -l "^return kinessis.scenario" scripts/*.lua); do
    generate "$script" -n 20000 --seed 7 --start 2022-02-02T15:17:07 --workers 1 --out "$folder/one"
    generate "$script" -n 20000 --seed 7 --start 2022-02-02T15:17:07 --workers 4 >"$folder/four"
    ok "$script: 4 workers write what 1 writes" cmp "$folder/one" "$folder/four"
    ok "$script: as many lines as asked for" same "$(wc -l <"$folder/one")" 20000
    ok "$script: every line is a JSON object" \
        same "$(jq -c 'type' "$folder/one" | sort | uniq -c | tr -s ' ')" ' 20000 "object"'
    generate "$script" -n 5000 --from 12345 --seed 7 --start 2022-02-02T15:17:07 >"$folder/part"
    tail -n +12346 "$folder/one" | head -5000 >"$folder/expected"
    ok "$script: --from begins anywhere" cmp "$folder/part" "$folder/expected"
    for part in 1 2 3; do
        generate "$script" -n 20000 --seed 7 --start 2022-02-02T15:17:07 --part $part/3
    done >"$folder/parts"
    ok "$script: three parts are the whole" cmp "$folder/one" "$folder/parts"
    generate "$script" -n 20000 --seed 7 --start 2022-02-02T15:17:07 --workers 1 --format csv >"$folder/csv"
    for part in 1 2 3; do
        generate "$script" -n 20000 --seed 7 --start 2022-02-02T15:17:07 --workers $part --part $part/3 --format csv
    done >"$folder/parts"
    ok "$script: so are three parts of a CSV file" cmp "$folder/csv" "$folder/parts"
    ok "$script: CSV holds what JSON holds" python3 tests/support/same_csv.py "$folder/csv" "$folder/one"
    generate "$script" -n 100 --seed 8 --start 2022-02-02T15:17:07 >"$folder/other"
    head -100 "$folder/one" >"$folder/expected"
    ok "$script: another seed makes other records" eval "! cmp -s '$folder/other' '$folder/expected'"
done

# ---- amounts ----

ok "the scenario's amount" same "$(generate scripts/quickstart.lua | wc -l)" 10
ok "1e3 is an amount" same "$(generate scripts/quickstart.lua -n 1e3 | wc -l)" 1000
ok "10_000 is an amount" same "$(generate scripts/quickstart.lua --amount 10_000 | wc -l)" 10000
ok "no records" same "$(generate scripts/quickstart.lua -n 0 | wc -c)" 0
ok "a module beside a scenario that is not on disk" \
    eval "cd '$folder' && '$(readlink -f "$KINESSIS")' generate scripts/extended.lua -n 1 -q | grep -q points"

# ---- parts and CSV ----

ok "a part of nothing" same "$(generate scripts/quickstart.lua -n 1 --seed 1 --part 1/2 | wc -l)" 0
ok "a part begins after --from" same \
    "$(generate scripts/quickstart.lua -n 10 --from 100 --seed 1 --start 2022-02-02 --part 2/2)" \
    "$(generate scripts/quickstart.lua -n 5 --from 105 --seed 1 --start 2022-02-02)"
for wrong in 0/2 3/2 1 1/x 1/2/3 -1/2; do
    generate scripts/quickstart.lua -n 10 --seed 1 --part "$wrong" 2>"$folder/log"
    ok "$wrong is no part" same $? 2
    ok "and is told what one is" grep -q "a part such as 2/8" "$folder/log"
done
generate scripts/wave.lua --seed 1 --part 1/2 2>"$folder/log"
ok "a part needs an amount" grep -q -- "--part needs an amount" "$folder/log"
generate scripts/quickstart.lua --part 1/2 2>"$folder/log"
ok "and a seed" grep -q -- "--part needs a seed" "$folder/log"
ok "run takes parts too" same "$("$KINESSIS" run scripts/quickstart.lua -q --dry-run --seed 1 --part 2/4 \
    --start 2022-02-02)" "$(generate scripts/quickstart.lua --seed 1 --from 2 -n 3 --start 2022-02-02)"
cat >"$folder/trace.lua" <<'EOF'
local kinessis = require "kinessis"
return kinessis.scenario { records = kinessis.schema("t", { { "at", kinessis.fake.now() } }), to = kinessis.null {},
  pace = kinessis.pace.trace { times = { 0, 0.1, 0.1, 0.2, 0.3 } }, amount = 100, seed = 1, start = "2022-02-02" }
EOF
for part in 1/3=2 2/3=2 3/3=1; do
    ok "part ${part%=*} of a trace of five arrivals" same "$("$KINESSIS" run "$folder/trace.lua" -q --dry-run \
        --json-summary "$folder/summary" --part "${part%=*}" && jq .generated "$folder/summary")" "${part#*=}"
done
ok "a header" same "$(generate scripts/quickstart.lua -n 0 --format csv)" \
    "uuid,event_date,status,name,last_name,email,phone"
ok "no header" same "$(generate scripts/quickstart.lua -n 0 --format csv --no-header)" ""
generate scripts/quickstart.lua --format tsv 2>"$folder/log"
ok "a format that is none" grep -q "one of json, csv" "$folder/log"

# Memory in KB, of the process that comes next.
memory_of() { # FORMAT AMOUNT
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' \
        "$KINESSIS" generate scripts/function.lua -q --seed 1 --format "$1" -n "$2"
}
for format in json csv; do
    few=$(memory_of $format 2e4)
    many=$(memory_of $format 4e5)
    ok "memory does not grow with the amount ($format: $few KB, $many KB)" test "$many" -lt $((few + few / 2))
done

# ---- the seed is told, and repeats the run ----

"$KINESSIS" generate scripts/extended.lua -n 50 --start 2022-02-02 >"$folder/one" 2>"$folder/log"
seed=$(sed -n 's/.* INFO - Seed \([0-9]*\),.*/\1/p' "$folder/log")
generate scripts/extended.lua -n 50 --start 2022-02-02 --seed "$seed" >"$folder/two"
ok "the seed in the log repeats the run" cmp "$folder/one" "$folder/two"
ok "--quiet says nothing" same "$(generate scripts/extended.lua -n 5 2>&1 >/dev/null)" ""

# ---- ends that are not of our making ----

ok "| head ends an endless run" \
    same "$(timeout 20 "$KINESSIS" generate scripts/wave.lua -q 2>"$folder/log" | head -3 | wc -l)" 3
ok "quietly" same "$(cat "$folder/log")" ""
{ timeout 20 "$KINESSIS" generate scripts/wave.lua -q; echo $? >"$folder/code"; } | head -1 >"$folder/one"
ok "with exit code 0" same "$(cat "$folder/code")" 0
generate scripts/quickstart.lua -n 1e5 --out /dev/full 2>"$folder/log"
ok "a full disk is exit code 1" same $? 1
ok "and is named" grep -q "cannot write to /dev/full: No space left on device" "$folder/log"
generate scripts/quickstart.lua --out "$folder/absent/file" 2>"$folder/log"
ok "a folder that does not exist is exit code 1" same $? 1
ok "and is named" grep -q "cannot write $folder/absent/file: No such file or directory" "$folder/log"

# ---- scripts that fail ----

cat >"$folder/raises.lua" <<'LUA'
local kinessis = require "kinessis"
local function field(ctx)
  if ctx.index == 1507 then error("no luck with record " .. ctx.index) end
  return ctx.index
end
return kinessis.scenario {
  records = kinessis.schema("person", { { "n", field, type = "bigint" } }),
  amount = 10000,
}
LUA
for workers in 1 4; do
    generate "$folder/raises.lua" --workers $workers >"$folder/one" 2>"$folder/log"
    ok "a field that raises is exit code 1 ($workers workers)" same $? 1
    ok "the records before it are written" same "$(wc -l <"$folder/one")" 1507
    ok "in order" same "$(tail -1 "$folder/one")" '{"n":1506}'
    ok "the message names the line" grep -q "raises.lua:3: no luck with record 1507" "$folder/log"
    ok "the traceback starts in the user's file" \
        same "$(sed -n '/stack traceback/{n;s/^[^:]*\(raises.lua:[0-9]*\).*/\1/p;}' "$folder/log")" "raises.lua:3"
done

echo 'error "at load"' >"$folder/load.lua"
generate "$folder/load.lua" 2>"$folder/log"
ok "a script that raises when it is loaded is exit code 1" same $? 1
ok "and its line is named" grep -q "load.lua:1: at load" "$folder/log"
generate "$folder/nosuch.lua" 2>"$folder/log"
ok "a file that does not exist is exit code 1" same $? 1
ok "and is named" grep -q "nosuch.lua: No such file or directory" "$folder/log"

# ---- options ----

generate scripts/quickstart.lua --ammount 5 2>"$folder/log"
ok "an unknown option is exit code 2" same $? 2
ok "with the nearest" grep -q "did you mean --amount?" "$folder/log"
generate scripts/quickstart.lua -n ten 2>"$folder/log"
ok "an amount that is no number is exit code 2" same $? 2
generate 2>"$folder/log"
ok "no file is exit code 2" same $? 2
generate scripts/quickstart.lua --workers 0 2>"$folder/log"
ok "no workers is exit code 2" same $? 2

tap_done
