"""kinessis lake --shard-limits: shards throttle as on AWS, record by record, and take what is sent again."""

import concurrent.futures
import sys
import time

sys.path.insert(0, "tests/support")
import tap

try:
    import boto3  # noqa: F401
    from botocore.exceptions import ClientError
except ImportError:
    tap.skip_all("boto3 is not installed")
import lake

CODE = "ProvisionedThroughputExceededException"
SHARD = "shardId-000000000000"
RATE = f"Rate exceeded for shard {SHARD} in stream one under account 000000000000."


def put(kinesis, n, size, hash_key="0"):
    """How many of the records were taken; the others must say why not."""
    records = [{"Data": b"x" * size, "PartitionKey": "k", "ExplicitHashKey": hash_key} for _ in range(n)]
    reply = kinesis.put_records(StreamName="one", Records=records)
    failed = [(r["ErrorCode"], r["ErrorMessage"]) for r in reply["Records"] if "ErrorCode" in r]
    if failed != [(CODE, RATE)] * reply["FailedRecordCount"]:
        raise AssertionError(f"{reply['FailedRecordCount']} failures, and what they say: {failed}")
    return n - len(failed)


def refused(call, times):
    """Whether one of so many calls, several at once, is refused for the rate; its text must say so."""
    def one(_):
        try:
            call()
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        return None

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = set(pool.map(one, range(times)))
    return (CODE, RATE) in answers and answers <= {None, (CODE, RATE)}


with lake.Lake("--shard-limits") as pond:
    kinesis = pond.client("kinesis")
    kinesis.create_stream(StreamName="one", ShardCount=2)

    begun = time.monotonic()
    offered, taken = 0, 0
    while offered < 4000:
        offered += 500
        taken += put(kinesis, 500, 10)
    seconds = time.monotonic() - begun
    tap.ok(1000 <= taken <= 1000 * (1 + seconds) + 1, f"a shard takes 1,000 records a second: {taken} in {seconds:.2f} s")
    tap.equal(put(kinesis, 500, 10, str(2**127)), 500, "the other shard does not mind")

    left, deadline = offered - taken, time.monotonic() + 120
    while left and time.monotonic() < deadline:
        left -= put(kinesis, min(left, 500), 10)
        time.sleep(0.05)
    tap.equal(left, 0, "what is sent again is taken in time")

    begun = time.monotonic()
    taken = sum(put(kinesis, 10, 100000) for _ in range(5)) * 100001
    seconds = time.monotonic() - begun
    tap.ok(700000 <= taken <= 1048576 * (1 + seconds), f"... and 1 MiB a second: {taken} bytes in {seconds:.2f} s")

    alone = {"StreamName": "one", "Data": b"x" * 1000000, "PartitionKey": "k", "ExplicitHashKey": "0"}
    tap.ok(refused(lambda: kinesis.put_record(**alone), 20), "PutRecord is refused too")
    start = kinesis.get_shard_iterator(StreamName="one", ShardId=SHARD, ShardIteratorType="LATEST")["ShardIterator"]
    tap.ok(refused(lambda: kinesis.get_records(ShardIterator=start), 40), "... and GetRecords, after five calls a second")
    time.sleep(1.1)
    start = kinesis.get_shard_iterator(StreamName="one", ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    tap.ok(len(kinesis.get_records(ShardIterator=start)["Records"]) > 1000, "... which answers again later")

with lake.Lake() as pond:
    kinesis = pond.client("kinesis")
    kinesis.create_stream(StreamName="one", ShardCount=2)
    tap.equal(sum(put(kinesis, 500, 10) for _ in range(8)), 4000, "without the option nothing is refused")
tap.done()
