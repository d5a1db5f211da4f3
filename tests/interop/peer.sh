# For the shell tests of this folder: a foreign server on a free port, and made-up credentials for it.
#
#     . tests/interop/peer.sh
#     peer_start NAME COMMAND...   the command prints its port on a line of its own; sets peer_url
#     ok "name" command...         TAP, of tests/support/lake.sh
#     peer_done                    stops the server, removes $lake_folder, prints the plan
. tests/support/lake.sh
peer_pid=''
folder=$lake_folder
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

peer_stop() {
    if [ -n "$peer_pid" ]; then
        kill "$peer_pid" 2>/dev/null
        wait "$peer_pid" 2>/dev/null
        peer_pid=''
    fi
    rm -rf "$folder"
}

peer_start() { # NAME COMMAND...
    peer_name=$1
    shift
    : >"$folder/peer.port"
    "$@" >>"$folder/peer.port" 2>"$folder/peer.log" &
    peer_pid=$!
    trap peer_stop EXIT
    tries=0
    until grep -qx '[0-9][0-9]*' "$folder/peer.port"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$peer_pid" 2>/dev/null; then
            sed 's/^/# /' "$folder/peer.log"
            echo "not ok 1 - $peer_name starts"
            echo 1..1
            exit 1
        fi
        sleep 0.1
    done
    peer_url=http://127.0.0.1:$(head -n 1 "$folder/peer.port")
}

# Two files hold the same lines, in any order.
same_lines() {
    sort "$1" >"$1.sorted"
    sort "$2" >"$2.sorted"
    cmp "$1.sorted" "$2.sorted"
}

peer_done() {
    peer_stop
    trap - EXIT
    tap_done
}

# The log of the last run holds this text.
has() { grep -qF -- "$1" "$folder/log" || { cat "$folder/log"; return 1; }; }
