"""kill -9 of the lake at random moments while records are put and delivered, objects put, and tables made: afterwards
every acknowledged record is in Parquet exactly once, and every acknowledged object and table is there."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, "tests/support")
import tap

try:
    from botocore.exceptions import BotoCoreError, ClientError
    from firehose import World, conversion, destination, source, wait_for
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")
import lake

ROUNDS = int(os.environ.get("KINESSIS_CRASH_ROUNDS", "6"))
seed = int(os.environ.get("KINESSIS_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
print(f"# KINESSIS_TEST_SEED={seed}")
chance = random.Random(seed)


class Putter(threading.Thread):
    """Puts batches of numbered records until the lake goes; remembers what was acknowledged."""

    def __init__(self, put, begin):
        super().__init__()
        self.put, self.next = put, begin
        self.acknowledged, self.unknown = [], []

    def run(self):
        while True:
            ids = list(range(self.next, self.next + 40))
            self.next += len(ids)
            try:
                self.put([b'{"id": %d, "note": "record number %d"}' % (i, i) for i in ids])
                self.acknowledged += ids
            except (BotoCoreError, ClientError):
                self.unknown += ids
                return


class Maker(threading.Thread):
    """Makes numbered things one by one until the lake goes; remembers which were acknowledged."""

    def __init__(self, make, begin):
        super().__init__()
        self.make, self.next = make, begin
        self.acknowledged = []

    def run(self):
        while True:
            try:
                self.make(self.next)
                self.acknowledged.append(self.next)
                self.next += 1
            except (BotoCoreError, ClientError):
                return


def make_object(world):
    client = world.pond.client("s3", connect_timeout=30, read_timeout=30)
    return lambda i: client.put_object(Bucket="things", Key=f"{i % 7}/{i}", Body=b"%d" % i * 1000)


def replace_object(world):
    client = world.pond.client("s3", connect_timeout=30, read_timeout=30)
    return lambda i: client.put_object(Bucket="things", Key="one", Body=b"%d" % i * 1000)


def make_table(world):
    client = world.pond.client("glue", connect_timeout=30, read_timeout=30)
    return lambda i: client.create_table(DatabaseName="db", TableInput={"Name": f"t{i}"})


def put_direct(world):
    client = world.pond.client("firehose", connect_timeout=30, read_timeout=30)
    return lambda data: client.put_record_batch(DeliveryStreamName="direct", Records=[{"Data": d} for d in data])


def put_stream(world):
    client = world.pond.client("kinesis", connect_timeout=30, read_timeout=30)
    return lambda data: client.put_records(
        StreamName="source", Records=[{"Data": d, "PartitionKey": str(hash(d))} for d in data]
    )


def check(world, prefix, putters):
    acknowledged = {i for p in putters for i in p.acknowledged}
    unknown = {i for p in putters for i in p.unknown}
    rows = [r["id"] for r in world.rows("bucket", f"{prefix}/")]
    found = set(rows)
    tap.equal(len(rows), len(found), f"{prefix}: no record twice, of {len(rows)}")
    tap.equal(sorted(acknowledged - found), [], f"{prefix}: each of {len(acknowledged)} acknowledged is there")
    tap.ok(found <= acknowledged | unknown, f"{prefix}: and none that was not put")
    tap.ok(len(acknowledged) > 0, f"{prefix}: the lake did take records between the crashes")
    errors = world.keys("bucket", f"{prefix}-errors/")
    tap.equal(errors, [], f"{prefix}: no record was damaged")


with lake.Lake() as pond:
    world = World(pond)
    world.table("events", [("id", "bigint"), ("note", "string")])
    world.s3.create_bucket(Bucket="bucket")
    world.s3.create_bucket(Bucket="things")
    world.kinesis.create_stream(StreamName="source", ShardCount=2)
    for name, more, interval in (("direct", {}, 0), ("stream", source("source"), 0), ("slow", source("source"), 1)):
        world.firehose.create_delivery_stream(
            DeliveryStreamName=name,
            **more,
            ExtendedS3DestinationConfiguration=destination(
                "bucket",
                Prefix=f"{name}/!{{timestamp:yyyy/MM/dd/HH}}/",
                ErrorOutputPrefix=f"{name}-errors/!{{firehose:error-output-type}}/",
                BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": interval},
                DataFormatConversionConfiguration=conversion("events"),
            ),
        )
    direct, stream = [], []
    objects, replaced, tables = [], [], []
    for crash in range(ROUNDS):
        begin = crash * 10_000_000
        direct.append(Putter(put_direct(world), begin))
        stream.append(Putter(put_stream(world), begin))
        objects.append(Maker(make_object(world), begin))
        replaced.append(Maker(replace_object(world), begin))
        tables.append(Maker(make_table(world), begin))
        threads = [kind[-1] for kind in (direct, stream, objects, replaced, tables)]
        for thread in threads:
            thread.start()
        if crash == 0:
            tap.ok(
                wait_for(lambda: direct[0].acknowledged and world.keys("bucket", "direct/")) and
                wait_for(lambda: stream[0].acknowledged and world.keys("bucket", "stream/")),
                "objects are delivered between the crashes",
            )
        time.sleep(chance.uniform(0.15, 0.9))
        pond.kill()
        for thread in threads:
            thread.join()
        pond.start()
        world.connect()
        one = world.get("things", "one") if replaced[-1].acknowledged else b""
        last = replaced[-1].acknowledged[-1] if replaced[-1].acknowledged else 0
        tap.ok(one in (b"", b"%d" % last * 1000, b"%d" % (last + 1) * 1000), "a replaced object is one of the last two", one[:20])
    world.flush()
    place = os.path.join(pond.folder, "s3", "bucket")
    files = [os.path.relpath(os.path.join(at, f), place) for at, _, found in os.walk(place) for f in found]
    tap.equal(sorted(files), sorted(world.keys("bucket")), "and each file is an object")
    check(world, "direct", direct)
    check(world, "stream", stream)
    check(world, "slow", stream)
    wrong = [i for m in objects for i in m.acknowledged if world.get("things", f"{i % 7}/{i}") != b"%d" % i * 1000]
    tap.equal(wrong, [], f"each of {sum(len(m.acknowledged) for m in objects)} acknowledged objects is there")
    made = {t["Name"] for page in world.glue.get_paginator("get_tables").paginate(DatabaseName="db") for t in page["TableList"]}
    acknowledged = {f"t{i}" for m in tables for i in m.acknowledged}
    tap.equal(acknowledged - made, set(), f"and each of {len(acknowledged)} tables")
tap.done()
