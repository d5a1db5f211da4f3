# docs/lake.md names every operation that the lake serves, the README every command; docs/delivery.md and
# docs/pacing.md do what they say.
set -u
. tests/support/lake.sh

operations=$(sed -n 's/^    {"\([A-Z][A-Za-z]*\)", [a-z_]*, .*},\{0,1\}.*/\1/p' src/lake/*.c src/lake/*/*.c | sort -u)
ok "the operation tables are found" test "$(printf '%s\n' $operations | wc -l)" -gt 60
for operation in $operations; do
    grep -qw "$operation" docs/lake.md || missing="${missing:-} $operation"
done
ok "docs/lake.md names every operation" same "${missing:-}" ""

commands=$("$KINESSIS" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
ok "the commands are found" test "$(printf '%s\n' $commands | wc -l)" -gt 6
for command in $commands; do
    grep -q "^| .kinessis $command" README.md || unnamed="${unnamed:-} $command"
done
ok "the README names every command" same "${unnamed:-}" ""

# docs/pacing.md
ok "the Lua examples of docs/pacing.md run" "$KINESSIS" lua tests/support/examples.lua docs/pacing.md
sed -n '/^```sh$/,/^```$/{/^```/!p;}' docs/pacing.md >"$lake_folder/pacing.sh"
ok "its commands are found" test "$(wc -l <"$lake_folder/pacing.sh")" -gt 3
ok "and run" sh -euc 'kinessis() { "$KINESSIS" "$@"; }; KINESSIS_DATA=$1/pacing; . "$1/pacing.sh"' sh "$lake_folder"

# docs/delivery.md: its scenario and its commands, in order; the fragments load.
page=$PWD/docs/delivery.md
work=$lake_folder/work
mkdir "$work"
cp "$page" "$work/page"
real=$KINESSIS
case $real in /*) ;; *) real=$PWD/$real ;; esac
ln -s "$real" "$work/kinessis"
awk '/^```lua$/ { on = 1; next } /^```$/ { on = 0 } on' "$page" | sed -n '/^-- people.lua$/,/^}$/p' >"$work/people.lua"
ok "delivery: the scenario is found" grep -q "return kinessis.scenario" "$work/people.lua"
sed -n '/^-- send.lua$/,/^```$/{/^```$/!p;}' "$page" >"$work/send.lua"
ok "delivery: the script is found" grep -q "kinessis.start" "$work/send.lua"
lake_start # stands for the page's "kinessis lake": on a free port
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$page" | grep -v '^kinessis lake' |
    sed "s#http://127.0.0.1:4599#$lake_url#; s#--data lake#--data $lake_folder#" >"$work/commands"
ok "delivery: the commands are found" test "$(wc -l <"$work/commands")" -ge 5
while read -r line; do
    expected=0
    case $line in *'# exits 1'*) expected=1 ;; esac
    case $line in export*) eval "$line"; continue ;; esac
    (cd "$work" && unset KINESSIS_DATA && PATH=$work:$PATH sh -c "$line") >"$work/out" 2>&1 </dev/null
    ok "delivery: ${line%%#*}" eval "same $? $expected || { cat '$work/out'; false; }"
done <"$work/commands"
sed 's/"failed == 0"/"delivered > 2000"/' "$work/send.lua" >"$work/missed.lua"
(cd "$work" && unset KINESSIS_DATA && ./kinessis lua missed.lua) >"$work/out" 2>&1 </dev/null
ok "delivery: the script fails when a threshold is not met" same $? 1
ok "delivery: and says which" grep -q "NOT met.delivered > 2000.2,000" "$work/out"
ok "delivery: and how it ended" grep -q "the run ended as: threshold" "$work/out"
ok "delivery: nothing is left of the dead letters" test ! -e "$work/.kinessis/runs/people.dead.jsonl"
awk '/^```lua$/ { on = 1; next } /^```$/ { on = 0 } on' "$page" | grep '^to = ' >"$work/fragments"
ok "delivery: the fragments are found" test "$(wc -l <"$work/fragments")" -ge 9
while read -r line; do
    { sed '/^  amount/,$d' "$work/people.lua"; printf '  %s\n}\n' "${line%% -- *}"; } >"$work/fragment.lua"
    ok "delivery: ${line%% -- *}" "$KINESSIS" schema show "$work/fragment.lua"
done <"$work/fragments"
lake_stop
tap_done
