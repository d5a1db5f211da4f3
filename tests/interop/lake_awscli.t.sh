# Debian's aws CLI against the lake: a stream written and read, objects listed, a query answered.
set -u
. tests/support/lake.sh
# Debian's, or another of version 2; version 1 writes blobs differently.
aws=/usr/bin/aws
[ -x $aws ] || aws=$(command -v aws) || skip_all "the aws CLI is not installed"
case $($aws --version 2>&1) in aws-cli/2*) ;; *) skip_all "the aws CLI is not version 2" ;; esac
lake_start

export AWS_ACCESS_KEY_ID=lake AWS_SECRET_ACCESS_KEY=lake AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=''
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
lake() { "$aws" --endpoint-url "$lake_url" --output json "$@"; }
folder=$lake_folder/cli
mkdir -p "$folder"

ok "creates a stream" lake kinesis create-stream --stream-name orders --shard-count 2
ok "waits for it" lake kinesis wait stream-exists --stream-name orders
put=$(lake kinesis put-record --stream-name orders --partition-key a --cli-binary-format raw-in-base64-out \
    --data '{"id": 1}')
ok "puts a record" same "$(printf '%s' "$put" | jq -r '.SequenceNumber | length')" 56
jq -n '[range(50) | {Data: ("record \(.)" | @base64), PartitionKey: "key-\(.)"}]' >"$folder/records.json"
ok "puts fifty" same \
    "$(lake kinesis put-records --stream-name orders --records "file://$folder/records.json" | jq .FailedRecordCount)" 0

read_all() {
    for shard in $(lake kinesis list-shards --stream-name orders | jq -r '.Shards[].ShardId'); do
        iterator=$(lake kinesis get-shard-iterator --stream-name orders --shard-id "$shard" \
            --shard-iterator-type TRIM_HORIZON | jq -r .ShardIterator)
        lake kinesis get-records --shard-iterator "$iterator" | jq -r '.Records[].Data | @base64d'
    done | sort
}
{ echo '{"id": 1}'; jq -r '.[].Data | @base64d' "$folder/records.json"; } | sort >"$folder/sent"
read_all >"$folder/read"
ok "reads all of them back" diff "$folder/sent" "$folder/read"

"$KINESSIS" run scripts/quickstart.lua --amount 12 --print --data "$lake_folder" >"$folder/printed" 2>"$folder/log"
ok "a run on the lake that serves" same "$(wc -l <"$folder/printed")" 12
database=$(lake glue get-databases | jq -r '.DatabaseList[0].Name')
table=$(lake glue get-tables --database-name "$database" | jq -r '.TableList[0]')
name=$(printf '%s' "$table" | jq -r .Name)
location=$(printf '%s' "$table" | jq -r .StorageDescriptor.Location)
ok "lists the Parquet objects" sh -c "$aws --endpoint-url $lake_url s3 ls --recursive $location | grep -q '[.]parquet$'"

echo "from the aws CLI" >"$folder/note"
ok "copies a file in" lake s3 mb s3://from-the-cli
ok "... with s3 cp" lake s3 cp "$folder/note" s3://from-the-cli/deep/note.txt
ok "... and out" lake s3 cp s3://from-the-cli/deep/note.txt "$folder/note.back"
ok "unchanged" cmp "$folder/note" "$folder/note.back"
head -c 20000000 /dev/urandom >"$folder/large"
ok "copies a large file in parts" lake s3 cp "$folder/large" s3://from-the-cli/large
ok "... and out" lake s3 cp s3://from-the-cli/large "$folder/large.back"
ok "unchanged" cmp "$folder/large" "$folder/large.back"

query=$(lake athena start-query-execution --query-string "SELECT count(DISTINCT uuid) AS n FROM $name" \
    --query-execution-context "Database=$database" \
    --result-configuration OutputLocation=s3://from-the-cli/results/ | jq -r .QueryExecutionId)
state=QUEUED
tries=0
while [ $tries -lt 100 ] && { [ "$state" = QUEUED ] || [ "$state" = RUNNING ]; }; do
    state=$(lake athena get-query-execution --query-execution-id "$query" | jq -r .QueryExecution.Status.State)
    tries=$((tries + 1))
done
ok "the query ends well" same "$state" SUCCEEDED
rows=$(lake athena get-query-results --query-execution-id "$query" |
    jq -c '[.ResultSet.Rows[].Data[].VarCharValue]')
ok "Athena counts what was sent" same "$rows" '["n","12"]'

missing=$(lake kinesis describe-stream --stream-name none 2>&1)
ok "an unknown stream is ResourceNotFoundException" sh -c 'printf "%s" "$1" | grep -q ResourceNotFoundException' sh "$missing"

lake_stop
tap_done
