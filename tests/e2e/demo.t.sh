# The demo: it passes, shows each step, leaves nothing behind, and fails when a record is missing.
set -u
. tests/support/lake.sh

export TMPDIR="$lake_folder"
ok "kinessis demo passes" sh -c '"$KINESSIS" demo >"$TMPDIR/printed" 2>"$TMPDIR/log"'
ok "ten records are printed" same "$(grep -c '^{"uuid":' "$lake_folder/printed")" 10
ok "the Parquet object is under year/month/day/hour" \
    grep -Eq 'records/person/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}/[^/]+[.]parquet' "$lake_folder/printed"
ok "every step says what happens on AWS" same "$(grep -c 'On AWS:' "$lake_folder/printed")" 5
ok "nothing stays behind" same "$(ls "$lake_folder")" "$(printf 'log\nprinted')"

# A lake that has a record of its own: the counts are no longer those of what was sent.
ok "a run before it" "$KINESSIS" run scripts/quickstart.lua --amount 1 --data "$lake_folder/used" --quiet
ok "is noticed" sh -c '! "$KINESSIS" demo --data "$TMPDIR/used" >"$TMPDIR/printed" 2>"$TMPDIR/log"'
ok "and said" grep -q 'the counts add up to 11, not 10: the lake in .* was there before' "$lake_folder/log"
rm -rf "$lake_folder"
tap_done
