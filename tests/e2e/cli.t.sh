# The command line: what is said of mistakes, where, and with which exit code.
. tests/support/lake.sh
trap 'rm -rf "$lake_folder"' EXIT
cd_folder=$lake_folder

# run_is CODE STREAM TEXT ARGUMENTS...: the exit code, and that the stream (out or err) holds the text
run_is() {
    want=$1 stream=$2 text=$3
    shift 3
    code=0
    "$KINESSIS" "$@" >"$cd_folder/out" 2>"$cd_folder/err" </dev/null || code=$?
    same "$code" "$want" || { cat "$cd_folder/out" "$cd_folder/err"; return 1; }
    grep -qF -e "$text" "$cd_folder/$stream" || { cat "$cd_folder/out" "$cd_folder/err"; return 1; }
}

ok "no command prints the usage" run_is 2 err "usage: kinessis COMMAND"
ok "--version" run_is 0 out "kinessis 0."  --version
ok "help" run_is 0 out "kinessis help COMMAND" help
ok "--help" run_is 0 out "usage: kinessis COMMAND" --help
ok "an unknown command, and the nearest" run_is 2 err "unknown command 'qurey' (did you mean query?)" qurey
ok "help of an unknown command" run_is 2 err "unknown command 'laek' (did you mean lake?)" help laek
ok "too many arguments" run_is 2 err "unexpected argument 'b'" help lua b

ok "an option before the command" \
    run_is 2 err "unknown option --amount; a command's options stand after the command" --amount 5 run x.lua
ok "and one that is mistyped" run_is 2 err "unknown option --verison (did you mean --version?)" --verison
ok "help of what there is not: where to look" run_is 2 err "Try 'kinessis help'." help fake frist_name
ok "a value that sticks to its option" run_is 2 err "unknown option -n5 (did you mean -n 5?)" generate -n5 x.lua
ok "with an equals sign" run_is 2 err "unknown option -n=5 (did you mean -n 5?)" generate -n=5 x.lua

wide_help() { # what is too wide for a terminal of 80 columns
    for command in "" $("$KINESSIS" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
        "$KINESSIS" help $command
    done | grep '.\{81,\}'
}
ok "all help fits a terminal" same "$(wide_help)" ""
for command in run generate repl query schema lake lua; do
    ok "help $command" run_is 0 out "usage: kinessis $command" help $command
    ok "$command --help" run_is 0 out "usage: kinessis $command" $command --help
    ok "$command: an unknown option" run_is 2 err "unknown option --hlep (did you mean --help?)" $command --hlep
    ok "$command: where to look" grep -q "Try 'kinessis help $command'" "$cd_folder/err"
done

ok "query: no statement" run_is 2 err "SQL is missing" query
ok "query: a file in place of a statement" run_is 2 err "kinessis query - < q.sql reads it" query q.sql
ok "query: an empty statement" run_is 2 err "the statement is empty" query ' ; '
ok "query: a wrong format" run_is 2 err "did you mean json?" query --format jsn "SELECT 1"
ok "query: a wrong target" run_is 2 err "--target: 'lak' is not lake, aws or a URL" query --target lak "SELECT 1"
ok "query: a folder for AWS" run_is 2 err "--data is the lake's folder" query --target aws --data x "SELECT 1"
ok "query: an output location" run_is 2 err "an S3 URL" query --output-location /tmp "SELECT 1"
ok "query: a server that does not answer" run_is 1 err "kinessis: " query --target http://127.0.0.1:1 --region x "SELECT 1"
ok "lake: a wrong port" run_is 2 err "--port: '70000' is not a whole number from 0 to 65535" lake --port 70000
ok "lake: a folder that cannot be" run_is 1 err "kinessis: " lake --port 0 --data /dev/null/x
ok "schema: a wrong action" run_is 2 err "did you mean tfvars?" schema tfvar x.lua
ok "schema: no such file" run_is 1 err "kinessis: " schema tfvars "$cd_folder/none.lua"
ok "run: a missing value" run_is 2 err "--amount needs a value" run x.lua --amount
ok "generate: no header of JSON lines" run_is 2 err "--no-header goes with --format csv" \
    generate --no-header -n 1 scripts/quickstart.lua
ok "generate: a step of a clock that there is not" \
    run_is 2 err "give --start TIME too" generate --step 1s -n 1 scripts/quickstart.lua
ok "generate: a clock that starts before 1970" \
    run_is 2 err "--start: '1950-01-01' is not an ISO 8601 date or time from 1970 on" \
    generate --start 1950-01-01 -n 1 scripts/quickstart.lua
ok "run: a value that is no number" run_is 2 err "--amount: 'many' is not a whole number" run --amount many x.lua
ok "run: no such file" run_is 1 err "kinessis: " run "$cd_folder/none.lua"

cat >"$cd_folder/helper.lua" <<'LUA'
return { fail = function() local x; return x.y end }
LUA
cat >"$cd_folder/script.lua" <<'LUA'
local helper = require "helper"
if ... == "fail" then
  local function inner() return (helper.fail()) end
  table.sort({ 1, 2 }, inner)
elseif ... == "object" then
  error(require("kinessis.core.sys").error("io", "the disk is on fire"))
end
print(require("kinessis").version, select("#", ...), ...)
LUA
ok "lua: arguments, the library, a module beside the file" run_is 0 out "2	-x	--y" lua "$cd_folder/script.lua" -x --y
ok "lua: an error of the script" run_is 1 err "helper.lua:1: attempt to index a nil value (local 'x')" \
    lua "$cd_folder/script.lua" fail
ok "lua: the traceback begins in the user's file" same "$(sed -n 3p "$cd_folder/err" | grep -c helper.lua:1)" 1
ok "lua: and ends there" same "$(grep -c 'lua/kinessis' "$cd_folder/err")" 0
ok "lua: an error object has no traceback" run_is 1 err "kinessis: the disk is on fire" lua "$cd_folder/script.lua" object
ok "lua: none at all" same "$(wc -l <"$cd_folder/err" | tr -d ' ')" 1
echo 'x x' >"$cd_folder/broken.lua"
ok "lua: a syntax error" run_is 1 err "broken.lua:1: syntax error near 'x'" lua "$cd_folder/broken.lua"
echo 'error({})' >"$cd_folder/table.lua"
ok "lua: an error that is a table" run_is 1 err "(error object is a table value)" lua "$cd_folder/table.lua"
ok "lua: no such file" run_is 1 err "none.lua" lua "$cd_folder/none.lua"

cat >"$cd_folder/key.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", 1 } }), to = kinessis.stream { name = "s", partition_key = "m" },
}
LUA
ok "run: a mistake is found before anything is made" run_is 1 err 'key.lua:2: scenario.to.partition_key: schema n: there is no field "m"' \
    run "$cd_folder/key.lua" --data "$cd_folder/none"
ok "run: and told in one line, without lines of ours" same "$(wc -l <"$cd_folder/err" | tr -d ' ')" 1
ok "run: nor where options do not go together" run_is 2 err "--changed goes with --resume" \
    run scripts/quickstart.lua --changed --data "$cd_folder/none"
ok "run: whichever they are" run_is 2 err "--seed does not go with --resume" \
    run scripts/quickstart.lua --resume --seed 1 --data "$cd_folder/none"
ok "run: no lake was made" test ! -e "$cd_folder/none"

# Were stdout's descriptor free, the lake would open a file there, and the records would go into it.
closed() { "$KINESSIS" run scripts/quickstart.lua --data "$cd_folder/closed" >&- 2>"$cd_folder/err"; }
ok "a closed stdout takes no records" same "$(closed; echo $?)" 1
ok "and is told" grep -q "cannot write to stdout" "$cd_folder/err"
ok "nor does any file" same "$(grep -rl '"uuid":"' "$cd_folder/closed" | grep -v /kinesis/)" ""

full() { ! "$KINESSIS" help >/dev/full 2>"$cd_folder/err" && grep -q "cannot write to stdout" "$cd_folder/err"; }
ok "a full disk under stdout is an error" full
echo 'for i = 1, 100000 do print(i) end' >"$cd_folder/many.lua"
full_before() { ! "$KINESSIS" lua "$cd_folder/many.lua" >/dev/full 2>"$cd_folder/err" && grep -q "stdout" "$cd_folder/err"; }
ok "also one that was full before the end" full_before
gone() { { "$KINESSIS" lua "$cd_folder/many.lua" 2>"$cd_folder/err"; } | head -n 1 >/dev/null; [ ! -s "$cd_folder/err" ]; }
ok "a reader that leaves early is not complained about" gone
left() { { "$KINESSIS" lua "$cd_folder/many.lua"; echo $? >"$cd_folder/code"; } | head -n 1 >/dev/null; cat "$cd_folder/code"; }
ok "nor is it a failure" same "$(left)" 0

printf 'return 6 * 7\nx = {\n1 }\nx\n.sample\n' >"$cd_folder/input"
repl() { "$KINESSIS" repl --data "$cd_folder/lake" <"$cd_folder/input" >"$cd_folder/out" 2>"$cd_folder/err"; }
ok "repl: without a terminal a failure is told by the exit code" same "$(repl; echo $?)" 1
ok "repl: values without prompts" same "$(cat "$cd_folder/out")" "$(printf '42\n{ 1 }')"
ok "repl: what is wrong" grep -q "neither .* is a schema" "$cd_folder/err"
echo '.sample 2' >"$cd_folder/input"
samples() { "$KINESSIS" repl scripts/quickstart.lua <"$cd_folder/input" | jq -s 'length'; }
ok "repl: samples of a scenario are JSON" same "$(samples)" 2
printf '6 *\n7\nfake.integer(5, 5)\n' >"$cd_folder/input"
ok "repl: an expression over two lines, a provider by what it makes" \
    same "$(repl; tr '\n' ' ' <"$cd_folder/out")" "42 -- provider of int; for example: 5 5 5 "
printf 'fake.uuid()\nschema("s", { { "a", fake.integer(1, 1) } })\n' >"$cd_folder/input"
ok "repl: a schema shows samples" repl
ok "repl: as records" same "$(grep -c '^{"a":1}$' "$cd_folder/out")" 3
tap_done
