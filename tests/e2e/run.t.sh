# kinessis run without a network: what is printed, counted and refused; paces, signals, a dead endpoint.
set -u
. tests/support/lake.sh
trap lake_stop EXIT
folder=$lake_folder
log=$folder/log

run() { "$KINESSIS" run "$@"; }
has() { grep -q -- "$1" "$log" || { cat "$log"; return 1; }; }

# ---- what is printed ----

run scripts/quickstart.lua --dry-run --seed 5 --start 2022-02-02T15:17:07 >"$folder/out" 2>"$log"
ok "a dry run ends well" same $? 0
ok "records go to stdout" same "$(jq -r .event_date "$folder/out" | wc -l)" 10
ok "as generate makes them" eval \
    "'$KINESSIS' generate scripts/quickstart.lua -q --seed 5 --start 2022-02-02T15:17:07 | cmp - '$folder/out'"
ok "the start is said" grep -qE '^[0-9-]+T[0-9:]+ - INFO - Started data generation\.$' "$log"
ok "the end is counted" has "INFO - 10 generated, 10 delivered, 0 retried, 0 failed in "
ok "no live line where there is no terminal" eval "! grep -q '$(printf '\r')' '$log'"
ok "--quiet says nothing" same "$(run scripts/quickstart.lua --dry-run --quiet 2>&1 >/dev/null)" ""

cat >"$folder/only_print.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", function(ctx) return ctx.index end, type = "bigint" } }),
  amount = 5, print = true,
}
LUA
run "$folder/only_print.lua" >"$folder/out" 2>"$log"
ok "a scenario may only print" same "$(tr '\n' ' ' <"$folder/out")" '{"n":0} {"n":1} {"n":2} {"n":3} {"n":4} '
sed 's/, print = true//' "$folder/only_print.lua" >"$folder/nowhere.lua"
run "$folder/nowhere.lua" 2>"$log"
ok "a scenario that goes nowhere is exit code 1" same $? 1
ok "and is told what it lacks" has 'nowhere.lua: has neither `to` nor `print`'

sed 's/return ctx.index/return print/' "$folder/only_print.lua" >"$folder/wrong.lua"
run "$folder/wrong.lua" >/dev/null 2>"$log"
ok "a field that returns what has no JSON is exit code 1" same $? 1
ok "and named in one line, the last" eval "tail -n 1 '$log' |
    grep -q 'schema n.n, record 0: .*wrong.lua:3: the function returned a function; it may return'"

# ---- pace ----

begin=$(date +%s%N)
run scripts/quickstart.lua --dry-run --rate 20 --quiet >/dev/null
took=$((($(date +%s%N) - begin) / 1000000))
ok "10 records at 20 a second take half a second ($took ms)" test $took -ge 500

cat >"$folder/slow.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", kinessis.fake.sequence(0) } }), amount = 2, print = true,
  pace = kinessis.pace.trace { times = { 0, 3600 } },
}
LUA
rm -f "$folder/out"
"$KINESSIS" run "$folder/slow.lua" --dry-run >"$folder/out" 2>"$log" &
pid=$!
tries=0
until [ -s "$folder/out" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
ok "a slow pace flows record by record" same "$(cat "$folder/out")" '{"n":0}'
ok "while the run waits for the next one" kill -0 $pid
kill -TERM $pid
wait $pid

cat >"$folder/pace.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", 1 } }), print = true,
  pace = function(seconds)
    if seconds > 0.2 then error "out of ideas" end
    return 1000
  end,
}
LUA
timeout 60 "$KINESSIS" run "$folder/pace.lua" --dry-run >"$folder/out" 2>"$log"
ok "a pace that raises is exit code 1" same $? 1
ok "and its line is named" has "pace.lua:5: out of ideas"
ok "what was delivered is counted" has "INFO - $(wc -l <"$folder/out") generated, $(wc -l <"$folder/out") delivered"
ok "it was not kept" eval "! grep -q 'The pace was kept' '$log'"
run scripts/quickstart.lua --dry-run -n 0 --rate 10 >"$folder/out" 2>"$log"
ok "nor was that of a run without a record" eval "! grep -q 'The pace was kept' '$log'"
run scripts/quickstart.lua --dry-run -n 3 --rate 10 >"$folder/out" 2>"$log"
ok "as that of another is" grep -qE 'The pace was (kept|not kept)' "$log"

# ---- a reader that leaves ----

{ timeout 60 "$KINESSIS" run scripts/wave.lua --dry-run --print 2>"$log"; echo $? >"$folder/code"; } |
    head -1 >/dev/null
ok "| head ends the run" same "$(cat "$folder/code")" 0
ok "which is counted" has " failed in "

# ---- signals ----

for signal in INT TERM; do
    rm -f "$folder/out"
    env --default-signal=$signal "$KINESSIS" run scripts/wave.lua --dry-run --print >"$folder/out" 2>"$log" &
    pid=$!
    tries=0
    until [ -s "$folder/out" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
    kill -$signal $pid
    wait $pid
    ok "SIG$signal ends a run well" same $? 0
    n=$(wc -l <"$folder/out")
    grouped=$(printf '%s' "$n" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta')
    ok "with its summary" has "$grouped generated, $grouped delivered, 0 retried, 0 failed"
done

taken() { # the process has taken the signal: two that wait at once are one
    tries=0
    while grep -q '^S[hi][dg]Pnd:.*[1-9a-f]' /proc/$1/status && [ $tries -lt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
}

# SIGUSR1 pauses and goes on, SIGUSR2 reads the rate again: each is awaited by what the run says.
said() {
    tries=0
    until grep -q -- "$1" "$log" || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
    has "$1"
}
rests() { # nothing is added for 0.3 s, in which 60 records would be
    tries=0
    while before=$(wc -l <"$folder/out"); sleep 0.3; [ "$(wc -l <"$folder/out")" -ne "$before" ]; do
        tries=$((tries + 1))
        [ $tries -lt 30 ] || return 1
    done
}
signals() {
    kill -USR1 $pid && said "Paused" && rests && kill -USR1 $pid && said "Going on"
}
rm -f "$folder/out" "$folder/rate"
env --default-signal=INT "$KINESSIS" run scripts/wave.lua --dry-run --print --rate 200 --rate-file "$folder/rate" \
    >"$folder/out" 2>"$log" &
pid=$!
tries=0
until [ -s "$folder/out" ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
ok "SIGUSR1 pauses a run, and lets it go on" signals
kill -USR2 $pid
ok "SIGUSR2 without a rate changes nothing, and says so" said "WARNING - The pace is as before: .*/rate: No such file"
echo fast >"$folder/rate"
kill -USR2 $pid
ok "nor does one that is no rate" said "'fast' is no rate"
echo 5k/s >"$folder/rate"
kill -USR2 $pid
ok "a rate is taken" said "INFO - The pace is 5000 records/s from now on"
kill -INT $pid
wait $pid
ok "and the run ends well" same $? 0
ok "having counted everything" has "$(wc -l <"$folder/out" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta') delivered"

cat >"$folder/endless.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", function(ctx)
    while ctx.index == 5003 do end
    return ctx.index
  end } }), print = true,
}
LUA
rm -f "$folder/out"
touch "$folder/out"
env --default-signal=INT "$KINESSIS" run "$folder/endless.lua" --dry-run >"$folder/out" 2>"$log" &
pid=$!
tries=0
until [ "$(wc -l <"$folder/out")" -ge 4000 ] || [ $tries -gt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
kill -INT $pid
taken $pid
sleep 0.3
ok "one SIGINT waits for a field that does not return" kill -0 $pid
kill -INT $pid
tries=0
while kill -0 $pid 2>/dev/null && [ $tries -lt 3000 ]; do tries=$((tries + 1)); sleep 0.02; done
kill -KILL $pid 2>/dev/null
wait $pid
ok "a second one interrupts it" same $? 1
ok "and says so" has "interrupted"

# ---- an endpoint that is dead ----

AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_REGION=us-east-1 \
    timeout 60 "$KINESSIS" run scripts/quickstart.lua --target http://127.0.0.1:1 >"$folder/out" 2>"$log"
ok "a dead endpoint is exit code 1" same $? 1
ok "nothing is said to be delivered" has "10 generated, 0 delivered"
ok "the reason is told" has "127.0.0.1"

# ---- options ----

run scripts/quickstart.lua --rate 0 2>"$log"
ok "a rate of 0 is exit code 2" same $? 2
run scripts/quickstart.lua --rate 1e400 2>"$log"
ok "a rate beyond all numbers too" same $? 2
run scripts/quickstart.lua --target moon 2>"$log"
ok "an unknown target is exit code 2" same $? 2
ok "and the valid ones are named" has "lake, aws"
run scripts/quickstart.lua --dry-rum 2>"$log"
ok "an unknown option is exit code 2" same $? 2
ok "with the nearest" has "did you mean --dry-run?"

tap_done
