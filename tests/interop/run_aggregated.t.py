"""kinessis run with aggregate = true against Kinesis servers that nobody here wrote; what arrives is taken apart by a
decoder written from the format's description and, where it is installed, by the official one."""

import base64
import logging
import os
import subprocess
import sys
import tempfile
import warnings

sys.path.insert(0, "tests/support")
import aggregate
import tap

try:
    import boto3
    from botocore.config import Config
except ImportError:
    tap.skip_all("boto3 is not installed")
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aws_kinesis_agg import deaggregator
except ImportError:
    deaggregator = None

KINESSIS, BUILD = os.environ["KINESSIS"], os.environ["BUILD"]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", { { "uuid", fake.uuid() }, { "name", fake.first_name() } }),
  amount = 5000, seed = 7,
  to = kinessis.stream { name = "sent", partition_key = "uuid", aggregate = true },
}
"""


def kinesalite():
    """(url, what ends it), or None."""
    modules = os.path.join(BUILD, "peers", "node", "node_modules")
    if not os.path.isdir(os.path.join(modules, "kinesalite")):
        return None
    program = """
      const server = require("kinesalite")({ createStreamMs: 20, deleteStreamMs: 20, shardLimit: 20 });
      server.listen(0, "127.0.0.1", () => console.log(server.address().port));"""
    process = subprocess.Popen(
        ["node", "-e", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "NODE_PATH": modules}
    )
    return f"http://127.0.0.1:{process.stdout.readline().strip()}", process.terminate


def moto():
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        return None
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}", server.stop


def read_stream(kinesis):
    records = []
    for shard in kinesis.list_shards(StreamName="sent")["Shards"]:
        low, high = (int(shard["HashKeyRange"][name]) for name in ("StartingHashKey", "EndingHashKey"))
        iterator = kinesis.get_shard_iterator(
            StreamName="sent", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            reply = kinesis.get_records(ShardIterator=iterator)
            records += [(record, low, high) for record in reply["Records"]]
            if not reply["Records"] and reply["MillisBehindLatest"] == 0:
                break
            iterator = reply["NextShardIterator"]
    return records


def officially(records):
    """The data of the user records, by the official library."""
    users = deaggregator.iter_deaggregate_records([record for record, _, _ in records], "Boto3")
    return sorted(base64.b64decode(user["kinesis"]["data"]) for user in users)


def check(name, url, path, expected):
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"max_attempts": 0}),
    )
    kinesis.create_stream(StreamName="sent", ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName="sent", WaiterConfig={"Delay": 1})
    process = subprocess.run([KINESSIS, "run", path, "--target", url], capture_output=True, text=True, env={**os.environ, **KEYS})
    tap.ok("5,000 generated, 5,000 delivered, 0 retried, 0 failed" in process.stderr, f"{name}: delivered", process.stderr)
    records = read_stream(kinesis)
    users = [(key, data, low, high) for r, low, high in records for key, data in aggregate.read(r["PartitionKey"].encode(), r["Data"])[0]]
    tap.ok(sorted(data for _, data, _, _ in users) == expected, f"{name}: each arrived once, byte for byte", len(users))
    tap.ok(all(low <= key <= high for key, _, low, high in users), f"{name}: in the shard of its own key")
    tap.ok(len(records) < 100, f"{name}: in a few records of the stream", len(records))
    if deaggregator:
        tap.ok(officially(records) == expected, f"{name}: the official decoder reads the same")


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "scenario.lua")
    with open(path, "w") as file:
        file.write(SCENARIO)
    expected = sorted(subprocess.check_output([KINESSIS, "generate", path, "--quiet"]).splitlines())
    servers = [(name, make()) for name, make in (("kinesalite", kinesalite), ("moto", moto))]
    if not any(server for _, server in servers):
        tap.skip_all("neither kinesalite nor moto is installed")
    for name, server in servers:
        if server:
            try:
                check(name, server[0], path, expected)
            finally:
                server[1]()

tap.done()
