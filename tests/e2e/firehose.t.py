"""The lake's Firehose through boto3: buffering, keys, conversion to Parquet, error objects, failures."""

import base64
import gzip
import json
import re
import sys
import time
import urllib.error

sys.path.insert(0, "tests/support")
import tap

try:
    from firehose import World, conversion, destination, source, wait_for
except ImportError as missing:
    tap.skip_all(f"{missing.name} is not installed")
import lake

NAME = (
    r"(\w+)-(\d+)-(\d{4})-(\d\d)-(\d\d)-(\d\d)-\d\d-\d\d-"
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


def direct(world):
    firehose = world.firehose
    world.s3.create_bucket(Bucket="plain")
    newline = {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]}
    firehose.create_delivery_stream(
        DeliveryStreamName="plain",
        ExtendedS3DestinationConfiguration=destination("plain", ProcessingConfiguration=newline),
    )
    reply = firehose.put_record(DeliveryStreamName="plain", Record={"Data": b"one"})
    tap.ok(reply["RecordId"] and reply["Encrypted"] is False, "PutRecord answers with an id")
    reply = firehose.put_record_batch(DeliveryStreamName="plain", Records=[{"Data": b"two"}, {"Data": b"\x00\xff"}])
    tap.equal(reply["FailedPutCount"], 0, "PutRecordBatch fails none")
    tap.equal(len({r["RecordId"] for r in reply["RequestResponses"]}), 2, "and names each")
    tap.equal(world.keys("plain"), [], "nothing is delivered before size or interval")
    counts = world.flush(DeliveryStreamName="plain")
    tap.equal(counts, {"Objects": 1, "Records": 3, "FailedRecords": 0, "Bytes": 8}, "a flush counts")
    keys = world.keys("plain")
    match = re.fullmatch(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/" + NAME, keys[0])
    tap.ok(match and match.groups()[:4] == match.groups()[6:], "year/month/day/hour/name-version-time-uuid", keys)
    tap.equal(world.get("plain", keys[0]), b"one\ntwo\n\x00\xff\n", "records in order, each with its newline")
    tap.equal(world.flush()["Objects"], 0, "a second flush has nothing to do")

    world.s3.create_bucket(Bucket="zipped")
    firehose.create_delivery_stream(
        DeliveryStreamName="zipped",
        S3DestinationConfiguration=destination("zipped", Prefix="in-", CompressionFormat="GZIP"),
    )
    firehose.put_record_batch(DeliveryStreamName="zipped", Records=[{"Data": b"a"}, {"Data": b"b"}])
    world.flush()
    keys = world.keys("zipped")
    tap.ok(re.fullmatch(r"in-\d{4}/\d\d/\d\d/\d\d/" + NAME + r"\.gz", keys[0]), "a plain prefix, .gz", keys)
    tap.equal(gzip.decompress(world.get("zipped", keys[0])), b"ab", "gzip, without delimiters")


def stream_source(world):
    kinesis = world.kinesis
    world.table("events", [("id", "int"), ("at", "timestamp"), ("note", "string"), ("tags", "array<string>")])
    world.s3.create_bucket(Bucket="lakehouse")
    kinesis.create_stream(StreamName="source", ShardCount=3)
    kinesis.put_record(StreamName="source", PartitionKey="early", Data=b'{"id":0}')
    world.firehose.create_delivery_stream(
        DeliveryStreamName="converted",
        **source("source"),
        ExtendedS3DestinationConfiguration=destination(
            "lakehouse",
            Prefix="data/!{timestamp:yyyy/MM/dd/HH}/",
            ErrorOutputPrefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
            DataFormatConversionConfiguration=conversion("events"),
        ),
    )
    found = world.firehose.describe_delivery_stream(DeliveryStreamName="converted")["DeliveryStreamDescription"]
    arn = source("source")["KinesisStreamSourceConfiguration"]["KinesisStreamARN"]
    tap.equal(found["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"], arn, "the source is described")
    hints = found["Destinations"][0]["ExtendedS3DestinationDescription"]["BufferingHints"]
    tap.equal(hints, {"SizeInMBs": 128, "IntervalInSeconds": 300}, "the default buffer of a conversion")

    good = [
        {"ID": i, "at": "2022-02-02T15:17:07.5Z", "note": f"Zoë {i}", "tags": ["a", None], "extra": 1}
        for i in range(1, 301)
    ]
    records = [json.dumps(r).encode() for r in good] + [b'{"id": 1, ', b'{"id": "many"}', b'[{"id": 1}]']
    sequences = {}
    for at in range(0, len(records), 100):
        part = records[at : at + 100]
        entries = [{"PartitionKey": str(i), "Data": r} for i, r in enumerate(part)]
        reply = kinesis.put_records(StreamName="source", Records=entries)
        sequences.update(zip(part, [r["SequenceNumber"] for r in reply["Records"]]))
    counts = world.flush(DeliveryStreamName="converted")
    tap.equal((counts["Records"], counts["FailedRecords"]), (303, 3), "read from LATEST; bad records are counted")
    converted_rows(world)
    error_lines(world, records, sequences)


def converted_rows(world):
    rows = world.rows("lakehouse", "data/")
    tap.equal(sorted(r["id"] for r in rows), list(range(1, 301)), "every good record is a row, once")
    row = min(rows, key=lambda r: r["id"])
    tap.equal((row["note"], row["tags"]), ("Zoë 1", ["a", None]), "with its values")
    tap.equal(row["at"].isoformat(), "2022-02-02T15:17:07.500000", "and its timestamp")
    tap.equal(list(row), ["id", "at", "note", "tags"], "the columns are the table's, without partition keys")
    key = world.keys("lakehouse", "data/")[0]
    tap.ok(re.fullmatch(r"data/\d{4}/\d\d/\d\d/\d\d/" + NAME + r"\.parquet", key), "year/month/day/hour", key)
    meta = world.parquet("lakehouse", key).metadata
    tap.equal(meta.row_group(0).column(0).compression, "SNAPPY", "Snappy")


def error_lines(world, records, sequences):
    keys = world.keys("lakehouse", "errors/")
    tap.ok(re.fullmatch(r"errors/format-conversion-failed/\d{4}/" + NAME, keys[0]), "one error object", keys)
    errors = [json.loads(line) for line in world.get("lakehouse", keys[0]).splitlines()]
    by_data = {base64.b64decode(e["rawData"]): e for e in errors}
    tap.equal(set(by_data), set(records[300:]), "holds the bad records")
    parse, wrong = by_data[records[300]], by_data[records[301]]
    tap.equal(parse["lastErrorCode"], "DataFormatConversion.ParseError", "malformed JSON")
    tap.equal(wrong["lastErrorCode"], "DataFormatConversion.MalformedData", "a wrong type")
    tap.ok("Column id: type int does not take many" in wrong["lastErrorMessage"], "and says where", wrong)
    tap.ok(all(e["sequenceNumber"] == sequences[raw] for raw, e in by_data.items()), "with sequence numbers")
    catalog = wrong["dataCatalogTable"]
    tap.equal(
        [catalog[k] for k in ("catalogId", "databaseName", "tableName", "region", "catalogArn")],
        ["000000000000", "db", "events", "us-east-1", None],
        "and the table",
    )
    tap.ok(abs(wrong["arrivalTimestamp"] / 1000 - time.time()) < 600, "and when it arrived", wrong)
    fields = "attemptsMade arrivalTimestamp lastErrorCode lastErrorMessage attemptEndingTimestamp rawData"
    fields += " sequenceNumber subSequenceNumber dataCatalogTable"
    tap.equal(list(wrong), fields.split(), "every field")


def mappings(world):
    world.s3.create_bucket(Bucket="mapped")
    world.table("mapped", [("ts", "bigint"), ("a_b", "string"), ("price", "decimal(9,2)")])
    serde = {
        "ConvertDotsInJsonKeysToUnderscores": True,
        "CaseInsensitive": False,
        "ColumnToJsonKeyMappings": {"ts": "timeStamp"},
    }
    world.firehose.create_delivery_stream(
        DeliveryStreamName="mapped",
        ExtendedS3DestinationConfiguration=destination(
            "mapped",
            DataFormatConversionConfiguration=conversion(
                "mapped", deserializer={"OpenXJsonSerDe": serde}, compression="GZIP"
            ),
        ),
    )
    data = b'{"timeStamp": 7, "a.b": "x", "Price": 1}{"ts": 8, "price": 12.345}'
    world.firehose.put_record(DeliveryStreamName="mapped", Record={"Data": data})
    world.flush(DeliveryStreamName="mapped")
    rows = [{k: str(v) for k, v in r.items()} for r in world.rows("mapped")]
    expected = [{"ts": "7", "a_b": "x", "price": "None"}, {"ts": "None", "a_b": "None", "price": "12.35"}]
    tap.equal(rows, expected, "mapped keys, dots, case")


def triggers(world):
    firehose = world.firehose
    world.s3.create_bucket(Bucket="timed")
    for name, size, interval in (("timed", 128, 1), ("sized", 1, 900)):
        hints = {"SizeInMBs": size, "IntervalInSeconds": interval}
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration=destination("timed", Prefix=f"{name}/", BufferingHints=hints),
        )
    batch = [{"Data": b"first"}, {"Data": b"second"}]
    firehose.put_record_batch(DeliveryStreamName="timed", Records=batch)
    tap.ok(wait_for(lambda: world.keys("timed", "timed/")), "after its interval a buffer is delivered")
    tap.equal([world.get("timed", k) for k in world.keys("timed", "timed/")], [b"firstsecond"], "whole")
    block = bytes(range(256)) * 1024
    for _ in range(10):  # 2.5 MiB
        firehose.put_record(DeliveryStreamName="sized", Record={"Data": block})
    tap.ok(wait_for(lambda: len(world.keys("timed", "sized/")) >= 2), "at its size too")
    time.sleep(0.3)
    sizes = [len(world.get("timed", k)) for k in world.keys("timed", "sized/")]
    tap.equal(sizes, [1 << 20, 1 << 20], "in objects of that size; the rest waits")
    tap.equal(world.flush(DeliveryStreamName="sized")["Bytes"], len(block) * 2, "for its interval or a flush")


def flush_fails(world, name, *fragments):
    try:
        world.flush(DeliveryStreamName=name)
        tap.ok(False, f"{name}: the flush fails")
    except urllib.error.HTTPError as error:
        reply = error.read().decode()
        tap.ok(all(f in reply for f in fragments), f"{name}: the flush fails and says why", reply)


def failures(world):
    firehose, kinesis = world.firehose, world.kinesis
    hints = {"SizeInMBs": 1, "IntervalInSeconds": 0}
    firehose.create_delivery_stream(
        DeliveryStreamName="nowhere",
        ExtendedS3DestinationConfiguration=destination("later", BufferingHints=hints),
    )
    firehose.put_record(DeliveryStreamName="nowhere", Record={"Data": b"patient"})
    time.sleep(0.3)
    flush_fails(world, "nowhere", "NoSuchBucket", "later")
    world.s3.create_bucket(Bucket="later")
    tap.ok(wait_for(lambda: world.keys("later")), "records wait for their bucket, and arrive")
    tap.equal([world.get("later", k) for k in world.keys("later")], [b"patient"], "once")

    kinesis.delete_stream(StreamName="source")
    world.glue.delete_table(DatabaseName="db", Name="mapped")
    firehose.put_record(DeliveryStreamName="mapped", Record={"Data": b'{"ts": 9}'})
    flush_fails(world, "converted", "ResourceNotFoundException", "Stream source under account")
    flush_fails(world, "mapped", "EntityNotFoundException", "table db.mapped")
    kinesis.create_stream(StreamName="source", ShardCount=1)
    kinesis.put_record(StreamName="source", PartitionKey="k", Data=b'{"id": 1000}')
    counts = world.flush(DeliveryStreamName="converted")
    tap.equal(counts["Records"], 1, "a source made anew is delivered from its beginning")
    tap.ok(1000 in [r["id"] for r in world.rows("lakehouse", "data/")], "and arrives")
    firehose.delete_delivery_stream(DeliveryStreamName="mapped")
    firehose.put_record(DeliveryStreamName="plain", Record={"Data": b"still"})
    tap.equal(world.flush(DeliveryStreamName="plain")["Records"], 1, "the others go on")


with lake.Lake() as pond:
    world = World(pond)
    direct(world)
    stream_source(world)
    mappings(world)
    triggers(world)
    failures(world)
tap.done()
