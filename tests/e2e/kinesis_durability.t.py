"""What the lake's Kinesis has acknowledged is there after a stop, and after kill -9 in the middle of puts."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, "tests/support")
import tap

try:
    import boto3  # noqa: F401
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    tap.skip_all("boto3 is not installed")
import lake

SHARDS = 3
SEED = int(os.environ.get("KINESSIS_TEST_SEED") or time.time_ns() % 1000000)


def everything(kinesis, stream):
    """(shard, sequence number) to (key, data) of all records; the numbers of each shard must increase."""
    found = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        name, last, behind = shard["ShardId"], 0, 1
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=name, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while behind:
            reply = kinesis.get_records(ShardIterator=iterator)
            iterator, behind = reply["NextShardIterator"], reply["MillisBehindLatest"]
            for record in reply["Records"]:
                if int(record["SequenceNumber"]) <= last:
                    raise AssertionError(f"{name}: {record['SequenceNumber']} after {last}")
                last = int(record["SequenceNumber"])
                found[name, record["SequenceNumber"]] = record["PartitionKey"], record["Data"]
    return found


def put_until_it_dies(pond, stream, seed, acknowledged):
    kinesis = pond.client("kinesis", connect_timeout=30, read_timeout=30)
    dice = random.Random(seed)
    while True:
        records = [
            {"Data": dice.randbytes(dice.randrange(2000)), "PartitionKey": f"{dice.random()}"}
            for _ in range(dice.randrange(1, 100))
        ]
        try:
            reply = kinesis.put_records(StreamName=stream, Records=records)
        except (BotoCoreError, ClientError):
            return
        for sent, result in zip(records, reply["Records"]):
            acknowledged[result["ShardId"], result["SequenceNumber"]] = sent["PartitionKey"], sent["Data"]


print(f"# KINESSIS_TEST_SEED={SEED}")
with lake.Lake() as pond:
    client = pond.client("kinesis")
    client.create_stream(StreamName="kept", ShardCount=SHARDS, Tags={"a": "b"})
    client.create_stream(StreamName="gone", ShardCount=1)
    client.put_record(StreamName="gone", Data=b"x", PartitionKey="p")
    client.delete_stream(StreamName="gone")
    client.create_stream(StreamName=".deleted-not", ShardCount=1)
    client.put_record(StreamName=".deleted-not", Data=b"x", PartitionKey="p")
    acknowledged = {}
    for round in range(3):
        parts = [{} for _ in range(3)]
        threads = [
            threading.Thread(target=put_until_it_dies, args=(pond, "kept", SEED + 10 * round + i, part))
            for i, part in enumerate(parts)
        ]
        for thread in threads:
            thread.start()
        while sum(map(len, parts)) < 500:
            time.sleep(0.01)
        pond.kill()
        for thread in threads:
            thread.join()
        for part in parts:
            acknowledged |= part
        pond.start()
        client = pond.client("kinesis")
        found = everything(client, "kept")
        lost = [number for number, record in acknowledged.items() if found.get(number) != record]
        tap.equal(lost, [], f"kill -9, round {round}: {len(acknowledged)} acknowledged records are there of {len(found)}")
        acknowledged = found
    before = client.describe_stream(StreamName="kept")["StreamDescription"]
    tap.equal(pond.stop(), 0, "a stop")
    pond.start()
    client = pond.client("kinesis")
    tap.equal(everything(client, "kept"), acknowledged, "the same records with the same numbers")
    tap.equal(client.describe_stream(StreamName="kept")["StreamDescription"], before, "the same stream")
    tap.equal(client.list_tags_for_stream(StreamName="kept")["Tags"], [{"Key": "a", "Value": "b"}], "the same tags")
    tap.equal(client.list_streams()["StreamNames"], [".deleted-not", "kept"], "what was deleted stays so")
    tap.equal(len(everything(client, ".deleted-not")), 1, "a stream named as if it were deleted is not")
    tap.equal([n for n in os.listdir(os.path.join(pond.folder, "kinesis")) if "gone" in n], [], "its files too")
tap.done()
