"""A Kinesis stream as the source of a delivery stream: aggregated records."""

import base64
import json
import sys

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


with lake.Lake() as pond:
    world = World(pond)
    aggregated(world)
tap.done()
