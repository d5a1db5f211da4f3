"""kill -9 of the lake at random moments while records are put and delivered: afterwards every acknowledged
record is in Parquet exactly once."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, "tests/support")
import tap

try:
    from botocore.exceptions import BotoCoreError, ClientError
    from firehose import World, conversion, destination, source
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")
import lake

ROUNDS = int(os.environ.get("KINESSIS_CRASH_ROUNDS", "6"))
seed = int(os.environ.get("KINESSIS_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
print(f"# seed {seed}")
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


def put_direct(world):
    client = world.pond.client("firehose", connect_timeout=2, read_timeout=2)
    return lambda data: client.put_record_batch(DeliveryStreamName="direct", Records=[{"Data": d} for d in data])


def put_stream(world):
    client = world.pond.client("kinesis", connect_timeout=2, read_timeout=2)
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
    world.kinesis.create_stream(StreamName="source", ShardCount=2)
    for name, more in (("direct", {}), ("stream", source("source"))):
        world.firehose.create_delivery_stream(
            DeliveryStreamName=name,
            **more,
            ExtendedS3DestinationConfiguration=destination(
                "bucket",
                Prefix=f"{name}/!{{timestamp:yyyy/MM/dd/HH}}/",
                ErrorOutputPrefix=f"{name}-errors/!{{firehose:error-output-type}}/",
                BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 0},
                DataFormatConversionConfiguration=conversion("events"),
            ),
        )
    direct, stream = [], []
    for crash in range(ROUNDS):
        begin = crash * 10_000_000
        direct.append(Putter(put_direct(world), begin))
        stream.append(Putter(put_stream(world), begin))
        direct[-1].start()
        stream[-1].start()
        time.sleep(chance.uniform(0.15, 0.9))
        pond.kill()
        direct[-1].join()
        stream[-1].join()
        pond.start()
        world.connect()
    counts = world.flush()
    objects = len(world.keys("bucket"))
    tap.ok(objects > ROUNDS, f"{objects} objects were delivered, some of them between the crashes")
    place = os.path.join(pond.folder, "s3", "bucket")
    files = [os.path.relpath(os.path.join(at, f), place) for at, _, found in os.walk(place) for f in found]
    tap.equal(sorted(files), sorted(world.keys("bucket")), "and each file is an object")
    check(world, "direct", direct)
    check(world, "stream", stream)
tap.done()
