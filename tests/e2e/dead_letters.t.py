"""Records that cannot be delivered: the dead-letter file, kinessis redrive, and Ctrl-C at any time. The server is a
stand-in for Kinesis and Firehose that refuses, stays silent or takes, as told."""

import base64
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, "tests/support")
import signals
import tap

KINESSIS = os.environ["KINESSIS"]
seed = int(os.environ.get("KINESSIS_TEST_SEED", time.time()))
print(f"# KINESSIS_TEST_SEED={seed}", flush=True)
chance = random.Random(seed)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    mode = "take"  # take, refuse (each record), deny (the request), silent
    refuse = staticmethod(lambda record: False)

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.taken = []
        self.hash_keys = set()
        self.requests = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        server.requests += 1
        if server.mode == "silent":
            time.sleep(60)
        if server.mode == "deny":
            return self.answer(400, {"__type": "AccessDeniedException", "message": "not you"})
        firehose = "DeliveryStreamName" in body
        stream = body.get("StreamName") or body.get("DeliveryStreamName")
        results, failed = [], 0
        for record in body["Records"]:
            data = base64.b64decode(record["Data"])
            key = record.get("PartitionKey")
            server.hash_keys.add(record.get("ExplicitHashKey"))
            if server.refuse(data):
                failed += 1
                results.append({"ErrorCode": "KMSAccessDeniedException", "ErrorMessage": "the key is gone"})
                continue
            with server.lock:
                server.taken.append((stream, key, data))
            results.append({"RecordId": "1"} if firehose else {"SequenceNumber": "1", "ShardId": "s"})
        self.answer(200, {"FailedPutCount" if firehose else "FailedRecordCount": failed,
                          "RequestResponses" if firehose else "Records": results})


SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", {
    { "n", function(ctx) return ctx.index end, type = "bigint" }, { "name", fake.first_name() }, { "uuid", fake.uuid() },
  }),
  amount = 3000, seed = 9,
  to = %s,
}
"""
stream = 'kinessis.stream { name = "people", partition_key = "uuid", max_records = 100 }'
both = '{ %s, kinessis.delivery_stream { name = "straight", newline = false } }' % stream

folder = tempfile.TemporaryDirectory(prefix="kinessis-test.")
dead = os.path.join(folder.name, "data/runs/people.dead.jsonl")
environment = dict(os.environ, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="us-east-1",
                   KINESSIS_DATA=os.path.join(folder.name, "data"), AWS_MAX_ATTEMPTS="2")


def scenario(to):
    path = os.path.join(folder.name, "people.lua")
    with open(path, "w") as file:
        file.write(SCENARIO % to)
    return path


def run(*arguments, **options):
    return subprocess.run([KINESSIS, *arguments], env=environment, capture_output=True, text=True, timeout=120,
                          **options)


def letters(path=dead):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file]


def numbers(server, name="people"):
    return sorted(json.loads(data)["n"] for stream, _, data in server.taken if stream == name)


server = Server()

# ---- what is lost is kept ----

result = run("run", scenario(stream), "--target", server.url)
tap.equal(result.returncode, 0, "a run that loses nothing ends well")
tap.ok(not os.path.exists(dead), "and leaves no file")
keys = {json.loads(data)["n"]: (key, data) for _, key, data in server.taken}

server.taken.clear()
server.refuse = lambda data: json.loads(data)["n"] % 7 == 0
result = run("run", scenario(both), "--target", server.url)
tap.equal(result.returncode, 1, "records that are refused are exit code 1")
lost = 3000 // 7 + 1
tap.ok(f"{2 * lost} records are in {dead}" in result.stderr, "the summary names the file and the count", result.stderr)
found = letters()
tap.equal(len(found), 2 * lost, "a line for each record and destination")
kinesis = [letter for letter in found if letter["service"] == "kinesis"]
tap.equal(sorted(letter["index"] for letter in kinesis), list(range(0, 3000, 7)), "with its index")
tap.ok(all(keys[letter["index"]] == (letter["partition_key"], letter["data"].encode()) for letter in kinesis),
       "its partition key and its data")
one = next(letter for letter in found if letter["service"] == "firehose")
tap.equal((one["name"], one["target"], one["newline"]), ("straight", server.url, False), "its destination")
tap.equal(one["error"]["code"], "KMSAccessDeniedException", "the code")
tap.ok("the key is gone" in one["error"]["message"] and "may_have_arrived" not in one["error"], "and the reason")
tap.ok(one["time"].endswith("Z"), "and the time")
tap.equal(os.stat(dead).st_mode & 0o777, 0o600, "for its owner's eyes")

# ---- and sent again ----

server.refuse = lambda data: json.loads(data)["n"] % 14 == 0
result = run("redrive", dead)
tap.equal(result.returncode, 1, "a redrive that is refused again is exit code 1")
again = 3000 // 14 + 1
tap.ok(f"{2 * again} records are left in {dead}" in result.stderr, "and says what is left", result.stderr)
tap.equal(sorted(letter["index"] for letter in letters() if letter["service"] == "firehose"), list(range(0, 3000, 14)),
          "what failed again stays in the file")
server.refuse = lambda data: False
with open(dead, "a") as file:
    file.write("not a letter\n")
result = run("redrive", dead)
tap.equal(result.returncode, 1, "a line that is no letter is exit code 1")
tap.ok("lines that are no such record (1) stay there" in result.stderr, "and told", result.stderr)
with open(dead) as file:
    tap.equal(file.read(), "not a letter\n", "and stays")
result = run("redrive", dead)
tap.ok(result.returncode == 1 and "none of its lines (1) is a record" in result.stderr, "alone it is an error", result.stderr)
with open(dead, "w") as file:
    for key in (None, 5):
        file.write(json.dumps({"service": "kinesis", "name": "s", "partition_key": key, "data": "x"}) + "\n")
result = run("redrive", dead)
tap.ok(result.returncode == 1 and "none of its lines (2) is a record" in result.stderr, "nor are keys that are no text",
       result.stderr)
os.remove(dead)
tap.equal(numbers(server), list(range(3000)), "each record arrived in the stream once")
tap.equal(numbers(server, "straight"), list(range(3000)), "and in the delivery stream")
tap.ok(all(keys[json.loads(data)["n"]] == (key, data) for name, key, data in server.taken if name == "people"),
       "with the same key and the same bytes")
tap.ok(all(not data.endswith(b"\n") for name, _, data in server.taken if name == "straight"),
       "without a newline where there was to be none")
result = run("redrive", dead)
tap.ok(result.returncode == 1 and "No such file" in result.stderr, "no file is an error")

# ---- a service that refuses the request ----

server.taken.clear()
server.mode = "deny"
result = run("run", scenario(stream), "--target", server.url)
tap.equal(result.returncode, 1, "a refused request stops the run")
found = letters()
tap.ok(found and all(letter["error"]["code"] == "AccessDeniedException" for letter in found),
       f"{len(found)} records are kept")
generated = int(result.stderr.split(" generated, ")[0].split()[-1].replace(",", ""))
tap.equal(len(found), generated, "all that were made")
server.mode = "take"
result = run("redrive", dead)
tap.equal((result.returncode, os.path.exists(dead)), (0, False), "a redrive that delivers everything removes the file")
tap.equal(len(numbers(server)), generated, "which has arrived")

# ---- Ctrl-C twice ----

server.taken.clear()
server.mode = "silent"
server.requests = 0
process = subprocess.Popen([KINESSIS, "run", scenario(stream), "--target", server.url, "--workers", "1"],
                           env=environment, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
while server.requests == 0:
    time.sleep(0.01)
signals.send(process, signal.SIGINT)
time.sleep(0.2)
tap.equal(process.poll(), None, "one Ctrl-C waits for what is on its way")
signals.send(process, signal.SIGINT)
error = process.communicate(timeout=60)[1]
found = letters()
tap.ok(found and "may or may not have arrived" in error, "a second stops at once and says what was on its way", error)
doubtful = [letter for letter in found if letter["error"].get("may_have_arrived")]
tap.ok(100 <= len(doubtful) < len(found) or len(doubtful) == len(found),
       f"{len(doubtful)} of {len(found)} records may have arrived: the file says so")

# ---- a redrive that is stopped ----

indices = sorted(letter["index"] for letter in found)
server.mode = "take"
for how in (signal.SIGKILL, signal.SIGINT):
    server.mode = "silent"
    server.requests = 0
    process = subprocess.Popen([KINESSIS, "redrive", dead, "--drain", "0.2s"], env=environment, stderr=subprocess.PIPE,
                               text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    while server.requests == 0:
        time.sleep(0.01)
    other = run("redrive", dead)
    tap.ok(other.returncode == 1 and "is being written or sent" in other.stderr, "a second redrive waits its turn",
           other.stderr)
    process.send_signal(how)
    process.communicate(timeout=30)
    tap.equal(sorted(letter["index"] for letter in letters()), indices, f"{how.name}: nothing is lost, nothing twice")
server.mode = "take"
server.taken.clear()
result = run("redrive", dead)
tap.equal((result.returncode, numbers(server)), (0, indices), "and then everything arrives")
tap.equal(os.listdir(os.path.dirname(dead)), ["people.json"], "no file is left behind but the run's state")

# ---- a dead-letter file that cannot be written ----

server.refuse = lambda data: json.loads(data)["n"] % 7 == 0
result = run("run", scenario(stream), "--target", server.url, "--dead-letter", "/dev/full")
tap.equal(result.returncode, 1, "a full disk is exit code 1")
tap.ok("could be kept for kinessis redrive: cannot write /dev/full: No space left" in result.stderr, "and said",
       result.stderr)
tap.ok(f"{lost} of 3,000 messages were not delivered" in result.stderr, "the records count as failed")

# ---- bytes that are no text, and mistakes ----

with open(dead, "w") as file:
    json.dump({"index": 1, "service": "kinesis", "name": "people", "target": "lake", "partition_key": "k",
               "explicit_hash_key": "170141183460469231731687303715884105728", "data_base64": base64.b64encode(b"\xff\x00").decode()}, file)
    file.write("\n")
    json.dump({"index": 2, "service": "kinesis", "name": "people", "target": "aws", "partition_key": "k",
               "data": "text"}, file)
    file.write("\n")
result = run("redrive", dead)
tap.ok(result.returncode == 2 and "--target" in result.stderr, "several targets: one must be said", result.stderr)
server.refuse = lambda data: False
server.taken.clear()
server.hash_keys.clear()
result = run("redrive", dead, "--target", server.url)
tap.equal(server.hash_keys, {None, "170141183460469231731687303715884105728"}, "with the explicit hash key it had")
tap.equal((result.returncode, sorted(server.taken)),
          (0, [("people", "k", b"text"), ("people", "k", b"\xff\x00")]), "bytes come back as they were")

# A stream whose records may be larger than usual: what it was sent once is sent again, what it may not have is not.
with open(dead, "w") as file:
    for size, code in ((2 << 20, "network"), (9 << 20, "KMSAccessDeniedException"), (10 << 20, "limit"), (9, "network")):
        json.dump({"index": size, "service": "kinesis", "name": "people", "target": server.url, "partition_key": "k",
                   "error": {"code": code, "message": "."}, "data": "x" * size}, file)
        file.write("\n")
server.taken.clear()
result = run("redrive", dead)
tap.equal(sorted(len(data) for _, _, data in server.taken), [9, 2 << 20, 9 << 20], "records of up to 10 MiB are sent")
tap.equal(([letter["index"] for letter in letters()], result.returncode), ([10 << 20], 1), "a larger one fails alone")

# What is no file of records stays where it is: an empty dead-letter file is removed, a device never.
pipe = os.path.join(folder.name, "pipe")
os.mkfifo(pipe)
for path in (pipe, folder.name):
    result = run("redrive", path)
    tap.ok(result.returncode == 1 and "is no regular file" in result.stderr and os.path.exists(path),
           f"a {'pipe' if path == pipe else 'folder'} is not redriven", result.stderr)

folder.cleanup()
tap.done()
