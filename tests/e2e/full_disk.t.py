"""A full disk: a file system of 8 MiB as the data folder. What cannot be kept is refused with the reason, what was
acknowledged is kept, and the lake goes on once there is room again."""

import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, "tests/support")
import lake  # noqa: E402
import tap  # noqa: E402

try:
    from botocore.exceptions import ClientError
    from firehose import World, conversion, destination, source
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")

if os.geteuid() != 0 or not shutil.which("mount"):
    print("1..0 # SKIP only root can mount a small file system")
    sys.exit(0)


class SmallLake(lake.Lake):
    """A lake on a file system of its own."""

    def start(self):
        if not os.path.ismount(self.folder):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", self.folder], check=True)
        super().start()

    def __exit__(self, *_):
        try:
            if self.process is not None:
                self.stop()
        finally:
            subprocess.run(["umount", "-l", self.folder], check=False)
            os.rmdir(self.folder)

    def leave(self, free):
        """Fills the file system up to so many free bytes."""
        ballast = os.path.join(self.folder, "ballast")
        with open(ballast, "ab") as file:
            pass
        state = os.statvfs(self.folder)
        size = os.path.getsize(ballast) + state.f_bavail * state.f_frsize - free
        with open(ballast, "r+b") as file:
            file.truncate(max(0, size))
            os.posix_fallocate(file.fileno(), 0, size) if size > 0 else None


reasons = set()


def attempt(call):
    """True when the call succeeds; the reason of a failure is kept."""
    try:
        call()
        return True
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        reasons.add((status, error.response["Error"]["Message"].rpartition(": ")[2]))
        return False


class Sender:
    """Puts batches of numbered records, and remembers which were acknowledged."""

    def __init__(self, world):
        self.world, self.next, self.acknowledged = world, 0, {"direct": [], "stream": []}

    def put(self):
        ids = range(self.next, self.next + 30)
        self.next += len(ids)
        data = [json.dumps({"id": i, "note": os.urandom(40).hex()}).encode() for i in ids]
        direct = [{"Data": d} for d in data]
        stream = [{"Data": d, "PartitionKey": "k"} for d in data]
        if attempt(lambda: self.world.firehose.put_record_batch(DeliveryStreamName="direct", Records=direct)):
            self.acknowledged["direct"] += ids
        if attempt(lambda: self.world.kinesis.put_records(StreamName="source", Records=stream)):
            self.acknowledged["stream"] += ids


def flushes(world):
    try:
        world.flush()
        return True
    except OSError as error:  # urllib's HTTPError
        reasons.add((error.code, json.load(error)["message"].rpartition(": ")[2]))
        return False


def rows(world, name):
    return [row["id"] for row in world.rows("bucket", f"{name}/")]


def run_query(athena):
    output = {"OutputLocation": "s3://bucket/out/"}
    query = athena.start_query_execution(QueryString="SELECT 1", ResultConfiguration=output)["QueryExecutionId"]
    for _ in range(200):
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            return status["State"]
        time.sleep(0.05)


with SmallLake() as pond:
    world = World(pond)
    world.table("events", [("id", "bigint"), ("note", "string")])
    world.s3.create_bucket(Bucket="bucket")
    world.s3.put_object(Bucket="bucket", Key="kept", Body=b"a" * 1000)
    world.kinesis.create_stream(StreamName="source", ShardCount=1)
    for name, more in (("direct", {}), ("stream", source("source"))):
        world.firehose.create_delivery_stream(
            DeliveryStreamName=name,
            **more,
            ExtendedS3DestinationConfiguration=destination(
                "bucket",
                Prefix=f"{name}/!{{timestamp:yyyy}}/",
                ErrorOutputPrefix=f"{name}-errors/!{{firehose:error-output-type}}/",
                BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900},
                DataFormatConversionConfiguration=conversion("events"),
            ),
        )
    sender = Sender(world)
    athena = pond.client("athena")
    sender.put()
    delivered = 0
    for free in [0, *range(4096, 200_000, 8192)]:
        pond.leave(free)
        sender.put()
        delivered += flushes(world)
        sender.put()
    print("#", *sorted(reasons), sep="\n#   ")
    tap.ok(0 < delivered < 25, f"{delivered} of 25 deliveries had room")
    pond.leave(0)
    tap.ok(not attempt(lambda: world.s3.put_object(Bucket="bucket", Key="large", Body=b"b" * 100_000)), "no object")
    tap.ok(not attempt(lambda: world.s3.put_object(Bucket="bucket", Key="kept", Body=b"b" * 100_000)), "none replaced")
    made = [n for n in range(40) if attempt(lambda: world.table(f"t{n}", [("a", "int")]))]
    tap.ok(len(made) < 40, "no table, in the end")
    tap.ok(all(status >= 500 and "full" in text or "No space left" in text for status, text in reasons),
           "each failure is the lake's, and says that the disk is full", sorted(reasons))
    tap.equal(world.get("bucket", "kept"), b"a" * 1000, "objects can be read")
    tap.equal(len(world.kinesis.list_shards(StreamName="source")["Shards"]), 1, "so can the catalog")
    pond.kill()
    pond.leave(8 << 20)
    pond.start()
    world.connect()
    athena = pond.client("athena")
    world.flush()
    for name, acknowledged in sender.acknowledged.items():
        found = rows(world, name)
        tap.equal(sorted(found), acknowledged, f"{name}: each of {len(acknowledged)} acknowledged records is there once")
    tables = {t["Name"] for t in world.glue.get_tables(DatabaseName="db")["TableList"]}
    tap.equal(tables, {"events", *(f"t{n}" for n in made)}, "and each table that was made")
    tap.equal(run_query(athena), "SUCCEEDED", "queries run again")
    place = os.path.join(pond.folder, "s3", "bucket")
    files = [os.path.relpath(os.path.join(at, f), place) for at, _, found in os.walk(place) for f in found]
    tap.equal(sorted(files), sorted(world.keys("bucket")), "each file is an object")
    tap.equal(os.listdir(os.path.join(pond.folder, "spool")), [], "and none is left in the spool")
    tap.equal(pond.stop(), 0, "the lake ends as it should")
tap.done()
