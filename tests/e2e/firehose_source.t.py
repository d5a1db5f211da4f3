"""A Kinesis stream as the source of a delivery stream: aggregated records; shards that are split and merged."""

import base64
import json
import os
import random
import sys
import time

sys.path.insert(0, "tests/support")
import tap

try:
    from aggregate import aggregate
    from firehose import World, conversion, destination, source
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")
import lake


def aggregated(world):
    """A record that holds others is taken apart, also in error lines; put directly it stays whole."""
    blob = aggregate([(b"k%d" % (i % 3), b'{"id": %d}' % i if i != 4 else b"{oops") for i in range(10)])
    world.kinesis.create_stream(StreamName="packed", ShardCount=1)
    world.s3.create_bucket(Bucket="packed")
    world.table("packed", [("id", "int")])
    world.firehose.create_delivery_stream(
        DeliveryStreamName="packed",
        ExtendedS3DestinationConfiguration=destination(
            "packed",
            Prefix="data/!{timestamp:yyyy}/",
            ErrorOutputPrefix="bad/!{firehose:error-output-type}/",
            BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900},
            DataFormatConversionConfiguration=conversion("packed"),
        ),
        **source("packed"),
    )
    put = world.kinesis.put_record(StreamName="packed", Data=blob, PartitionKey="a")
    world.kinesis.put_record(StreamName="packed", Data=b'{"id": 100}', PartitionKey="a")
    broken = blob[:-1] + bytes([blob[-1] ^ 1])
    world.kinesis.put_record(StreamName="packed", Data=broken, PartitionKey="a")
    counts = world.flush(DeliveryStreamName="packed")
    tap.equal((counts["Records"], counts["FailedRecords"]), (12, 2), "a flush counts what was inside")
    ids = [row["id"] for row in world.rows("packed", "data/")]
    tap.equal(ids, [0, 1, 2, 3, 5, 6, 7, 8, 9, 100], "a row for each record of the aggregate, in order")
    lines = [json.loads(line) for key in world.keys("packed", "bad/") for line in world.get("packed", key).splitlines()]
    tap.equal(len(lines), 2, "two records in error lines")
    tap.equal(base64.b64decode(lines[0]["rawData"]), b"{oops", "the one inside, alone")
    tap.equal(lines[0]["sequenceNumber"], put["SequenceNumber"], "... with the number of the whole")
    tap.equal(lines[0]["subSequenceNumber"], 4, "... and its own inside")
    tap.equal(base64.b64decode(lines[1]["rawData"]), broken, "what has a wrong MD5 is a record like any other")
    tap.equal(lines[1]["subSequenceNumber"], None, "... with none inside")

    world.s3.create_bucket(Bucket="whole")
    world.firehose.create_delivery_stream(
        DeliveryStreamName="whole", ExtendedS3DestinationConfiguration=destination("whole")
    )
    world.firehose.put_record(DeliveryStreamName="whole", Record={"Data": blob})
    world.flush(DeliveryStreamName="whole")
    tap.equal([world.get("whole", key) for key in world.keys("whole")], [blob], "put directly, it stays as it is")


def deliver_to(world, name, interval):
    newline = {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]}
    world.kinesis.create_stream(StreamName=name, ShardCount=2)
    world.s3.create_bucket(Bucket=name)
    world.firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=destination(
            name,
            ProcessingConfiguration=newline,
            BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": interval},
        ),
        **source(name),
    )


def put_round(world, name, numbers, padding=0):
    """The next record of every key."""
    records = [{"Data": f"{key} {n}{' ' * padding}".encode(), "PartitionKey": key} for key, n in numbers.items()]
    if world.kinesis.put_records(StreamName=name, Records=records)["FailedRecordCount"]:
        raise AssertionError("a record is not taken")
    for key in numbers:
        numbers[key] += 1


def reshard(world, name, dice):
    shards = world.kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    shards.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    count = len(shards)
    if count > 1 and dice.random() < 0.5:
        i = dice.randrange(count - 1)
        count -= 1
        world.kinesis.merge_shards(
            StreamName=name, ShardToMerge=shards[i]["ShardId"], AdjacentShardToMerge=shards[i + 1]["ShardId"]
        )
    target = 2 * count if count < 3 else (count + 1) // 2
    world.kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")


def lines(world, name):
    """Those of all objects, in the order in which they were written."""
    return [line.rstrip() for key in in_order(world, name) for line in world.get(name, key).decode().splitlines()]


def in_order(world, name):
    return sorted(world.keys(name), key=lambda key: written(world, name, key))


def written(world, name, key):
    return os.stat(os.path.join(world.pond.folder, "s3", name, key)).st_mtime_ns


def disordered(found):
    """The keys whose records are not in the order in which they were put."""
    by_key = {}
    for line in found:
        key, n = line.split()
        by_key.setdefault(key, []).append(int(n))
    return [key for key, n in by_key.items() if n != sorted(n)]


def expected(numbers):
    return sorted(f"{key} {n}" for key, count in numbers.items() for n in range(count))


def resharded(world, dice):
    """In one object: every record once, a key's records in the order in which they were put."""
    numbers = {f"key-{i}": 0 for i in range(40)}
    deliver_to(world, "order", 900)
    for _ in range(6):
        put_round(world, "order", numbers)
        reshard(world, "order", dice)
    put_round(world, "order", numbers)
    world.flush(DeliveryStreamName="order")
    found = lines(world, "order")
    tap.equal(len(world.keys("order")), 1, "one object of many shards")
    tap.equal(sorted(found), expected(numbers), "... has every record once")
    tap.equal(disordered(found), [], "... those of parents before those of their children")

    numbers = {key: 0 for key in numbers}
    deliver_to(world, "large", 900)
    for _ in range(6):
        put_round(world, "large", numbers, 20000)
        reshard(world, "large", dice)
    world.flush(DeliveryStreamName="large")
    found = lines(world, "large")
    tap.ok(len(world.keys("large")) > 3, "several objects, since each is of a megabyte")
    tap.equal(sorted(found), expected(numbers), "... have every record once")
    times = [written(world, "large", key) for key in world.keys("large")]
    known = len(set(times)) == len(times)  # else two were written in one tick of the file system's clock
    tap.equal(disordered(found) if known else [], [], "... in order from one object to the next")


def killed(pond, world, dice):
    """Shards that change while records are delivered, and kill -9 in between."""
    numbers = {f"key-{i}": 0 for i in range(40)}
    deliver_to(world, "killed", 0)
    for i in range(9):
        put_round(world, "killed", numbers)
        reshard(world, "killed", dice)
        time.sleep(dice.random() / 10)
        if i % 3 == 2:
            pond.kill()
            pond.start()
            world.connect()
    world.flush(DeliveryStreamName="killed")
    tap.equal(sorted(lines(world, "killed")), expected(numbers), "after kill -9 every record is delivered once")


seed = int(os.environ.get("KINESSIS_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
print(f"# KINESSIS_TEST_SEED={seed}")
dice = random.Random(seed)
with lake.Lake() as pond:
    world = World(pond)
    aggregated(world)
    resharded(world, dice)
    killed(pond, world, dice)
tap.done()
