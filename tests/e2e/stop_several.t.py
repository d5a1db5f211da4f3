"""Ctrl-C while a stream and a bucket stay silent: the deadline holds with several destinations, the file beside them is
whole, and a second Ctrl-C stops at once."""

import http.server
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
import signals
import tap

KINESSIS = os.environ["KINESSIS"]


class Silent(http.server.BaseHTTPRequestHandler):
    came = threading.Event()  # records of the stream

    def do_PUT(self):
        time.sleep(60)

    def do_POST(self):
        if self.headers["X-Amz-Target"].endswith(".PutRecords"):
            self.came.set()
        time.sleep(60)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
folder = tempfile.TemporaryDirectory(prefix="kinessis-test.")
path, lines = os.path.join(folder.name, "n.lua"), os.path.join(folder.name, "n.jsonl")
data = os.path.join(folder.name, "data")
environment = dict(os.environ, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="us-east-1",
                   KINESSIS_DATA=data)
with open(path, "w") as file:
    file.write("""
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", kinessis.fake.sequence(0) }, { "pad", ("x"):rep(200) } }),
  seed = 1,
  to = { kinessis.stream { name = "s", partition_key = "n" }, kinessis.s3 { bucket = "bbb", size = "64KiB" },
    kinessis.file { path = "%s" } },
}""" % lines)


def start(*options):
    Silent.came.clear()
    process = subprocess.Popen(
        [KINESSIS, "run", path, "--target", f"http://127.0.0.1:{server.server_address[1]}", *options], env=environment,
        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    tap.ok(Silent.came.wait(60), "records are on their way")
    return process


def numbers():
    with open(lines) as file:
        return [json.loads(line)["n"] for line in file]


def is_told(error, name):
    match = re.search(name + r": ([\d,]+) generated, ([\d,]+) delivered, [\d,]+ retried, ([\d,]+) failed", error)
    counts = [int(count.replace(",", "")) for count in match.groups()] if match else [0, 0, 1]
    return counts[0] == counts[1] + counts[2] and counts[1] == 0


process = start("--drain", "0.5s")
process.send_signal(signal.SIGINT)
error = process.communicate(timeout=60)[1]
tap.equal(process.returncode, 1, "one Ctrl-C ends by the deadline")
tap.ok(is_told(error, "Kinesis s") and is_told(error, "S3 bbb"), "what was not delivered is counted for each", error)
tap.ok(numbers() == list(range(len(numbers()))), "the file has no gap")
with open(os.path.join(data, "runs/n.dead.jsonl")) as file:
    letters = [json.loads(line) for line in file]
tap.ok(letters and all(letter["service"] == "kinesis" for letter in letters), "the stream's records are dead letters")
tap.ok(any(letter["error"].get("may_have_arrived") for letter in letters), "which may have arrived")
with open(os.path.join(data, "runs/n.json")) as file:
    state = json.load(file)
settled = {to["service"]: sum(to_ - from_ for from_, to_ in to["settled"]) for to in state["destinations"]}
tap.equal((settled["kinesis"], settled["s3"], settled["file"]), (len(letters), 0, len(numbers())),
          "dead letters are settled, objects that did not arrive are not")

summary = os.path.join(folder.name, "summary.json")
letters_before = len(letters)
process = start("--json-summary", summary)
signals.send(process, signal.SIGINT)
time.sleep(0.3)
tap.equal(process.poll(), None, "otherwise it waits")
signals.send(process, signal.SIGINT)
error = process.communicate(timeout=60)[1]
tap.ok(process.returncode == 1 and "Stopped at once" in error, "a second one stops at once", error)
with open(summary) as file:
    told = json.load(file)
counted = {to["service"]: to for to in told["destinations"]}
tap.ok(all(to["generated"] == to["delivered"] + to["failed"] for to in counted.values()),
       "generated is delivered and failed, for each destination", counted)
match = re.search(r"Stopped at once: ([\d,]+) messages were on their way", error)
tap.equal(int(match.group(1).replace(",", "")), sum(to["uncertain"] for to in counted.values()),
          "what was on its way is what may have arrived, and no more")
for service, name in (("kinesis", "Kinesis s"), ("s3", "S3 bbb"), ("file", "file " + lines)):
    match = re.search(name + r": ([\d,]+) generated, ([\d,]+) delivered, [\d,]+ retried, ([\d,]+) failed", error)
    tap.equal([int(count.replace(",", "")) for count in match.groups()],
              [counted[service][count] for count in ("generated", "delivered", "failed")],
              f"{name}: people and programs are told the same")
with open(os.path.join(data, "runs/n.dead.jsonl")) as file:
    tap.equal((len(file.readlines()) - letters_before, told["dead_letters"]["count"]), (counted["kinesis"]["failed"],) * 2,
              "so many are dead letters")

folder.cleanup()
tap.done()
