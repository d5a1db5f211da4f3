# The Kinesis bindings and the sender against kinesalite, a Kinesis that nobody here wrote.
set -u
. tests/interop/peer.sh
export NODE_PATH="$BUILD/peers/node/node_modules"
[ -d "$NODE_PATH/kinesalite" ] || skip_all "kinesalite is not installed (tests/interop/peers.sh)"

peer_start kinesalite node -e '
  const server = require("kinesalite")({ createStreamMs: 20, deleteStreamMs: 20, shardLimit: 20 });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));'

ok "the bindings" "$KINESSIS" lua tests/interop/kinesis.lua "$peer_url"

cat >"$folder/scenario.lua" <<'LUA'
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", fake.uuid() }, { "name", fake.first_name() } }),
  amount = 5000,
  to = kinessis.stream { name = "sent", partition_key = "uuid" },
}
LUA
create='local url, shards = ...
  local kinesis = require("kinessis").aws.kinesis { endpoint = url }
  assert(kinesis:create_stream { StreamName = "sent", ShardCount = tonumber(shards) })
  repeat
    local stream = assert(kinesis:describe_stream_summary { StreamName = "sent" })
  until stream.StreamDescriptionSummary.StreamStatus == "ACTIVE"'
echo "$create" >"$folder/create.lua"
ok "a stream of three shards" "$KINESSIS" lua "$folder/create.lua" "$peer_url" 3
"$KINESSIS" run "$folder/scenario.lua" --seed 7 --target "$peer_url" 2>"$folder/log"
ok "the run ends well" same $? 0
ok "every record is counted" has "5,000 generated, 5,000 delivered, 0 retried, 0 failed"
"$KINESSIS" generate "$folder/scenario.lua" --seed 7 --quiet >"$folder/expected"
"$KINESSIS" lua tests/interop/read_stream.lua "$peer_url" sent >"$folder/arrived"
ok "each record arrived once, byte for byte" same_lines "$folder/arrived" "$folder/expected"

cat >"$folder/split.lua" <<'LUA'
local url = ...
local kinesis = require("kinessis").aws.kinesis { endpoint = url }
assert(kinesis:split_shard {
  StreamName = "sent", ShardToSplit = "shardId-000000000001",
  NewStartingHashKey = "150000000000000000000000000000000000000",
})
repeat
  local stream = assert(kinesis:describe_stream_summary { StreamName = "sent" })
until stream.StreamDescriptionSummary.StreamStatus == "ACTIVE"
LUA
ok "a shard is split" "$KINESSIS" lua "$folder/split.lua" "$peer_url"
"$KINESSIS" run "$folder/scenario.lua" --seed 8 --amount 500 --target "$peer_url" 2>"$folder/log"
"$KINESSIS" generate "$folder/scenario.lua" --seed 8 --amount 500 --quiet >>"$folder/expected"
"$KINESSIS" tail sent --from trim_horizon --no-follow --target "$peer_url" >"$folder/arrived" 2>"$folder/log"
ok "tail ends" same $? 0
ok "... and has every record of the shard, and of those that it became" same_lines "$folder/arrived" "$folder/expected"
"$KINESSIS" tail sent --from trim_horizon --limit 3 --filter record.name --target "$peer_url" >"$folder/arrived" 2>"$folder/log"
ok "a filter and a limit" same "$(wc -l <"$folder/arrived" | tr -d ' ')" 3

sed 's/"sent"/"nowhere"/' "$folder/scenario.lua" >"$folder/nowhere.lua"
"$KINESSIS" run "$folder/nowhere.lua" --target "$peer_url" 2>"$folder/log"
ok "a stream that does not exist is exit code 1" same $? 1
ok "in the server's words" has "ResourceNotFoundException: Stream nowhere under account"
ok "and what would make it is said" has "made by terraform (terraform/), or by --provision"
peer_done
