"""kinessis run and a stream's shards: aggregates that an independent decoder reads, a resharding in the middle of a
run, a throttled shard among others, memory that does not grow while a service refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, "tests/support")
import aggregate
import faulty
import signals
import tap

try:
    import boto3  # noqa: F401
except ImportError:
    tap.skip_all("boto3 is not installed")
import lake

KINESSIS = os.environ["KINESSIS"]
ENVIRONMENT = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
COUNTS = re.compile(r"INFO - ([\d,]+) generated, ([\d,]+) delivered, ([\d,]+) retried, ([\d,]+) failed in")
SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {{
  records = kinessis.schema("visit", {{
    {{ "id", fake.uuid() }}, {{ "page", fake.pattern "????????????????????????" }}, {{ "n", fake.integer(1, 1e9) }},
  }}),
  amount = {amount}, pace = {pace}, seed = 5,
  to = kinessis.stream {{ name = "s", {to} }},
}}
"""


def write_scenario(folder, **parts):
    path = os.path.join(folder, "scenario.lua")
    with open(path, "w") as file:
        file.write(SCENARIO.format(**{"amount": 20000, "pace": "nil", "to": 'partition_key = "id"', **parts}))
    return path


def start(path, target, *options):
    return subprocess.Popen(
        [KINESSIS, "run", path, "--target", target, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def counts_of(err):
    found = COUNTS.search(err)
    return tuple(int(text.replace(",", "")) for text in found.groups()) if found else (err,)


def generated(path):
    return sorted(subprocess.check_output([KINESSIS, "generate", path, "--quiet"]).splitlines())


def read_shard(kinesis, shard):
    iterator = kinesis.get_shard_iterator(StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    iterator, found = iterator["ShardIterator"], []
    while iterator:
        reply = kinesis.get_records(ShardIterator=iterator)
        found += reply["Records"]
        if not reply["Records"] and reply["MillisBehindLatest"] == 0:
            break
        iterator = reply.get("NextShardIterator")
    return found


def read_stream(kinesis):
    """What arrived; how many aggregates there were; the records that are not in their shard's range."""
    arrived, aggregates, strays = [], 0, 0
    for page in kinesis.get_paginator("list_shards").paginate(StreamName="s"):
        for shard in page["Shards"]:
            low, high = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
            for record in read_shard(kinesis, shard):
                # An aggregate's own key says where it is; of a raw record the partition key does.
                users, packed = aggregate.read(record["PartitionKey"].encode(), record["Data"])
                aggregates += packed
                arrived += [data for _, data in users]
                strays += sum(not low <= key <= high for key, _ in users)
    return sorted(arrived), aggregates, strays


folder = tempfile.TemporaryDirectory()
AGGREGATED = 'aggregate = true, partition_key = "id"'

# ---- aggregates, read by somebody else ----

with lake.Lake() as pond:
    kinesis = pond.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=5)
    path = write_scenario(folder.name, to=AGGREGATED + ", linger_ms = 60000")
    process = start(path, pond.url)
    _, err = process.communicate(timeout=120)
    tap.equal(counts_of(err), (20000, 20000, 0, 0), "user records are counted")
    arrived, aggregates, strays = read_stream(kinesis)
    tap.ok(arrived == generated(path), "an independent decoder reads what was generated", len(arrived))
    tap.ok(0 < aggregates < 1000, "of a few aggregates", aggregates)
    tap.equal(strays, 0, "each record is in the shard of its own key")

# ---- a resharding in the middle ----

with lake.Lake() as pond:
    kinesis = pond.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=2)
    path = write_scenario(folder.name, amount=30000, pace=6000, to=AGGREGATED + ", linger_ms = 20")
    process = start(path, pond.url)

    def wait_for_records():
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not read_stream(kinesis)[0]:
            time.sleep(0.05)

    wait_for_records()
    middle = str(2**127 + 2**126)
    kinesis.split_shard(StreamName="s", ShardToSplit="shardId-000000000001", NewStartingHashKey=middle)
    time.sleep(1.5)
    kinesis.merge_shards(StreamName="s", ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
    _, err = process.communicate(timeout=120)
    generated_count, delivered, retried, failed = (*counts_of(err), 0, 0, 0)[:4]
    tap.equal((generated_count, delivered, failed), (30000, 30000, 0), "a stream that is split and merged meanwhile")
    arrived, _, _ = read_stream(kinesis)
    tap.ok(arrived == generated(path), "nothing is lost, nothing came twice", len(arrived))
    tap.equal(retried, 0, "a success elsewhere is not sent again")

# ---- one shard of four refuses for a while ----

for title, to in {"plain": 'partition_key = "id"', "aggregated": AGGREGATED}.items():
    path = write_scenario(folder.name, amount=8000, to=to)
    expected = generated(path)
    keys = [aggregate.hash_key(json.loads(line)["id"].encode()) for line in expected]
    cold = sum(key * 4 >> 128 != 2 for key in keys)  # records of the other shards
    taken = [0]

    def refuse_one(server, _, records):
        """Shard 2 takes nothing until the others have all of theirs: they must not wait for it."""
        hot = {i for i, entry in enumerate(server.entries) if server.shard_of(entry) == 2 and taken[0] < cold}
        for i, entry in enumerate(server.entries):
            if server.shard_of(entry) != 2:
                taken[0] += len(aggregate.read(b"", records[i])[0])
        return hot

    with faulty.Server(refuse_one, shards=4) as server:
        process = start(path, server.url, "--workers", "2")
        _, err = process.communicate(timeout=120)
        found = counts_of(err)
        tap.equal(found[:2] + found[3:], (8000, 8000, 0), f"{title}: every record is delivered")
        users = sorted(
            data for key, times in server.arrived.items() for _, data in aggregate.read(b"", key)[0] * times
        )
        tap.ok(users == expected, f"{title}: once", len(users))
        tap.ok("shardId-000000000002 was throttled" in err, f"{title}: the hot shard is named", err)
        tap.ok("shardId-000000000001 was" not in err, f"{title}: and no other")

# ---- a hot shard, by the lake's own limits ----

with lake.Lake("--shard-limits") as pond:
    kinesis = pond.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=4)
    path = write_scenario(folder.name, amount=6000, to='partition_key = fake.weighted { a = 17, b = 1, c = 1, d = 1 }')
    process = start(path, pond.url)
    _, err = process.communicate(timeout=120)
    tap.equal((counts_of(err)[0], counts_of(err)[1], counts_of(err)[3]), (6000, 6000, 0), "a stream with limits")
    hot = aggregate.hash_key(b"a") * 4 >> 128
    named = re.search(rf"shardId-{hot:012d} was throttled [\d,]+ times; it took (\d+) % of the records", err)
    tap.ok(named and 80 <= int(named[1]) <= 95, "its hot shard is named, with its share", err)
    tap.ok(read_stream(kinesis)[0] == generated(path), "each record arrived once")

# ---- memory, while nothing is taken ----


def memory_of(process):
    with open(f"/proc/{process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024


with faulty.Server(lambda server, n, records: set(range(len(records)))) as server:
    path = write_scenario(folder.name, amount=10**9)
    process = start(path, server.url, "--workers", "1")
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    begin = time.monotonic()

    def memory_after(requests):
        while server.requests < requests and time.monotonic() - begin < 120:
            time.sleep(0.05)
        return memory_of(process)

    early, late = memory_after(30), memory_after(250)
    requests, seconds = server.requests, time.monotonic() - begin
    signals.send(process, signal.SIGTERM)
    signals.send(process, signal.SIGTERM)
    process.wait(timeout=60)
    reader.join()
    tap.ok(requests >= 250, "a service that refuses is asked again and again", requests)
    tap.ok(late < early + 16, "memory does not grow while a service refuses", early, late)
    tap.ok(late < 128, "and is not much", late)
    tap.ok(requests < 300 * (seconds + 1), "the service is not stormed", requests, seconds)
    found = counts_of(errors[0])
    tap.ok(found[1] == 0 and found[0] == found[3] and found[0] < 100000, "what was generated waited", found)

tap.done()
