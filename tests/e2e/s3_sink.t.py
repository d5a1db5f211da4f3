"""kinessis.s3: which objects a run makes, that it makes the same ones again, and how it ends."""

import gzip
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, "tests/support")
import lake
import signals
import tap

try:
    import boto3  # noqa: F401
except ImportError:
    tap.skip_all("boto3 is not installed")

KINESSIS = lake.KINESSIS
SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", {
    { "n", function(ctx) return ctx.index end, type = "bigint" }, { "name", fake.first_name() },
    { "pad", function(ctx) return ctx.index == 500 and ("x"):rep(150000) or "" end },
  }),
  seed = 5, amount = 20000,
  to = %s,
}
"""


def scenario(pond, to):
    path = os.path.join(pond.folder, "people.lua")
    with open(path, "w") as file:
        file.write(SCENARIO % to)
    return path


def run(*arguments, **environment):
    return subprocess.run([KINESSIS, *arguments], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, **environment))


def objects(pond, bucket, unpack=gzip.decompress):
    s3 = pond.client("s3")
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            found[entry["Key"]] = unpack(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    return found


with lake.Lake() as pond:
    file = scenario(pond, 'kinessis.s3 { bucket = "people", size = "100KB" }')
    expected = run("generate", file, "-q").stdout.encode()
    first = None
    for workers, extra in ((1, ()), (4, ()), (3, ("--rate", "40000"))):
        result = run("run", file, "--data", pond.folder, "--workers", str(workers), *extra)
        tap.equal(result.returncode, 0, f"{workers} workers: a run ends well")
        tap.ok("20000 messages delivered to S3" in result.stderr, "and tells what was delivered", result.stderr)
        made = objects(pond, "people")
        tap.ok(b"".join(made[key] for key in sorted(made)) == expected, "the objects hold each record once, in order")
        first = first or made
        tap.ok(made == first, f"{len(made)} objects: the same names and lines as before")
    sizes = [len(lines) for lines in first.values()]
    big = [size for size in sizes if size > 100000]
    tap.equal(len(big), 1, "no object is above the size, but that of one record that is")
    tap.ok(150000 < big[0] < 150200, "which has it alone")
    starts = [int(lines.split(b",")[0].split(b":")[1]) for lines in (first[key] for key in sorted(first))]
    tap.equal([f"person/person-5-{start:020}.json.gz" for start in starts], sorted(first),
              "an object is named by its first record")
    head = pond.client("s3").head_object(Bucket="people", Key=sorted(first)[0])
    tap.equal(head["ContentType"], "application/gzip", "its type is said")

    file = scenario(pond, '{ kinessis.s3 { bucket = "plain", gzip = false, prefix = "a/!{timestamp:yyyy-MM/dd}/b-" },'
                          ' kinessis.null {} }')
    result = run("run", file, "--data", pond.folder, "--start", "2022-12-31T23:59:50Z", "--step", "1ms")
    made = objects(pond, "plain", bytes)
    tap.equal(sorted(made), ["a/2022-12/31/b-person-5-00000000000000000000.json"], "not compressed; by time")
    tap.equal(len(made[sorted(made)[0]]), len(expected), "one object when the size is large")

    # ---- how it ends ----

    keys = {"AWS_ACCESS_KEY_ID": "lake", "AWS_SECRET_ACCESS_KEY": "lake", "AWS_REGION": "us-east-1",
            "KINESSIS_DATA": os.path.join(pond.folder, "own")}
    file = scenario(pond, 'kinessis.s3 { bucket = "absent", size = "100KB" }')
    result = run("run", file, "--target", pond.url, **keys)
    tap.equal(result.returncode, 1, "a bucket that does not exist is exit code 1")
    tap.ok("were not delivered: s3://absent/person/person-5-" in result.stderr and "NoSuchBucket" in result.stderr,
           "and named", result.stderr)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = run("run", file, "--target", closed, **keys)
    tap.equal(result.returncode, 1, "a server that is not there is exit code 1")
    tap.ok("no server answers at " + closed in result.stderr, "and named", result.stderr)
    tap.ok("may have arrived" not in result.stderr, "what was never sent has not arrived", result.stderr)

    file = scenario(pond, 'kinessis.s3 { bucket = "stopped" }')
    process = subprocess.Popen(
        [KINESSIS, "run", file, "--data", pond.folder, "--rate", "5000", "--amount", "1e9", "--progress", "log:100ms"],
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    for line in process.stderr:
        if re.search(r" [1-9][\d,]* records/s of", line):  # some are made
            break
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    made = b"".join(objects(pond, "stopped").values())
    tap.equal(process.returncode, 0, "Ctrl-C ends a run well")
    tap.ok(made and f"{made.count(bytes([10]))} messages delivered to S3" in error,
           "what was made is in the object that was not full", error)


class Silent(http.server.BaseHTTPRequestHandler):
    came = threading.Event()

    def do_PUT(self):
        self.came.set()
        time.sleep(60)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
with lake.Lake() as pond:
    file = scenario(pond, 'kinessis.s3 { bucket = "silent", size = "100KB" }')
    process = subprocess.Popen(
        [KINESSIS, "run", file, "--target", f"http://127.0.0.1:{server.server_address[1]}"], stderr=subprocess.PIPE,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env=dict(os.environ, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="us-east-1",
                 KINESSIS_DATA=os.path.join(pond.folder, "own")))
    Silent.came.wait(60)
    signals.send(process, signal.SIGINT)
    time.sleep(0.3)
    tap.equal(process.poll(), None, "a first Ctrl-C waits for an upload")
    signals.send(process, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    tap.ok(process.returncode == 1 and "Stopped at once" in error, "a second one does not", error)

tap.done()
