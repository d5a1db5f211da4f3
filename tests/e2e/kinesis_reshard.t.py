"""The lake's Kinesis: shards split, merged and counted anew, read by their readers across it, also after kill -9."""

import hashlib
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

ACCOUNT = "000000000000"
TOP = 2**128 - 1
SEED = int(os.environ.get("KINESSIS_TEST_SEED") or time.time_ns() % 1000000)


def shard_id(number):
    return f"shardId-{number:012d}"


def number_of(shard):
    return int(shard["ShardId"][8:])


def refused(code, text, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        got = error.response["Error"]
        tap.ok(got["Code"] == code and text in got["Message"], f"{code}: {text}", got)
    else:
        tap.ok(False, f"{code}: {text}", "did not raise")


def shards_of(kinesis, stream, **filter):
    arguments = {"ShardFilter": filter} if filter else {}
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream, **arguments)
    return [shard for page in pages for shard in page["Shards"]]


def open_ranges(shards):
    """(begin, end) of the open shards, by begin."""
    ranges = []
    for shard in shards:
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
            span = shard["HashKeyRange"]
            ranges.append((int(span["StartingHashKey"]), int(span["EndingHashKey"])))
    return sorted(ranges)


def covers(ranges):
    return ranges[0][0] == 0 and ranges[-1][1] == TOP and all(a[1] + 1 == b[0] for a, b in zip(ranges, ranges[1:]))


def even(count):
    width = 2**128 // count
    return [(i * width, (i + 1) * width - 1 if i + 1 < count else TOP) for i in range(count)]


def drain(kinesis, stream, shard):
    """Every record of a shard, and the reply that ended it (or the last)."""
    found = []
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while True:
        reply = kinesis.get_records(ShardIterator=iterator)
        found += reply["Records"]
        iterator = reply.get("NextShardIterator")
        if not iterator or (not reply["Records"] and reply["MillisBehindLatest"] == 0):
            return found, reply


def put(kinesis, stream, keys):
    reply = kinesis.put_records(StreamName=stream, Records=[{"Data": k.encode(), "PartitionKey": k} for k in keys])
    return [record["ShardId"] for record in reply["Records"]]


def hash_of(key):
    return int(hashlib.md5(key.encode()).hexdigest(), 16)


def split(kinesis):
    kinesis.create_stream(StreamName="s", ShardCount=2)
    keys = [f"key {i}" for i in range(40)]
    put(kinesis, "s", keys)
    middle = 2**127 + 2**126
    kinesis.split_shard(StreamName="s", ShardToSplit=shard_id(1), NewStartingHashKey=str(middle))
    kinesis.get_waiter("stream_exists").wait(StreamName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    shards = shards_of(kinesis, "s")
    tap.equal([s["ShardId"] for s in shards], [shard_id(i) for i in range(4)], "a split adds two shards")
    tap.equal([s.get("ParentShardId") for s in shards], [None, None, shard_id(1), shard_id(1)], "... of their parent")
    tap.equal(open_ranges(shards), [(0, 2**127 - 1), (2**127, middle - 1), (middle, TOP)], "... which has their ranges no more")
    parent, child = shards[1]["SequenceNumberRange"], shards[2]["SequenceNumberRange"]
    tap.ok("EndingSequenceNumber" in parent and "EndingSequenceNumber" not in child, "... but an end")
    tap.ok(int(parent["EndingSequenceNumber"]) < int(child["StartingSequenceNumber"]), "... below its children's beginning")
    summary = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
    tap.equal(summary["OpenShardCount"], 3, "three shards are open")
    tap.equal(kinesis.describe_stream(StreamName="s")["StreamDescription"]["Shards"], shards, "DescribeStream has all four")
    tap.equal(kinesis.describe_limits()["OpenShardCount"], 3, "DescribeLimits counts the open ones")

    expected = [shard_id(0 if hash_of(k) < 2**127 else 2 if hash_of(k) < middle else 3) for k in keys]
    tap.equal(put(kinesis, "s", keys), expected, "records go to the children")
    records, last = drain(kinesis, "s", shard_id(1))
    mine = [k for k in keys if hash_of(k) >= 2**127]
    tap.equal([r["PartitionKey"] for r in records], mine, "the parent has what came before")
    tap.ok("NextShardIterator" not in last, "... then it ends")
    children = [
        {"ShardId": shard_id(2), "ParentShards": [shard_id(1)], "HashKeyRange": shards[2]["HashKeyRange"]},
        {"ShardId": shard_id(3), "ParentShards": [shard_id(1)], "HashKeyRange": shards[3]["HashKeyRange"]},
    ]
    tap.equal(last["ChildShards"], children, "... and names its children")
    tap.ok(all(int(r["SequenceNumber"]) < int(parent["EndingSequenceNumber"]) for r in records), "its numbers are below its end")
    latest = kinesis.get_shard_iterator(StreamName="s", ShardId=shard_id(1), ShardIteratorType="LATEST")["ShardIterator"]
    reply = kinesis.get_records(ShardIterator=latest)
    tap.ok(not reply["Records"] and "NextShardIterator" not in reply, "LATEST of a closed shard ends at once")
    first = drain(kinesis, "s", shard_id(2))[0][0]
    iterator = kinesis.get_shard_iterator(
        StreamName="s", ShardId=shard_id(2), ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=first["SequenceNumber"]
    )["ShardIterator"]
    tap.equal(kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"], first["Data"], "a child's numbers find its records")
    return int(first["ApproximateArrivalTimestamp"].timestamp() * 1000)


def merge(kinesis):
    kinesis.merge_shards(StreamName="s", ShardToMerge=shard_id(2), AdjacentShardToMerge=shard_id(0))
    shards = shards_of(kinesis, "s")
    tap.equal((shards[4]["ParentShardId"], shards[4]["AdjacentParentShardId"]), (shard_id(2), shard_id(0)), "a merge has two parents")
    tap.equal(open_ranges(shards), [(0, 2**127 + 2**126 - 1), (2**127 + 2**126, TOP)], "... and their ranges")
    for number in (0, 2):
        child = drain(kinesis, "s", shard_id(number))[1]["ChildShards"]
        tap.equal([c["ParentShards"] for c in child], [[shard_id(2), shard_id(0)]], f"shard {number} ends in it")
    starts = [int(s["SequenceNumberRange"]["StartingSequenceNumber"]) for s in shards]
    ends = [int(s["SequenceNumberRange"].get("EndingSequenceNumber", 0)) for s in shards]
    tap.ok(starts[4] > ends[0] and starts[4] > ends[2], "its numbers are above those of both")


def filters(kinesis, between):
    def numbers(**filter):
        return [number_of(s) for s in shards_of(kinesis, "s", **filter)]

    tap.equal(numbers(Type="AT_LATEST"), [3, 4], "AT_LATEST: the open ones")
    tap.equal(numbers(Type="AT_TRIM_HORIZON"), [0, 1], "AT_TRIM_HORIZON: the first ones")
    tap.equal(numbers(Type="FROM_TRIM_HORIZON"), [0, 1, 2, 3, 4], "FROM_TRIM_HORIZON: all")
    tap.equal(numbers(Type="AFTER_SHARD_ID", ShardId=shard_id(1)), [2, 3, 4], "AFTER_SHARD_ID")
    tap.equal(numbers(Type="AT_TIMESTAMP", Timestamp=between / 1000), [0, 2, 3], "AT_TIMESTAMP: those open then")
    tap.equal(numbers(Type="FROM_TIMESTAMP", Timestamp=between / 1000), [0, 2, 3, 4], "FROM_TIMESTAMP: those open then or later")
    page = kinesis.list_shards(StreamName="s", MaxResults=1, ShardFilter={"Type": "AT_LATEST"})
    tap.equal([number_of(s) for s in page["Shards"]], [3], "a page of a filter")
    page = kinesis.list_shards(NextToken=page["NextToken"])
    tap.equal(([number_of(s) for s in page["Shards"]], "NextToken" in page), ([4], False), "... and the next, filtered too")
    refused("InvalidArgumentException", "AT_TIMESTAMP needs a Timestamp", kinesis.list_shards, StreamName="s", ShardFilter={"Type": "AT_TIMESTAMP"})
    refused("InvalidArgumentException", "AFTER_SHARD_ID needs a ShardId", kinesis.list_shards, StreamName="s", ShardFilter={"Type": "AFTER_SHARD_ID"})
    refused("ValidationException", "'shardFilter.type'", kinesis.list_shards, StreamName="s", ShardFilter={"Type": "AT_NOON"})


def refusals(kinesis):
    def split(**arguments):
        kinesis.split_shard(**{"StreamName": "s", "ShardToSplit": shard_id(3), "NewStartingHashKey": str(TOP - 5), **arguments})

    def merge(a, b):
        kinesis.merge_shards(StreamName="s", ShardToMerge=shard_id(a), AdjacentShardToMerge=shard_id(b))

    closed = f"Shard {shard_id(1)} in stream s under account {ACCOUNT} has already been merged or split"
    begin = 2**127 + 2**126
    refused("InvalidArgumentException", closed, split, ShardToSplit=shard_id(1))
    refused("InvalidArgumentException", closed, lambda: merge(4, 1))
    refused("ResourceNotFoundException", f"Could not find shard {shard_id(5)} in stream s", split, ShardToSplit=shard_id(5))
    refused("ResourceNotFoundException", "Could not find shard", lambda: merge(9, 3))
    refused("ResourceNotFoundException", "Stream none under account", split, StreamName="none")
    for key in (0, begin, begin + 1, TOP, TOP + 1):
        refused("InvalidArgumentException", f"NewStartingHashKey {key} used in SplitShard() on shard {shard_id(3)}", split, NewStartingHashKey=str(key))
    refused("InvalidArgumentException", "are not an adjacent pair of shards", lambda: merge(3, 3))
    kinesis.create_stream(StreamName="demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    refused("ValidationException", "ON_DEMAND mode", split, StreamName="demand", ShardToSplit=shard_id(0))
    kinesis.delete_stream(StreamName="demand")
    tap.equal(len(shards_of(kinesis, "s")), 5, "what was refused changed nothing")
    kinesis.update_shard_count(StreamName="s", TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    refused("InvalidArgumentException", "are not an adjacent pair of shards", lambda: merge(*[number_of(s) for s in sorted(shards_of(kinesis, "s", Type="AT_LATEST"), key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))][::2]))
    kinesis.update_shard_count(StreamName="s", TargetShardCount=2, ScalingType="UNIFORM_SCALING")


def count(kinesis):
    def update(target, **more):
        return kinesis.update_shard_count(**{"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING", **more})

    for before, target in ((2, 4), (4, 7), (7, 7), (7, 4), (4, 2), (2, 3), (3, 5), (5, 3), (3, 2), (2, 1), (1, 2)):
        reply = update(target)
        told = reply["StreamName"], reply["CurrentShardCount"], reply["TargetShardCount"]
        tap.equal(told, ("s", before, target), f"UpdateShardCount from {before} to {target}")
        shards = shards_of(kinesis, "s")
        tap.equal(open_ranges(shards), even(target), "... equal shards")
        late = [s for s in shards for p in ("ParentShardId", "AdjacentParentShardId") if s.get(p, "") >= s["ShardId"]]
        tap.equal(late, [], "... each after its parents")
    refused("InvalidArgumentException", "UpdateShardCount cannot scale up over double your current open shard count", update, target=5)
    update(4)
    refused("InvalidArgumentException", "UpdateShardCount cannot scale down below half", update, target=1)
    refused("ValidationException", "'scalingType'", update, target=4, ScalingType="ODD")
    kinesis.create_stream(StreamName="wide", ShardCount=990)
    refused("LimitExceededException", "Current shard count for the account: 994. Limit: 1000.", kinesis.update_shard_count, StreamName="wide", TargetShardCount=1000, ScalingType="UNIFORM_SCALING")
    kinesis.delete_stream(StreamName="wide")


def read_in_order(kinesis, stream):
    """The numbers of each key's records, shards after their parents."""
    found, done, shards = {}, set(), shards_of(kinesis, stream)
    for shard in shards:
        parents = {shard[p] for p in ("ParentShardId", "AdjacentParentShardId") if p in shard}
        if not parents <= done:
            raise AssertionError(f"{shard['ShardId']} comes before {parents - done}")
        for record in drain(kinesis, stream, shard["ShardId"])[0]:
            found.setdefault(record["PartitionKey"], []).append(int(record["Data"]))
        done.add(shard["ShardId"])
    return found


def put_until(client, stream, keys, sent, stop):
    """Each key's records are numbered; what was answered for is in sent."""
    dice = random.Random(SEED)
    while not stop.is_set():
        chosen = [dice.choice(keys) for _ in range(20)]
        numbers = {key: sent.get(key, 0) for key in chosen}
        records = []
        for key in chosen:
            records.append({"Data": b"%d" % numbers[key], "PartitionKey": key})
            numbers[key] += 1
        try:
            client.put_records(StreamName=stream, Records=records)
        except (BotoCoreError, ClientError):
            return
        sent.update(numbers)


def reshard_at_random(kinesis, stream, dice):
    opened = sorted(shards_of(kinesis, stream, Type="AT_LATEST"), key=lambda s: int(s["HashKeyRange"]["StartingHashKey"]))
    i = dice.randrange(len(opened))
    if len(opened) > 1 and dice.random() < 0.5:
        a, b = (i, i + 1) if i + 1 < len(opened) else (i - 1, i)
        kinesis.merge_shards(StreamName=stream, ShardToMerge=opened[a]["ShardId"], AdjacentShardToMerge=opened[b]["ShardId"])
    else:
        span = opened[i]["HashKeyRange"]
        at = dice.randrange(int(span["StartingHashKey"]) + 2, int(span["EndingHashKey"]))
        kinesis.split_shard(StreamName=stream, ShardToSplit=opened[i]["ShardId"], NewStartingHashKey=str(at))


def under_load(pond):
    """Puts and changes at the same time, then kill -9: nothing is lost, every key's records are in order."""
    dice = random.Random(SEED)
    keys = [f"key {i}" for i in range(30)]
    pond.client("kinesis").create_stream(StreamName="busy", ShardCount=2)
    sent = {}
    for round in range(2):
        kinesis, stop = pond.client("kinesis"), threading.Event()
        writer = threading.Thread(target=put_until, args=(pond.client("kinesis"), "busy", keys, sent, stop))
        writer.start()
        for _ in range(12):
            reshard_at_random(kinesis, "busy", dice)
        before = shards_of(kinesis, "busy")
        if round == 0:
            stop.set()
            writer.join()
        pond.kill()
        writer.join()
        pond.start()
        kinesis = pond.client("kinesis")
        tap.equal(shards_of(kinesis, "busy"), before, f"round {round}: after kill -9 the shards are the same")
        tap.ok(covers(open_ranges(before)), "... and the open ones cover all keys")
        found = read_in_order(kinesis, "busy")
        wrong = [k for k in keys if found.get(k, []) != list(range(len(found.get(k, []))))]
        lost = [k for k in keys if len(found.get(k, [])) < sent.get(k, 0)]
        tap.equal((wrong, lost), ([], []), f"... {sum(map(len, found.values()))} records, in order, none lost")
        sent.update({key: len(numbers) for key, numbers in found.items()})


print(f"# KINESSIS_TEST_SEED={SEED}")
with lake.Lake() as pond:
    client = pond.client("kinesis")
    between = split(client)
    time.sleep(0.01)  # the times of split and merge differ
    merge(client)
    filters(client, between)
    refusals(client)
    count(client)
    shards = shards_of(client, "s")
    pond.stop()
    pond.start()
    tap.equal(shards_of(pond.client("kinesis"), "s"), shards, "a lake opened again has the same shards")
    under_load(pond)
tap.done()
