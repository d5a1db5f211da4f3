# Kinesis, Firehose, S3, Glue, Athena and STS bindings, and the sender, against moto's server.
set -u
. tests/interop/peer.sh
python=$BUILD/peers/venv/bin/python3
[ -x "$python" ] && "$python" -c 'import moto' 2>/dev/null ||
    skip_all "moto is not installed (tests/interop/peers.sh)"

peer_start moto "$python" -u -c '
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1])
signal.pause()'

ok "the Kinesis bindings" "$KINESSIS" lua tests/interop/kinesis.lua "$peer_url"
ok "the S3 bindings" "$KINESSIS" lua tests/interop/s3.lua "$peer_url"
ok "the Glue bindings" "$KINESSIS" lua tests/interop/glue.lua "$peer_url"
ok "the Athena bindings" "$KINESSIS" lua tests/interop/athena.lua "$peer_url"
ok "the STS bindings" "$KINESSIS" lua tests/interop/sts.lua "$peer_url"
ok "the Firehose bindings" "$KINESSIS" lua tests/interop/firehose.lua "$peer_url"

# One request at a time: moto numbers records without a lock, and loses some of two requests at once.
cat >"$folder/sent.lua" <<'LUA'
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", kinessis.fake.uuid() } }),
  amount = 500,
  to = kinessis.stream { name = "sent", partition_key = "uuid", requests_in_flight = 1 },
}
LUA
cat >"$folder/make.lua" <<'LUA'
local url = ...
local kinesis = require("kinessis").aws.kinesis { endpoint = url }
assert(kinesis:create_stream { StreamName = "sent", ShardCount = 2 })
repeat
  local stream = assert(kinesis:describe_stream_summary { StreamName = "sent" })
until stream.StreamDescriptionSummary.StreamStatus == "ACTIVE"
LUA
ok "a stream" "$KINESSIS" lua "$folder/make.lua" "$peer_url"
"$KINESSIS" run "$folder/sent.lua" --seed 7 --workers 1 --target "$peer_url" 2>"$folder/log"
"$KINESSIS" generate "$folder/sent.lua" --seed 7 --quiet >"$folder/expected"
"$KINESSIS" tail sent --from trim_horizon --no-follow --target "$peer_url" >"$folder/arrived" 2>"$folder/log"
ok "tail ends" same $? 0
ok "... and has every record" same_lines "$folder/arrived" "$folder/expected"

# firehose.lua has left the delivery stream "deliver", which writes to the bucket "delivered".
cat >"$folder/scenario.lua" <<'LUA'
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", fake.uuid() }, { "name", fake.first_name() } }),
  amount = 2000,
  to = kinessis.delivery_stream { name = "deliver" },
}
LUA
"$KINESSIS" run "$folder/scenario.lua" --seed 7 --target "$peer_url" 2>"$folder/log"
ok "the run ends well" same $? 0
ok "every record is counted" has "2,000 generated, 2,000 delivered, 0 retried, 0 failed"
"$KINESSIS" generate "$folder/scenario.lua" --seed 7 --quiet >"$folder/expected"
"$KINESSIS" lua tests/interop/read_bucket.lua "$peer_url" delivered records/ >"$folder/arrived"
ok "each record arrived once, on a line of its own" same_lines "$folder/arrived" "$folder/expected"

# moto's STS gives the role that a profile asks for, and says whose its keys are.
cat >"$folder/config" <<'INI'
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
[profile role]
role_arn = arn:aws:iam::123456789012:role/ingest
source_profile = base
role_session_name = me
external_id = 42
INI
AWS_CONFIG_FILE="$folder/config" AWS_SHARED_CREDENTIALS_FILE=/nowhere AWS_ENDPOINT_URL_STS="$peer_url" \
    "$KINESSIS" whoami --profile role --target "$peer_url" >"$folder/log" 2>&1
ok "a role of a profile" same $? 0
ok "its caller" has "arn:aws:sts::123456789012:assumed-role/ingest/me"
peer_done
