"""The lake's Kinesis through boto3: streams, routing, iterators, limits, errors."""

import base64
import hashlib
import os
import resource
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

ACCOUNT = "000000000000"


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


def drain(kinesis, iterator, **options):
    records = []
    while True:
        reply = kinesis.get_records(ShardIterator=iterator, **options)
        records += reply["Records"]
        iterator = reply["NextShardIterator"]
        if reply["MillisBehindLatest"] == 0:
            return records


def shard_id(number):
    return f"shardId-{number:012d}"


def from_start(kinesis, stream, number):
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id(number), ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]


def streams(kinesis):
    kinesis.create_stream(StreamName="first", ShardCount=3, Tags={"made": "by a test"})
    kinesis.get_waiter("stream_exists").wait(StreamName="first", WaiterConfig={"Delay": 1})
    found = kinesis.describe_stream(StreamName="first")["StreamDescription"]
    arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/first"
    tap.equal(found["StreamARN"], arn, "the ARN")
    tap.equal((found["StreamStatus"], found["RetentionPeriodHours"]), ("ACTIVE", 24), "active, kept for 24 hours")
    ends = [int(s["HashKeyRange"]["EndingHashKey"]) for s in found["Shards"]]
    begins = [int(s["HashKeyRange"]["StartingHashKey"]) for s in found["Shards"]]
    tap.equal(begins, [i * (2**128 // 3) for i in range(3)], "where three shards begin")
    tap.equal(ends, [begins[1] - 1, begins[2] - 1, 2**128 - 1], "and end")
    summary = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    tap.equal((summary["StreamName"], summary["OpenShardCount"]), ("first", 3), "the summary, by ARN")
    page = kinesis.describe_stream(StreamName="first", Limit=2)["StreamDescription"]
    tap.ok(page["HasMoreShards"] and len(page["Shards"]) == 2, "a page of shards")
    page = kinesis.describe_stream(StreamName="first", ExclusiveStartShardId=shard_id(1))["StreamDescription"]
    tap.equal([s["ShardId"] for s in page["Shards"]], [shard_id(2)], "the shards after one")
    page = kinesis.list_shards(StreamName="first", MaxResults=2)
    rest = kinesis.list_shards(NextToken=page["NextToken"])
    tap.ok("NextToken" not in rest, "the last page has no token")
    tap.equal([s["ShardId"] for s in page["Shards"] + rest["Shards"]], [shard_id(i) for i in range(3)], "ListShards")
    refused("ResourceInUseException", "Stream first under account", kinesis.create_stream, StreamName="first", ShardCount=1)
    refused("LimitExceededException", "Current shard count for the account: 3.", kinesis.create_stream, StreamName="huge", ShardCount=100000)
    refused("ResourceNotFoundException", f"Stream none under account {ACCOUNT} not found.", kinesis.describe_stream, StreamName="none")
    refused("ValidationException", "at 'streamName' failed to satisfy constraint", kinesis.create_stream, StreamName="a b", ShardCount=1)
    refused("InvalidArgumentException", "ShardCount", kinesis.create_stream, StreamName="none")
    refused("InvalidArgumentException", "StreamName", kinesis.describe_stream_summary)
    refused("InvalidArgumentException", "NextToken is invalid", kinesis.list_shards, NextToken="abc")
    refused("InvalidArgumentException", "Either NextToken or StreamName should be provided.", kinesis.list_shards)

    for name in ("b", "a.1", "c-2"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    tap.equal(kinesis.list_streams()["StreamNames"], ["a.1", "b", "c-2", "first"], "streams by name")
    page = kinesis.list_streams(Limit=3)
    tap.ok(page["HasMoreStreams"], "more streams")
    tap.equal(kinesis.list_streams(NextToken=page["NextToken"])["StreamNames"], ["first"], "the next page")
    tap.equal(kinesis.list_streams(ExclusiveStartStreamName="b")["StreamNames"], ["c-2", "first"], "those after one")
    for name in ("b", "a.1", "c-2"):
        kinesis.delete_stream(StreamName=name)
    tap.equal(kinesis.describe_limits()["OpenShardCount"], 3, "DescribeLimits counts shards")
    kinesis.create_stream(StreamName="d", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    found = kinesis.describe_stream_summary(StreamName="d")["StreamDescriptionSummary"]
    tap.equal((found["OpenShardCount"], found["StreamModeDetails"]["StreamMode"]), (4, "ON_DEMAND"), "on demand")
    kinesis.update_stream_mode(StreamARN=found["StreamARN"], StreamModeDetails={"StreamMode": "PROVISIONED"})
    found = kinesis.describe_stream_summary(StreamName="d")["StreamDescriptionSummary"]
    tap.equal(found["StreamModeDetails"]["StreamMode"], "PROVISIONED", "no longer")
    kinesis.delete_stream(StreamARN=found["StreamARN"])


def settings(kinesis):
    kinesis.add_tags_to_stream(StreamName="first", Tags={"z": "1", "a": "2"})
    kinesis.remove_tags_from_stream(StreamName="first", TagKeys=["z", "none"])
    tags = kinesis.list_tags_for_stream(StreamName="first")
    tap.equal(tags["Tags"], [{"Key": "a", "Value": "2"}, {"Key": "made", "Value": "by a test"}], "tags by key")
    tap.ok(kinesis.list_tags_for_stream(StreamName="first", Limit=1)["HasMoreTags"], "more tags")
    refused("InvalidArgumentException", "more than 50", kinesis.add_tags_to_stream, StreamName="first", Tags={f"t{i}": "" for i in range(49)})
    refused("ValidationException", "Map keys must satisfy constraint", kinesis.add_tags_to_stream, StreamName="first", Tags={"k" * 129: ""})
    refused("ValidationException", "Map value must satisfy constraint", kinesis.add_tags_to_stream, StreamName="first", Tags={"k": "v" * 257})
    tap.equal(len(kinesis.list_tags_for_stream(StreamName="first")["Tags"]), 2, "refused tags are not kept")
    kinesis.increase_stream_retention_period(StreamName="first", RetentionPeriodHours=48)
    refused("InvalidArgumentException", "can not be shorter than existing retention period (48 hours)", kinesis.increase_stream_retention_period, StreamName="first", RetentionPeriodHours=47)
    refused("InvalidArgumentException", "Minimum allowed retention period is 24 hours", kinesis.decrease_stream_retention_period, StreamName="first", RetentionPeriodHours=23)
    refused("InvalidArgumentException", "Maximum allowed", kinesis.increase_stream_retention_period, StreamName="first", RetentionPeriodHours=8761)
    kinesis.decrease_stream_retention_period(StreamName="first", RetentionPeriodHours=36)
    tap.equal(kinesis.describe_stream(StreamName="first")["StreamDescription"]["RetentionPeriodHours"], 36, "36 hours")


def routing(kinesis):
    keys = [f"key-{i}" for i in range(294)] + ["abcd", "ключ", "鍵", "k" * 256]
    keys += ["\0", "a\0b", "a\0c", "𐍈" * 256, "ä\0" * 128, "\U0010ffff"]  # any Unicode characters, up to 256
    sent = [{"Data": os.urandom(i % 50), "PartitionKey": key} for i, key in enumerate(keys)]
    reply = kinesis.put_records(StreamName="first", Records=sent)
    tap.equal(reply["FailedRecordCount"], 0, "304 records put")
    width = 2**128 // 3
    expected = [shard_id(min(int(hashlib.md5(key.encode()).hexdigest(), 16) // width, 2)) for key in keys]
    tap.equal([r["ShardId"] for r in reply["Records"]], expected, "routed by MD5")
    wrong = 0
    for number in range(3):
        want = [(s["PartitionKey"], s["Data"], r["SequenceNumber"]) for s, r in zip(sent, reply["Records"]) if r["ShardId"] == shard_id(number)]
        got = drain(kinesis, from_start(kinesis, "first", number))
        wrong += want != [(r["PartitionKey"], r["Data"], r["SequenceNumber"]) for r in got]
        numbers = [int(r["SequenceNumber"]) for r in got]
        wrong += numbers != sorted(set(numbers)) or any(len(str(n)) != 56 for n in numbers)
        paged = drain(kinesis, from_start(kinesis, "first", number), Limit=7)
        wrong += paged != got
        wrong += any(abs(r["ApproximateArrivalTimestamp"].timestamp() - time.time()) > 60 for r in got)
        wrong += any("EncryptionType" in r for r in got)
    one = kinesis.put_record(StreamName="first", Data=b"", PartitionKey="\0")
    tap.equal(one["ShardId"], expected[keys.index("\0")], "a NUL, alone")
    tap.equal(wrong, 0, "every record comes back in its shard, in order, with its number; also by pages of 7")
    ends = {0: 0, width - 1: 0, width: 1, 2 * width - 1: 1, 2 * width: 2, 3 * width: 2, 2**128 - 1: 2}
    for key, number in ends.items():
        found = kinesis.put_record(StreamName="first", Data=b"x", PartitionKey="p", ExplicitHashKey=str(key))
        tap.equal(found["ShardId"], shard_id(number), f"explicit hash key {key}")
    refused("InvalidArgumentException", "Invalid ExplicitHashKey", kinesis.put_record, StreamName="first", Data=b"", PartitionKey="p", ExplicitHashKey=str(2**128))
    refused("ValidationException", "explicitHashKey", kinesis.put_record, StreamName="first", Data=b"", PartitionKey="p", ExplicitHashKey="01")


def iterators(kinesis):
    kinesis.create_stream(StreamName="one", ShardCount=1)
    numbers, times = [], []
    for i in range(5):
        reply = kinesis.put_record(StreamName="one", Data=b"%d" % i, PartitionKey="p")
        numbers.append(reply["SequenceNumber"])
        times.append(time.time() + 0.005)
        time.sleep(0.02)

    def data(kind, **more):
        iterator = kinesis.get_shard_iterator(StreamName="one", ShardId=shard_id(0), ShardIteratorType=kind, **more)
        return b"".join(r["Data"] for r in drain(kinesis, iterator["ShardIterator"]))

    tap.equal(data("TRIM_HORIZON"), b"01234", "TRIM_HORIZON")
    tap.equal(data("LATEST"), b"", "LATEST")
    tap.equal(data("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[2]), b"234", "AT_SEQUENCE_NUMBER")
    tap.equal(data("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[2]), b"34", "AFTER_SEQUENCE_NUMBER")
    tap.equal(data("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]), b"", "... the last")
    start = kinesis.list_shards(StreamName="one")["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    tap.ok(int(start) < int(numbers[0]), "the shard's first number is below those of its records")
    tap.equal(data("AT_SEQUENCE_NUMBER", StartingSequenceNumber=start), b"01234", "... the start of the shard")
    for i, at in enumerate(times):
        tap.equal(data("AT_TIMESTAMP", Timestamp=at), b"01234"[i + 1 :], f"AT_TIMESTAMP after record {i}")
    tap.equal(data("AT_TIMESTAMP", Timestamp=0), b"01234", "... before all of them")
    tap.equal(data("AT_TIMESTAMP", Timestamp=time.time() - 0.001), b"", "... now")
    arrivals = [r["ApproximateArrivalTimestamp"] for r in drain(kinesis, from_start(kinesis, "one", 0))]
    for i, at in enumerate(arrivals):
        tap.equal(data("AT_TIMESTAMP", Timestamp=at.timestamp()), b"01234"[i:], f"... the arrival of record {i}")

    latest = kinesis.get_shard_iterator(StreamName="one", ShardId=shard_id(0), ShardIteratorType="LATEST")["ShardIterator"]
    reply = kinesis.get_records(ShardIterator=latest)
    kinesis.put_record(StreamName="one", Data=b"5", PartitionKey="p")
    for iterator in (latest, reply["NextShardIterator"]):
        tap.equal([r["Data"] for r in kinesis.get_records(ShardIterator=iterator)["Records"]], [b"5"], "LATEST sees what follows")
    reply = kinesis.get_records(ShardIterator=from_start(kinesis, "one", 0), Limit=1)
    tap.ok(reply["MillisBehindLatest"] > 0, "MillisBehindLatest before the end")

    def iterator(**arguments):
        return kinesis.get_shard_iterator(**{"StreamName": "one", "ShardId": shard_id(0), **arguments})

    refused("InvalidArgumentException", "timestampInMillis parameter cannot be greater", iterator, ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() + 3600)
    refused("InvalidArgumentException", "Must specify timestampInMillis", iterator, ShardIteratorType="AT_TIMESTAMP")
    refused("InvalidArgumentException", "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber", iterator, ShardIteratorType="AT_SEQUENCE_NUMBER")
    refused("InvalidArgumentException", "Request specified LATEST and also a StartingSequenceNumber", iterator, ShardIteratorType="LATEST", StartingSequenceNumber=numbers[0])
    refused("InvalidArgumentException", "is invalid.", iterator, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber="12345")
    other = next(r for r in drain(kinesis, from_start(kinesis, "first", 1)))["SequenceNumber"]
    refused("InvalidArgumentException", f"It encodes {shard_id(1)}, while it was used in a call to a shard with {shard_id(0)}", iterator, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=other)
    refused("ValidationException", "Member must satisfy enum value set", iterator, ShardIteratorType="OLDEST")
    refused("ResourceNotFoundException", f"Shard {shard_id(1)} in stream one under account {ACCOUNT} does not exist", iterator, ShardId=shard_id(1), ShardIteratorType="LATEST")
    refused("ResourceNotFoundException", "Could not find shard nothing", iterator, ShardId="nothing", ShardIteratorType="LATEST")
    refused("ResourceNotFoundException", f"Shard {shard_id(0)} in stream none under account {ACCOUNT} does not exist", iterator, StreamName="none", ShardIteratorType="LATEST")


def many_shards(kinesis):
    """More files than the usual limit on open ones."""
    kinesis.create_stream(StreamName="wide", ShardCount=990)
    keys = [str(i * (2**128 // 990)) for i in range(990)]
    shards = set()
    for part in (keys[:495], keys[495:]):
        records = [{"Data": b"x", "PartitionKey": "p", "ExplicitHashKey": key} for key in part]
        shards |= {r.get("ShardId") for r in kinesis.put_records(StreamName="wide", Records=records)["Records"]}
    tap.equal(shards, {shard_id(i) for i in range(990)}, "990 shards written to")
    kinesis.delete_stream(StreamName="wide")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def made_earlier(iterator, seconds):
    """The iterator as it would be had it been given out so long ago."""
    fields = base64.b64decode(iterator).decode().split(":")
    fields[1] = str(int(fields[1]) - seconds * 1000)
    text = ":".join(fields[:-1]) + ":"
    return base64.b64encode(f"{text}{crc32c(text.encode()):08x}".encode()).decode()


def stale(kinesis):
    iterator = from_start(kinesis, "one", 0)
    tap.equal(len(kinesis.get_records(ShardIterator=made_earlier(iterator, 290))["Records"]), 6, "an iterator is good for 5 minutes")
    refused("ExpiredIteratorException", "Iterator expired. The iterator was created at time", kinesis.get_records, ShardIterator=made_earlier(iterator, 301))
    refused("InvalidArgumentException", "Invalid ShardIterator.", kinesis.get_records, ShardIterator=iterator[:-4])
    refused("InvalidArgumentException", "Invalid ShardIterator.", kinesis.get_records, ShardIterator="AAAA" + iterator[4:])
    old = kinesis.get_records(ShardIterator=iterator)["Records"][0]["SequenceNumber"]
    kinesis.delete_stream(StreamName="one")
    kinesis.get_waiter("stream_not_exists").wait(StreamName="one", WaiterConfig={"Delay": 1})
    refused("ResourceNotFoundException", "does not exist", kinesis.get_records, ShardIterator=iterator)
    time.sleep(1)  # sequence numbers tell streams apart by the second
    kinesis.create_stream(StreamName="one", ShardCount=1)
    refused("ResourceNotFoundException", "does not exist", kinesis.get_records, ShardIterator=iterator)
    refused("InvalidArgumentException", "did not come from this stream", kinesis.get_shard_iterator, StreamName="one", ShardId=shard_id(0), ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=old)
    tap.equal(drain(kinesis, from_start(kinesis, "one", 0)), [], "a stream made anew is empty")


def limits(kinesis):
    def put(records, stream="one"):
        return kinesis.put_records(StreamName=stream, Records=records)

    def record(size, key="p"):
        return {"Data": b"x" * size, "PartitionKey": key}

    tap.equal(put([record(0)] * 500)["FailedRecordCount"], 0, "500 records")
    refused("ValidationException", "at 'records' failed to satisfy constraint: Member must have length less than or equal to 500", put, records=[record(0)] * 501)
    tap.equal(put([record((1 << 20) - 1)])["FailedRecordCount"], 0, "1 MiB with the key")
    refused("InvalidArgumentException", "must not exceed 1048576", put, records=[record(1 << 20)])
    refused("ValidationException", "at 'records.2.member.data' failed", put, records=[record(1), record((1 << 20) + 1)])
    refused("ValidationException", "at 'records.1.member.partitionKey' failed", put, records=[record(1, "k" * 257)])
    for key in ("𐍈" * 257, "\0" * 257):
        refused("ValidationException", "less than or equal to 256", put, records=[record(1, key)])
    refused("ResourceNotFoundException", "Stream none under", put, records=[record(1)], stream="none")
    tap.equal(put([record((1 << 20) - 9, f"{i:09d}") for i in range(10)])["FailedRecordCount"], 0, "10 MiB at once")
    refused("InvalidArgumentException", "Records size exceeds 10 MB limit", put, records=[record(1 << 19, f"{i}") for i in range(21)])
    refused("ValidationException", "at 'limit' failed", kinesis.get_records, ShardIterator=from_start(kinesis, "one", 0), Limit=10001)
    refused("InvalidArgumentException", "ExclusiveMinimumSequenceNumber 7 used in PutRecord", kinesis.put_record, StreamName="one", Data=b"", PartitionKey="p", SequenceNumberForOrdering="7")
    first = kinesis.get_records(ShardIterator=from_start(kinesis, "one", 0))
    size = sum(len(r["Data"]) + len(r["PartitionKey"]) for r in first["Records"])
    tap.ok(8 << 20 < size <= 10 << 20, "a reply has at most 10 MiB", f"it had {size} bytes")
    tap.equal(len(drain(kinesis, from_start(kinesis, "one", 0))), 511, "refused requests left nothing, accepted ones everything")


resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with lake.Lake() as pond:
    client = pond.client("kinesis")
    streams(client)
    settings(client)
    routing(client)
    iterators(client)
    stale(client)
    limits(client)
    many_shards(client)
tap.done()
