# The S3 bindings against the lake.
set -u
. tests/interop/peer.sh
lake_start
ok "the S3 bindings" "$KINESSIS" lua tests/interop/s3.lua "$lake_url"
lake_stop
tap_done
