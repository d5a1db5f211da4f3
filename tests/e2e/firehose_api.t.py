"""The lake's Firehose through boto3: its control operations, and what it refuses."""

import sys

sys.path.insert(0, "tests/support")
import tap

try:
    from botocore.exceptions import ClientError
    from firehose import World, conversion, destination, source
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")
import lake


def refused(code, fragment, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        return tap.ok(
            found["Code"] == code and fragment in found["Message"],
            f"{code}: {fragment}",
            f"got: {found['Code']}: {found['Message']}",
        )
    return tap.ok(False, f"{code}: {fragment}", "it was accepted")


def describe(world, name):
    return world.firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def control(world):
    firehose = world.firehose
    hints = {"SizeInMBs": 64, "IntervalInSeconds": 60}
    sent = destination(
        "lakehouse",
        Prefix="data/!{timestamp:yyyy/MM/dd/HH}/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        BufferingHints=hints,
        DataFormatConversionConfiguration=conversion("events"),
    )
    made = firehose.create_delivery_stream(
        DeliveryStreamName="described",
        ExtendedS3DestinationConfiguration=sent,
        Tags=[{"Key": "made", "Value": "by a test"}],
    )
    tap.equal(
        made["DeliveryStreamARN"], "arn:aws:firehose:us-east-1:000000000000:deliverystream/described", "the ARN"
    )
    found = describe(world, "described")
    tap.equal(
        [found[k] for k in ("DeliveryStreamStatus", "VersionId", "DeliveryStreamType", "HasMoreDestinations")],
        ["ACTIVE", "1", "DirectPut", False],
        "the description",
    )
    place = found["Destinations"][0]
    tap.equal(place["DestinationId"], "destinationId-000000000001", "the destination's id")
    extended = place["ExtendedS3DestinationDescription"]
    for name in ("Prefix", "ErrorOutputPrefix", "BufferingHints", "RoleARN", "BucketARN"):
        tap.equal(extended[name], sent[name], f"{name} is echoed")
    echoed = dict(extended["DataFormatConversionConfiguration"])
    tap.equal(echoed.pop("Enabled"), True, "the conversion is enabled")
    tap.equal(echoed, sent["DataFormatConversionConfiguration"], "and echoed")
    tap.equal(place["S3DestinationDescription"]["BufferingHints"], hints, "also as a plain S3 destination")
    target = {"DeliveryStreamName": "described", "DestinationId": "destinationId-000000000001"}
    firehose.update_destination(
        **target,
        CurrentDeliveryStreamVersionId="1",
        ExtendedS3DestinationUpdate={"BufferingHints": {"IntervalInSeconds": 90}},
    )
    found = describe(world, "described")
    extended = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    tap.equal(found["VersionId"], "2", "an update counts the version")
    tap.equal(extended["BufferingHints"], {"SizeInMBs": 64, "IntervalInSeconds": 90}, "and merges members")
    refused(
        "ConcurrentModificationException",
        "do not match",
        firehose.update_destination,
        **target,
        CurrentDeliveryStreamVersionId="1",
        ExtendedS3DestinationUpdate={},
    )
    for name in ("zeta", "alpha"):
        firehose.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration=destination("any"))
    tap.equal(
        firehose.list_delivery_streams()["DeliveryStreamNames"], ["alpha", "described", "zeta"], "the list, by name"
    )
    page = firehose.list_delivery_streams(Limit=1, ExclusiveStartDeliveryStreamName="alpha")
    tap.equal((page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]), (["described"], True), "a page of it")
    firehose.tag_delivery_stream(DeliveryStreamName="described", Tags=[{"Key": "second", "Value": "2"}])
    firehose.untag_delivery_stream(DeliveryStreamName="described", TagKeys=["made"])
    tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName="described")
    tap.equal(tags["Tags"], [{"Key": "second", "Value": "2"}], "tags come and go")
    world.pond.kill()
    world.pond.start()
    world.connect()
    tap.equal(describe(world, "described"), found, "all of it survives kill -9")
    world.firehose.delete_delivery_stream(DeliveryStreamName="described")
    refused(
        "ResourceNotFoundException",
        "Firehose described under account 000000000000 not found.",
        world.firehose.describe_delivery_stream,
        DeliveryStreamName="described",
    )


def creation(world):
    def create(fragment, code="InvalidArgumentException", stream={}, **more):
        refused(
            code,
            fragment,
            world.firehose.create_delivery_stream,
            DeliveryStreamName="refused",
            ExtendedS3DestinationConfiguration=destination("any", **more),
            **stream,
        )

    def converted(fragment, **changes):
        create(fragment, DataFormatConversionConfiguration={**conversion("events"), **changes})

    both = {"Deserializer": {"OpenXJsonSerDe": {}, "HiveJsonSerDe": {}}}
    joda = {"Deserializer": {"HiveJsonSerDe": {"TimestampFormats": ["yyyy"]}}}
    create(
        "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled",
        BufferingHints={"SizeInMBs": 63, "IntervalInSeconds": 60},
        DataFormatConversionConfiguration=conversion("events"),
    )
    create(
        "must be UNCOMPRESSED",
        CompressionFormat="GZIP",
        DataFormatConversionConfiguration=conversion("events"),
    )
    create(
        "SchemaConfiguration must not be null",
        DataFormatConversionConfiguration={
            k: v for k, v in conversion("events").items() if k != "SchemaConfiguration"
        },
    )
    create("table none in database db", DataFormatConversionConfiguration=conversion("none"))
    create("table events in database nodb", DataFormatConversionConfiguration=conversion("events", "nodb"))
    converted("one of OpenXJsonSerDe and HiveJsonSerDe", InputFormatConfiguration=both)
    converted("millis", InputFormatConfiguration=joda)
    converted("OrcSerDe is not supported", OutputFormatConfiguration={"Serializer": {"OrcSerDe": {}}})
    create("ErrorOutputPrefix cannot be null", Prefix="!{timestamp:yyyy}/")
    create("add it", ErrorOutputPrefix="!{timestamp:yyyy}/")
    create("Snappy is not supported by this lake", CompressionFormat="Snappy")
    create(
        "Lambda is not supported",
        ProcessingConfiguration={"Enabled": True, "Processors": [{"Type": "Lambda"}]},
    )
    create("not supported by this lake", DynamicPartitioningConfiguration={"Enabled": True})
    create(
        "less than or equal to 128",
        "ValidationException",
        BufferingHints={"SizeInMBs": 129, "IntervalInSeconds": 1},
    )
    create("only then", stream={"DeliveryStreamType": "KinesisStreamAsSource"})
    create("Stream none under account", stream=source("none"))
    refused(
        "ResourceInUseException",
        "already exists",
        world.firehose.create_delivery_stream,
        DeliveryStreamName="zeta",
        S3DestinationConfiguration=destination("any"),
    )
    refused(
        "InvalidArgumentException",
        "Exactly one destination",
        world.firehose.create_delivery_stream,
        DeliveryStreamName="refused",
    )


def puts(world):
    firehose = world.firehose
    batch, one = firehose.put_record_batch, firehose.put_record
    refused(
        "ResourceNotFoundException",
        "Firehose none under account",
        one,
        DeliveryStreamName="none",
        Record={"Data": b"x"},
    )
    refused("ValidationException", "500", batch, DeliveryStreamName="zeta", Records=[{"Data": b"x"}] * 501)
    refused("ValidationException", "1024000", one, DeliveryStreamName="zeta", Record={"Data": b"x" * 1024001})
    refused(
        "InvalidArgumentException", "4 MB", batch, DeliveryStreamName="zeta", Records=[{"Data": b"x" * 1000000}] * 5
    )
    world.kinesis.create_stream(StreamName="source", ShardCount=1)
    firehose.create_delivery_stream(
        DeliveryStreamName="sourced", S3DestinationConfiguration=destination("any"), **source("source")
    )
    refused(
        "InvalidArgumentException",
        "not permitted on KinesisStreamAsSource",
        one,
        DeliveryStreamName="sourced",
        Record={"Data": b"x"},
    )
    tap.equal(world.flush()["Records"], 0, "what was refused is not stored")
    for last, taken in (194308, True), (194309, False):  # the last one's base64 is padded
        records = [{"Data": b"x" * n} for n in (999999, 999999, 999999, 999999, last)]
        try:
            reply = batch(DeliveryStreamName="zeta", Records=records)
            tap.equal((reply["FailedPutCount"], taken), (0, True), "a batch of 4 MiB, to the byte")
        except firehose.exceptions.InvalidArgumentException as error:
            tap.ok(not taken, f"records of {4 * 999999 + last} bytes: one byte more is refused", error)


with lake.Lake() as pond:
    world = World(pond)
    world.table("events", [("id", "int")])
    control(world)
    creation(world)
    puts(world)
tap.done()
