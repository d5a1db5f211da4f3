"""kinessis.start over sockets: dead letters, a state that kinessis run goes on from and the other way round, the drain
deadline, metrics, two runs on one lake. The handle itself is tests/lua/start.t.lua's."""

import collections
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
import urllib.request

sys.path.insert(0, "tests/support")
import lake
import tap

try:
    import boto3  # noqa: F401
except ImportError:
    tap.skip_all("boto3 is not installed")

folder = tempfile.TemporaryDirectory(prefix="kinessis-test.")
environment = dict(os.environ, AWS_ACCESS_KEY_ID="lake", AWS_SECRET_ACCESS_KEY="lake", AWS_REGION="us-east-1",
                   AWS_MAX_ATTEMPTS="1", KINESSIS_DATA=os.path.join(folder.name, "data"))
HEAD = """
local kinessis = require "kinessis"
local fake = kinessis.fake
local function told(result)
  print(require("kinessis.json").write {
    { "generated", result.generated }, { "delivered", result.sinks[1].delivered }, { "failed", result.sinks[1].failed },
    { "uncertain", result.sinks[1].uncertain }, { "first", result.first }, { "exit_code", result.exit_code },
    { "abandoned", result.abandoned },
    { "letters", result.dead_letters and result.dead_letters.count or -1 },
    { "path", result.dead_letters and result.dead_letters.path or "" },
  })
end
"""


def write(name, text):
    path = os.path.join(folder.name, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def begin(text, **more):
    return subprocess.Popen([lake.KINESSIS, "lua", write("script.lua", HEAD + text)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def run(text):
    """What the script tells of its runs, and its log."""
    process = begin(text)
    out, log = process.communicate(timeout=60)
    tap.equal(process.returncode, 0, "the script ends well")
    documents, decoder, rest = [], json.JSONDecoder(), out.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        documents.append(document)
        rest = rest[end:].strip()
    return documents, log


def letters(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


class Handler(http.server.BaseHTTPRequestHandler):
    mode, taken = "deny", 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, value = 400, {"__type": "ResourceNotFoundException", "message": "no such stream"}
        if Handler.mode == "silent":
            write("came", "")
            time.sleep(60)
        if Handler.mode == "take":
            records = [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"} for _ in body["Records"]]
            Handler.taken += len(records)
            status, value = 200, {"FailedRecordCount": 0, "Records": records}
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"

# ---- dead letters ----

ONE = """
local one = kinessis.scenario {
  records = kinessis.schema("a word", { { "n", fake.sequence(0) } }), amount = 40, seed = 1,
  to = kinessis.stream { name = "s", partition_key = "n" },
}
"""
found, log = run(ONE + f'told(kinessis.start(one, {{ target = "{url}" }}):wait())')
own = os.path.join(folder.name, "data/runs/a_word.dead.jsonl")
tap.equal((found[0]["failed"], found[0]["letters"], found[0]["path"], found[0]["exit_code"]), (40, 40, own, 1),
          "records that are refused are dead letters, by the schema's name")
tap.ok(f"kinessis redrive {own}" in log, "of which the log tells", log)
tap.equal(sorted(letter["index"] for letter in letters(own)), list(range(40)), "all of them")
mine = os.path.join(folder.name, "mine.jsonl")
found, log = run(ONE + f'told(kinessis.start(one, {{ target = "{url}", dead_letter = "{mine}", amount = 3 }}):wait())')
tap.equal((found[0]["path"], len(letters(mine)), len(letters(own))), (mine, 3, 40), "or in a file that is given")

Handler.mode = "silent"
found, log = run(ONE + f"""
local run = kinessis.start(one, {{ target = "{url}", dead_letter = "{mine}", drain = "100ms" }})
while not io.open("{folder.name}/came") do run:wait(0.01) end
run:stop()
told(run:wait())
os.remove "{folder.name}/came"
run = kinessis.start(one, {{ target = "{url}", dead_letter = "{mine}", drain = 1000 }})
while not io.open("{folder.name}/came") do run:wait(0.01) end
run:stop()
run:stop()
told(run:wait())""")
tap.equal([(one["failed"] == one["generated"] == one["letters"], one["abandoned"]) for one in found],
          [(True, True), (True, True)], "the drain deadline ends it, and a second stop at once")
tap.ok(found[1]["uncertain"] > 0 and letters(mine)[-1]["error"].get("may_have_arrived"),
       "what was on its way may have arrived", found)
os.remove(mine)

Handler.mode = "take"
code = subprocess.run([lake.KINESSIS, "redrive", own], env=environment, capture_output=True, text=True)
tap.equal((code.returncode, Handler.taken, os.path.exists(own)), (0, 40, False), "kinessis redrive sends them")

# ---- metrics ----

process = begin(ONE + f"""
local run = kinessis.start(one, {{ target = "{url}", metrics = "127.0.0.1:0", rate = 20, amount = 1000000 }})
while not io.open("{folder.name}/enough") do run:wait(0.05) end
run:stop()
told(run:wait())""")
page = None
for line in process.stderr:
    page = re.search(r"Metrics are at (\S+)", line)
    if page:
        break
with urllib.request.urlopen(page[1], timeout=30) as reply:
    text = reply.read().decode()
tap.ok('scenario="a word"' in text and "kinessis_asked_records_per_second" in text,
       "its metrics are served while it runs", text)
write("enough", "")
out, log = process.communicate(timeout=60)
tap.equal((process.returncode, json.loads(out)["failed"]), (0, 0), "and the run ends")

# ---- two runs on the lake of one script ----

found, log = run("""
local runs = {}
for i, amount in ipairs { 5, 200 } do
  local name = "stream-" .. i
  runs[i] = assert(kinessis.start(kinessis.scenario {
    records = kinessis.schema(name, { { "n", fake.sequence(0) } }), amount = amount, pace = 400, seed = 1,
    to = kinessis.stream { name = name, partition_key = "n" },
  }))
end
for _, run in ipairs(runs) do told(run:wait()) end""")
tap.equal([one["delivered"] for one in found], [5, 200], "the lake of one of them serves until the other ends")

for name, end in (("ends", ""), ("raises", 'error "enough"')):
    process = begin(ONE + f"""
local run = assert(kinessis.start(one, {{ target = "{url}", rate = 50, amount = 1000000 }}))
while run:status().generated < 5 do run:wait(0.01) end
{end}""")
    log = process.communicate(timeout=60)[1]
    told = re.search(r"([\d,]+) generated, ([\d,]+) delivered", log)
    tap.ok(process.returncode == (1 if end else 0) and "Stopped before the end." in log and told and told[1] == told[2],
           f"a script that {name} without waiting stops its run, which delivers what it made", log)
    tap.equal("enough" in log, bool(end), "and its error is told")
    tap.ok("run:wait() waits for its end" in log, "and how to wait for it", log)

# ---- the state ----

with lake.Lake() as pond:
    environment["KINESSIS_DATA"] = pond.folder
    people = write("people.lua", """
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("person", { { "n", kinessis.fake.sequence(0) } }), amount = 3000, pace = 250,
  to = { kinessis.stream { name = "people", partition_key = "n", linger_ms = 20 },
    kinessis.file { path = "%s/people.jsonl" } },
}""" % folder.name)
    notes = os.path.join(pond.folder, "runs/people.json")
    START = f'local people = assert(kinessis.scenario.load "{people}")\n'

    def state():
        with open(notes) as file:
            return json.load(file)

    def settled():
        try:
            return min(sum(b - a for a, b in to["settled"]) for to in state()["destinations"])
        except FileNotFoundError:
            return 0

    def wait_for(count, process):
        deadline = time.monotonic() + 60
        while settled() < count and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def numbers():
        kinesis, counts = pond.client("kinesis"), collections.Counter()
        shard = kinesis.list_shards(StreamName="people")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(StreamName="people", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        iterator = iterator["ShardIterator"]
        while True:
            reply = kinesis.get_records(ShardIterator=iterator)
            counts.update(json.loads(record["Data"])["n"] for record in reply["Records"])
            iterator = reply["NextShardIterator"]
            if not reply["Records"]:
                return counts

    def lines():
        with open(folder.name + "/people.jsonl") as file:
            return [json.loads(line)["n"] for line in file]

    def command(*more):
        return subprocess.Popen(["env", "--default-signal=INT", lake.KINESSIS, "run", people, *more], env=environment,
                                stderr=subprocess.PIPE, text=True)

    def doubtful(log):
        told = re.search(r"up to ([\d,]+) may arrive twice", log)
        return int(told[1].replace(",", "")) if told else 0

    process = begin(START + "told(assert(kinessis.start(people)):wait())")
    wait_for(100, process)
    process.kill()
    process.communicate()
    process = command("--resume", "--rate", "1G/s")
    log = process.communicate(timeout=60)[1]
    counts = numbers()
    tap.equal((process.returncode, sorted(counts), lines()), (0, list(range(3000)), list(range(3000))),
              "kinessis run goes on after a script that was killed")
    tap.ok(sum(counts.values()) - 3000 <= doubtful(log) and state()["finished"], "and repeats no more than it says", log)

    before = sum(counts.values())
    os.remove(notes)
    process = command()
    wait_for(100, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    stopped = state()["claimed"]
    found, log = run(START + 'told(assert(kinessis.start(people, { resume = true, rate = "1G/s" })):wait())')
    counts = numbers()
    tap.equal((found[0]["first"], found[0]["exit_code"], sum(counts.values()) - before, lines()),
              (stopped, 0, 3000, list(range(3000))), "a script goes on after kinessis run, and repeats nothing")
    found, log = run(START + "told(assert(kinessis.start(people, { resume = true })):wait())")
    tap.ok("Nothing is left to do: the run that ended at" in log and "Going on" not in log and "delivered" not in log
           and found[0]["exit_code"] == 0, "a complete one has nothing left, as kinessis run says", log)

    for name, rate in (("however fast", "1000000"), ("at its rate", "3000")):
        found, log = run(START + f"""
local run = assert(kinessis.start(people, {{ rate = "{rate}", amount = 9000, state = "{folder.name}/{rate}.json" }}))
local last, since = -1, os.time()
repeat -- work that never waits: only records that go on arriving keep it at it
  local now = run:status().sinks[2].delivered
  if now > last then last, since = now, os.time() end
until now == 9000 or os.time() > since + 20
print(run:status().sinks[2].delivered)
told(run:wait())""")
        tap.equal((found[0], found[1]["exit_code"]), (9000, 0), f"a run with a state goes on {name}, not waited for")

server.shutdown()
folder.cleanup()
tap.done()
