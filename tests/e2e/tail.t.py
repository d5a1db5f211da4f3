"""kinessis tail: every shard, across resharding; filters, envelopes, limits; servers that refuse; Ctrl-C and closed pipes."""

import base64
import http.client
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, "tests/support")
import tap

try:
    import boto3  # noqa: F401
except ImportError:
    tap.skip_all("boto3 is not installed")
import lake
from aggregate import aggregate

seed = int(os.environ.get("KINESSIS_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
print(f"# KINESSIS_TEST_SEED={seed}")
dice = random.Random(seed)


def start(pond, *arguments):
    return subprocess.Popen(
        [lake.KINESSIS, "tail", *arguments, "--data", pond.folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def tail(pond, *arguments):
    """The lines of a tail that ends by itself."""
    process = start(pond, *arguments)
    out, err = process.communicate(timeout=60)
    if process.returncode:
        raise AssertionError(f"tail {arguments} ended with {process.returncode}: {err}")
    return out.splitlines()


def there(pond, stream, *arguments):
    return tail(pond, stream, "--from", "trim_horizon", "--no-follow", "--quiet", *arguments)


class Numbers:
    """Records that are numbered by key, put into a stream."""

    def __init__(self, kinesis, stream, keys=25):
        self.kinesis, self.stream = kinesis, stream
        self.next = {f"key-{i}": 0 for i in range(keys)}

    def put(self, rounds=3):
        for _ in range(rounds):
            records = [{"Data": f"{key} {n}".encode(), "PartitionKey": key} for key, n in self.next.items()]
            if self.kinesis.put_records(StreamName=self.stream, Records=records)["FailedRecordCount"]:
                raise AssertionError("a record is not taken")
            for key in self.next:
                self.next[key] += 1

    def reshard(self):
        opened = self.kinesis.list_shards(StreamName=self.stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
        target = 2 * len(opened) if len(opened) < 3 else (len(opened) + 1) // 2
        self.kinesis.update_shard_count(StreamName=self.stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")

    def count(self):
        return sum(self.next.values())

    def check(self, lines, name, since=None):
        """Every record once, and a key's records in order."""
        since = since or {}
        found = {key: [] for key in self.next}
        for line in lines:
            key, n = line.split()
            found[key].append(int(n))
        wrong = {key: n for key, n in found.items() if n != list(range(since.get(key, 0), self.next[key]))}
        tap.equal(wrong, {}, name)


def resharding(pond, kinesis):
    kinesis.create_stream(StreamName="moving", ShardCount=2)
    numbers = Numbers(kinesis, "moving")
    numbers.put()
    for _ in range(3):
        numbers.reshard()
        numbers.put()
    numbers.check(there(pond, "moving"), "what is there: every shard, after its parents")

    before = dict(numbers.next)
    more = 4 * 3 * len(numbers.next)
    process = start(pond, "moving", "--limit", str(more))
    note = process.stderr.readline()
    tap.ok("Following" in note and "of moving." in note, "it says what it follows", note)
    for _ in range(4):
        numbers.put()
        numbers.reshard()
    out, err = process.communicate(timeout=60)
    numbers.check(out.splitlines(), "what comes, while shards are split and merged", before)
    tap.ok("was split or merged: following" in err, "... which is said", err)
    now = tail(pond, "moving", "--from", "1h", "--no-follow", "-q")
    numbers.check(now, "from a time on: everything since")
    tap.equal(there(pond, "moving", "--limit", "7"), there(pond, "moving")[:7], "--limit")


def contents(pond, kinesis):
    kinesis.create_stream(StreamName="s", ShardCount=1)
    texts = ['{"id": 1, "status": "Active", "total": 1.5, "none": null}', '{"id": 2,\n "status": "Gone"}', "plain text", "[1]"]
    for i, text in enumerate(texts):
        kinesis.put_record(StreamName="s", Data=text.encode(), PartitionKey=f"k{i}")
    tap.equal(there(pond, "s"), "\n".join(texts).split("\n"), "data as it is, each on a line of its own")
    envelopes = [json.loads(line) for line in there(pond, "s", "--json")]
    tap.equal([e["data"] for e in envelopes], [json.loads(texts[0]), json.loads(texts[1]), texts[2], [1]], "--json: JSON data is JSON")
    tap.equal([e["partition_key"] for e in envelopes], ["k0", "k1", "k2", "k3"], "... with its key")
    tap.equal({e["shard"] for e in envelopes}, {"shardId-000000000000"}, "... its shard")
    tap.ok(all(len(e["sequence"]) == 56 and e["arrival"].endswith("Z") for e in envelopes), "... number and time")

    def filtered(text, *more):
        return there(pond, "s", "--filter", text, *more)

    tap.equal(filtered('record.status == "Active"'), [texts[0]], "a filter that is true prints the record")
    tap.equal(filtered("record.id"), ["1", "2"], "... a value is printed instead")
    tap.equal(filtered("record.total"), ["1.5"], "... a fraction too")
    tap.equal(filtered('type(record) == "table" and record.status'), ["Active", "Gone"], "... a string as it is")
    tap.equal(filtered("function(r) return r.id and { r.id, r.status } end"), ['[1,"Active"]', '[2,"Gone"]'], "a function of the record")
    tap.equal(filtered('record == "plain text" and key'), ["k2"], "data that is not JSON is a string; key is there")
    tap.equal(filtered("record.id and record.none == nil"), "\n".join(texts[:2]).split("\n"), "null is nil")
    tap.equal([json.loads(e)["data"] for e in filtered("record.status", "--json")], ["Active", "Gone"], "a value in its envelope")
    tap.equal(filtered("record.id", "--limit", "1"), ["1"], "--limit counts what passes")
    process = start(pond, "s", "--from", "trim_horizon", "--no-follow", "--filter", "record.status.x.y")
    out, err = process.communicate(timeout=60)
    tap.ok(process.returncode == 0 and out == "" and err.count("such records are left out") == 1, "what fails is left out, and said once", err)
    process = start(pond, "s", "--filter", "record ==")
    _, err = process.communicate(timeout=60)
    tap.ok(process.returncode == 2 and "is not a Lua expression over record" in err, "a filter that is no Lua is exit code 2", err)
    process = start(pond, "s", "--from", "2999-01-01")
    _, err = process.communicate(timeout=60)
    tap.ok(process.returncode == 2 and "a past time" in err, "... as is a time to come", err)
    process = start(pond, "nowhere")
    _, err = process.communicate(timeout=60)
    tap.ok(process.returncode == 1 and "ResourceNotFoundException: Stream nowhere" in err, "no such stream is exit code 1", err)

    blob = aggregate([(b"a", b"one"), (b"b", b"two")])
    kinesis.create_stream(StreamName="packed", ShardCount=1)
    kinesis.put_record(StreamName="packed", Data=blob, PartitionKey="a")
    tap.equal(there(pond, "packed"), ["one", "two"], "aggregated records are taken apart")
    inside = [json.loads(line) for line in there(pond, "packed", "--json")]
    tap.equal([(e["partition_key"], e["sub_sequence"]) for e in inside], [("a", 0), ("b", 1)], "... with keys and places of their own")
    raw = json.loads(there(pond, "packed", "--json", "--raw")[0])
    tap.equal(base64.b64decode(raw["data_base64"]), blob, "... with --raw they are not")


def endings(pond, kinesis):
    process = start(pond, "s", "--from", "trim_horizon")
    lines = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    tap.ok(process.returncode == 0 and "error" not in err.lower(), "Ctrl-C ends it well", (process.returncode, err))
    tap.ok(lines[0].startswith('{"id": 1') and (not out or out.endswith("\n")), "... after whole lines")
    process = start(pond, "s", "--quiet")
    time.sleep(0.5)
    process.stdout.close()
    code = process.wait(timeout=60)
    tap.equal((code, process.stderr.read()), (0, ""), "when nobody reads any more it ends, also without a record")
    process.stderr.close()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Before the lake: refuses GetRecords as told."""

    protocol_version = "HTTP/1.1"
    target, script, refused = None, [], 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["X-Amz-Target"].endswith(".GetRecords") and Proxy.script:
            status, code = Proxy.script.pop(0)
            if code:
                Proxy.refused += 1
                return self.answer(status, json.dumps({"__type": code, "message": "as told"}).encode())
        onward = http.client.HTTPConnection("127.0.0.1", Proxy.target)
        onward.request("POST", "/", body, dict(self.headers))
        reply = onward.getresponse()
        return self.answer(reply.status, reply.read())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def refusals(pond, kinesis):
    kinesis.create_stream(StreamName="refused", ShardCount=2)
    numbers = Numbers(kinesis, "refused")
    Proxy.target = pond.port
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    well = (200, None)
    Proxy.script = [
        (400, "ExpiredIteratorException"), well, (400, "ProvisionedThroughputExceededException"), well, well, well,
        (400, "ExpiredIteratorException"), (500, "InternalFailure"), well, (400, "ExpiredIteratorException"),
        (503, "ServiceUnavailable"),
    ]
    process = subprocess.Popen(
        [lake.KINESSIS, "tail", "refused", "--target", f"http://127.0.0.1:{server.server_port}", "--region", "us-east-1",
         "--limit", str(4 * 3 * len(numbers.next))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "lake", "AWS_SECRET_ACCESS_KEY": "lake"},
    )
    process.stderr.readline()
    for _ in range(4):
        numbers.put()
        time.sleep(0.3)
    out, err = process.communicate(timeout=90)
    numbers.check(out.splitlines(), "expired iterators, throttling and failures: every record once, in order")
    tap.ok(Proxy.refused >= 5 and "as told; trying again." in err, "... which is said", (Proxy.refused, err))
    kinesis.create_stream(StreamName="expired", ShardCount=1)
    kinesis.put_record(StreamName="expired", Data=b"x", PartitionKey="k")
    Proxy.script = [(400, "ExpiredIteratorException")] * 2
    result = subprocess.run(
        [lake.KINESSIS, "tail", "expired", "--target", f"http://127.0.0.1:{server.server_port}", "--region",
         "us-east-1", "--from", "trim_horizon", "--no-follow"],
        capture_output=True, text=True, timeout=90,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "lake", "AWS_SECRET_ACCESS_KEY": "lake"},
    )
    tap.ok(result.stdout == "x\n" and "ExpiredIteratorException: as told; trying again." in result.stderr,
           "an iterator that is expired when it is new is a failure", result)
    server.shutdown()
    server.server_close()


def limited():
    """Shards that answer five reads a second, while another reader takes its part."""
    with lake.Lake("--shard-limits") as pond:
        kinesis = pond.client("kinesis")
        kinesis.create_stream(StreamName="slow", ShardCount=2)
        numbers = Numbers(kinesis, "slow")
        numbers.put()
        numbers.reshard()
        numbers.put()
        other = [start(pond, "slow", "--from", "trim_horizon", "--limit", str(numbers.count())) for _ in range(4)]
        for process in other:
            out, err = process.communicate(timeout=90)
            numbers.check(out.splitlines(), "four readers of shards with limits: each gets every record")


with lake.Lake() as pond:
    kinesis = pond.client("kinesis")
    contents(pond, kinesis)
    resharding(pond, kinesis)
    endings(pond, kinesis)
    refusals(pond, kinesis)
limited()
tap.done()
