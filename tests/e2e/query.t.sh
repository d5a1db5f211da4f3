# kinessis query: Athena's answer in each format, from a lake of its own process and from a running one.
. tests/support/lake.sh
trap 'rm -rf "$lake_folder"' EXIT
export KINESSIS_DATA="$lake_folder" LC_ALL=C.UTF-8
unset KINESSIS_DATABASE KINESSIS_WORKGROUP
out=$(mktemp) err=$(mktemp)

query() { "$KINESSIS" query "$@" >"$out" 2>"$err" </dev/null; }
says() { cat "$out" "$err"; grep -qF -e "$1" "$err"; }
code() { expected=$1; shift; actual=0; query "$@" || actual=$?; same "$actual" "$expected"; }

ok "before anything is made there is no table" code 1 "SELECT count(*) FROM person"
ok "and what makes one is said" says "has no database yet: \`kinessis run FILE\` makes one"
"$KINESSIS" run scripts/quickstart.lua --amount 1200 --quiet --seed 7 >"$lake_folder/records" 2>"$err"
ok "records were sent" same "$(wc -l <"$lake_folder/records" | tr -d ' ')" 1200

check_formats() {
    query "SELECT count(*) AS n, count(DISTINCT uuid) AS u, NULL AS x FROM person"
    ok "$1: a table, drawn" same "$(sed -n 4p "$out")" "│ 1200 │ 1200 │ ∅ │"
    ok "$1: and its rows counted" same "$(tail -n 1 "$out")" "1 row"
    LC_ALL=C query "SELECT 1 AS a;"
    ok "$1: elsewhere than in UTF-8 in ASCII" same "$(head -n 1 "$out")" "+---+"
    query --format csv "SELECT 'a\"b' AS t, 1 AS n, CAST(NULL AS varchar) AS x"
    ok "$1: CSV" same "$(cat "$out")" "$(printf '"t","n","x"\n"a""b","1",')"
    query --format json "SELECT 'a' AS t, 9007199254740993 AS n, true AS b, 1.5e0 AS d, NULL AS x"
    ok "$1: JSON" same "$(tr -d ' \n' <"$out")" '[{"t":"a","n":9007199254740993,"b":true,"d":1.5,"x":null}]'
    query --format jsonl "SELECT uuid, status, phone FROM person ORDER BY uuid"
    jq -sc '[.[] | {uuid, status, phone}] | sort_by(.uuid)' "$lake_folder/records" >"$lake_folder/sent"
    ok "$1: every record came back as it was sent, over several pages" \
        same "$(jq -sc . "$out" | md5sum)" "$(md5sum <"$lake_folder/sent")"
    query --format csv "SELECT uuid FROM person"
    ok "$1: CSV of several pages has one header" same "$(grep -c '^"uuid"$' "$out") $(wc -l <"$out" | tr -d ' ')" "1 1201"
    query --format json "SELECT uuid FROM person WHERE 1 = 2"
    ok "$1: no rows are an empty array" same "$(cat "$out")" "[]"
    query "SHOW TABLES"
    ok "$1: DDL has no header row to lose" grep -q "person" "$out"
    query --format jsonl "DESCRIBE person"
    ok "$1: the columns of DESCRIBE are apart" same "$(head -n 1 "$out" | jq -r '.col_name + " " + .data_type')" "uuid string"
}
check_formats "in this process"
lake_start
check_formats "a running lake"

ok "an unknown column" code 1 "SELECT nope FROM person"
ok "and its reason" says "nope"
ok "a syntax error" code 1 "SELEC 1"
ok "and its place" says "line 1:"
ok "an unknown database" code 1 --database nowhere "SELECT * FROM person"
ok "the database may be named" code 0 --database kinessis "SELECT 1 FROM person LIMIT 1"
ok "an unknown workgroup" code 1 --workgroup nobody "SELECT 1"
ok "and its name" says "nobody"
ok "a statement from stdin" same "$(echo 'SELECT 6 * 7 AS n' | "$KINESSIS" query --format csv - | tail -n 1)" '"42"'
printf '.query SELECT count(*) AS n FROM person\n' >"$lake_folder/input"
ok "the REPL's .query" same "$("$KINESSIS" repl <"$lake_folder/input" | sed -n 4p)" "│ 1200 │"
ok "by its URL, as any server" same \
    "$(AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b "$KINESSIS" query --target "$lake_url" --region us-east-1 \
        --database kinessis --workgroup kinessis --format csv "SELECT count(*) FROM person" | tail -n 1)" '"1200"'

kill -TERM "$lake_pid"
code=0
wait "$lake_pid" || code=$?
lake_pid=''
ok "SIGTERM ends the lake with 0" same "$code" 0
"$KINESSIS" run scripts/quickstart.lua --amount 5 --quiet >/dev/null 2>"$err"
query --format csv "SELECT count(*) FROM person"
ok "what was there is there after it" same "$(tail -n 1 "$out")" '"1205"'
rm -f "$out" "$err"
tap_done
