# For shell tests: a lake of its own.
#
#     . tests/support/lake.sh
#     lake_start            sets lake_url, lake_folder, lake_pid
#     ok "name" command...  TAP by the command's exit code
#     lake_stop; tap_done
tap_count=0
tap_failures=0
lake_pid=''
lake_folder=$(mktemp -d "${TMPDIR:-/tmp}/kinessis-test.XXXXXX")

ok() { # NAME COMMAND...
    tap_name=$1
    shift
    tap_count=$((tap_count + 1))
    if tap_output=$("$@" 2>&1); then
        echo "ok $tap_count - $tap_name"
    else
        tap_failures=$((tap_failures + 1))
        echo "not ok $tap_count - $tap_name"
        printf '%s\n' "$tap_output" | sed 's/^/#   /'
    fi
}

same() { # ACTUAL EXPECTED
    [ "$1" = "$2" ] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2"; return 1; }
}

skip_all() { # REASON: a skip on a user's machine, a failure in CI
    if [ "${CI:-}" = true ]; then echo "not ok 1 - $1"; echo 1..1; else echo "1..0 # SKIP $1"; fi
    rm -rf "$lake_folder"
    [ "${CI:-}" != true ]
    exit
}

lake_start() {
    "$KINESSIS" lake --port 0 --data "$lake_folder" >/dev/null &
    lake_pid=$!
    trap lake_stop EXIT
    tries=0
    until [ "$(jq -r .pid "$lake_folder/lake.json" 2>/dev/null)" = "$lake_pid" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 1000 ] || ! kill -0 "$lake_pid" 2>/dev/null; then
            echo "Bail out! the lake did not start"
            exit 1
        fi
        sleep 0.02
    done
    lake_url="http://127.0.0.1:$(jq -r .port "$lake_folder/lake.json")"
}

lake_stop() {
    trap - EXIT
    [ -z "$lake_pid" ] || { kill "$lake_pid" && wait "$lake_pid"; } || true
    lake_pid=''
    rm -rf "$lake_folder"
}

tap_done() {
    echo "1..$tap_count"
    [ $tap_failures -eq 0 ]
    exit
}
