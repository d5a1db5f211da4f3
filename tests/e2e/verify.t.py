"""kinessis verify: what was lost, duplicated and altered on purpose is found, and nothing else."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import lake
import tap

KINESSIS = os.environ["KINESSIS"]
AMOUNT = 3000

seed = int(os.environ.get("KINESSIS_TEST_SEED", time.time_ns() & 0xFFFFFFFF))
print(f"# seed {seed}")
rng = random.Random(seed)

SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("order", {
    { "order_id", fake.uuid() },
    { "ordered_at", fake.now() },
    { "customer", { { "name", fake.name() }, { "city", fake.city() } } },
    { "note", fake.optional(fake.sentence(), 0.5) },
    { "total", fake.decimal(1, 900) },
    { "weight", fake.normal(50, 5) },
    { "count", fake.integer(1, 12) },
    { "gift", fake.boolean() },
    { "tags", fake.array_of(fake.one_of { "new", "old" }, 1, 3) },
  }),
  amount = 3000,
  to = kinessis.stream { name = "orders", partition_key = "order_id" },
  stack = kinessis.stack { stream = { name = "orders", shards = 3 } },
}
"""


def verify(pond, path, *options, limit="100000"):
    result = subprocess.run(
        [KINESSIS, "verify", path, "--data", pond.folder, "--seed", str(seed), "--json", "--limit", limit, *options],
        capture_output=True, text=True,
    )
    if not tap.ok(result.returncode in (0, 1) and result.stdout, f"verify {' '.join(options)}", result.stderr):
        tap.done()
    return result.returncode, {place["place"].split()[0]: place for place in json.loads(result.stdout)["places"]}


def indices(place, verdict):
    return sorted(finding["index"] for finding in place["findings"] if finding["verdict"] == verdict)


def put(pond, lines):
    kinesis = pond.client("kinesis")
    for at in range(0, len(lines), 500):
        kinesis.put_records(StreamName="orders", Records=[
            {"Data": line, "PartitionKey": json.loads(line)["order_id"]} for line in lines[at:at + 500]])


with lake.Lake() as pond, tempfile.TemporaryDirectory(prefix="kinessis-test.") as folder:
    path = os.path.join(folder, "orders.lua")
    with open(path, "w") as file:
        file.write(SCENARIO)

    pond.run("run", path, "--seed", str(seed), "-q")
    code, places = verify(pond, path)
    tap.equal(code, 0, "an honest run passes")
    for place in places.values():
        tap.equal(place["found"], place["expected"], f"the {place['place']} holds what was made")
    tap.equal(sorted(places), ["stream", "table"], "in both places")

    # Without a seed: the last run, by the state that it left.
    last = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder], capture_output=True, text=True)
    tap.ok(last.returncode == 0 and f"with seed {seed}" in last.stderr and "3,000 records of seed" in last.stdout,
           "the last run is found", last.stderr, last.stdout)

    # Another run's records are no fault.
    pond.run("run", path, "--seed", str(seed + 1), "-n", "7", "-q")
    code, places = verify(pond, path)
    tap.equal((code, places["stream"]["foreign"], places["table"]["foreign"]), (0, 7, 7), "records of another run")

    text = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--seed", str(seed + 2)],
                          capture_output=True, text=True)
    tap.ok(text.returncode == 1 and f"Was it seed {seed + 2}?" in text.stdout or "3,000 lost" in text.stdout,
           "a wrong seed is said", text.stdout)

with lake.Lake() as pond, tempfile.TemporaryDirectory(prefix="kinessis-test.") as folder:
    path = os.path.join(folder, "orders.lua")
    with open(path, "w") as file:
        file.write(SCENARIO)
    pond.run("run", path, "--seed", str(seed), "-n", "0", "-q")  # makes the stack
    lines = subprocess.run([KINESSIS, "generate", path, "--seed", str(seed), "-q"], stdout=subprocess.PIPE,
                           check=True).stdout.splitlines()
    fates = {i: rng.choice(["lost", "duplicated", "altered"]) for i in rng.sample(range(AMOUNT), 60)}
    sent = []
    for i, line in enumerate(lines):
        fate = fates.get(i)
        if fate == "altered":
            count = json.loads(line)["count"]
            line = line.replace(b'"count":%d,' % count, b'"count":%d,' % (count + 1))
        sent += [line] * {"lost": 0, "duplicated": 2}.get(fate, 1)
    rng.shuffle(sent)
    put(pond, sent)

    code, places = verify(pond, path)
    tap.equal(code, 1, "damage fails")
    for name, place in places.items():
        for verdict in ("lost", "duplicated", "altered"):
            tap.equal(indices(place, verdict), sorted(i for i, fate in fates.items() if fate == verdict),
                      f"{name}: exactly the records that were {verdict}")
        tap.equal(place["foreign"], 0, f"{name}: nothing strange")

    one = next(i for i, fate in fates.items() if fate == "altered")
    text = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--seed", str(seed), "--limit", "100"],
                          capture_output=True, text=True)
    count = json.loads(lines[one])["count"]
    wanted = [row for row in text.stdout.splitlines() if row.startswith("  altered") and f"record {one:,}," in row]
    tap.equal([row.split(": ", 1)[1] for row in wanted], [f"count: {count} became {count + 1}"] * 2,
              "which field became what, in the stream and in the table")
    tap.ok("Not compared: ordered_at" in text.stdout, "the wall clock's field is named")
    tap.ok("Not compared in the table orders.order: tags" in text.stdout, "the array's too", text.stdout[-400:])

    # Functions that the query needs, against known figures.
    query = pond.run("query", "--format", "csv", "SELECT to_hex(md5(to_utf8('a'))), to_hex(sha256(to_utf8('a'))), "
                     "to_hex(to_ieee754_64(1.5)), from_base('0cc1', 16), from_base('101', 2)")
    tap.equal(query.splitlines()[1].replace('"', "").split(","), [
        "0CC175B9C0F1B6A831C399E269772661", "CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB",
        "3FF8000000000000", "3265", "5"], "Trino's digests and bases")

# No field tells the records apart: a random partition key that is in no record does.
with lake.Lake() as pond, tempfile.TemporaryDirectory(prefix="kinessis-test.") as folder:
    path = os.path.join(folder, "bare.lua")
    with open(path, "w") as file:
        file.write("""
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  amount = 600,
  records = kinessis.schema("bare", { { "status", fake.one_of { "on", "off" } } }),
  to = kinessis.stream { name = "bare", partition_key = fake.uuid() },
}
""")
    pond.run("run", path, "--seed", str(seed), "-n", "598", "-q")
    kinesis = pond.client("kinesis")
    shard = kinesis.get_shard_iterator(StreamName="bare", ShardId="shardId-000000000000",
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    first = kinesis.get_records(ShardIterator=shard, Limit=1)["Records"][0]
    kinesis.put_record(StreamName="bare", Data=first["Data"], PartitionKey=first["PartitionKey"])
    code, places = verify(pond, path, "--place", "stream")
    tap.equal((code, indices(places["stream"], "lost")), (1, [598, 599]), "those that were never sent")
    tap.equal(places["stream"]["duplicated"], 1, "and the one that was sent twice")

    for _ in range(4):
        kinesis.put_record(StreamName="bare", Data=first["Data"], PartitionKey=first["PartitionKey"])
    for i in range(20):
        kinesis.put_record(StreamName="bare", Data=json.dumps({"status": f"other {i}"}), PartitionKey="other")
    code, places = verify(pond, path, "--place", "stream", limit="3")
    stream = places["stream"]
    tap.equal([(f["verdict"], f["times"]) for f in stream["findings"]],
              [("lost", 1), ("lost", 1), ("duplicated", 5)], "one finding for a record, however often it is there")
    tap.equal((stream["duplicated"], stream["foreign"]), (5, 20), "all are counted, also those that are not shown")
    text = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--seed", str(seed), "--place", "stream",
                           "--limit", "4"], capture_output=True, text=True).stdout
    tap.ok("(5 times too often)\n" in text and "\n  not of this run  {" in text and "... and 19 more (--limit)" in text,
           "and shown so", text)



def catches_interrupts(process):
    with open(f"/proc/{process.pid}/status") as status:
        caught = next(line for line in status if line.startswith("SigCgt")).split()[1]
    return int(caught, 16) >> (signal.SIGINT - 1) & 1


# Half a sum proves nothing.
with lake.Lake() as pond, tempfile.TemporaryDirectory(prefix="kinessis-test.") as folder:
    path = os.path.join(folder, "orders.lua")
    with open(path, "w") as file:
        file.write(SCENARIO.replace("amount = 3000", "seed = 5, amount = 3000"))
    pond.run("run", path, "-n", "200", "-q")
    process = subprocess.Popen([KINESSIS, "verify", path, "--data", pond.folder, "-n", "1000000000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while process.poll() is None and not catches_interrupts(process):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate()
    tap.equal((process.returncode, said), (130, ""), "Ctrl-C: nothing is said to have arrived")
    tap.ok("nothing is proven" in complaint, "... and why", complaint)

    # A seed in the scenario: still it is the last run that is meant.
    last = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder], capture_output=True, text=True)
    tap.ok(last.returncode == 0 and "Expected: 200 records of seed 5." in last.stdout, "a scenario with a seed: the last run",
           last.stderr, last.stdout)
    whole = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--seed", "5"], capture_output=True, text=True)
    tap.ok(whole.returncode == 1 and "2,800 lost" in whole.stdout, "--seed: the scenario's amount", whole.stdout)
    for since in ("2022-02-02T15:17:07.5Z", "1h"):
        found = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--since", since], capture_output=True, text=True)
        tap.ok(found.returncode == 0 and "Expected: 200 records" in found.stdout, f"--since {since}", found.stderr)
    # A pace that is over before the amount is made.
    path = os.path.join(folder, "short.lua")
    with open(path, "w") as file:
        file.write(SCENARIO.replace("amount = 3000", 'amount = 3000, pace = kinessis.pace.trace { times = { 0, 0, 0.1 } }')
                   .replace('"orders"', '"short"'))
    told = subprocess.run([KINESSIS, "run", path, "--data", pond.folder, "--rate-file", os.path.join(folder, "none")],
                          capture_output=True, text=True).stderr
    tap.ok("was over before the amount was made: 3 of 3,000 records" in told, "a pace that is over early is said", told)
    tap.ok("No rate yet" in told, "... and a file of rates that is not there", told)
    short = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder], capture_output=True, text=True)
    tap.ok(short.returncode == 0 and "Expected: 3 records" in short.stdout, "what it had begun is expected", short.stdout)
    keys = {"AWS_ACCESS_KEY_ID": "lake", "AWS_SECRET_ACCESS_KEY": "lake", "AWS_REGION": "us-east-1"}
    away = subprocess.run([KINESSIS, "verify", path, "--target", pond.url, "--seed", "1"], capture_output=True, text=True,
                          env={**os.environ, **keys})
    tap.ok(away.returncode == 1 and "until its buffering interval" in away.stdout, "elsewhere Firehose may hold them",
           away.stdout, away.stderr)

    path = os.path.join(folder, "seedless.lua")
    with open(path, "w") as file:
        file.write(SCENARIO)
    pond.run("run", path, "-n", "5", "-q")
    away = subprocess.run([KINESSIS, "verify", path, "--data", pond.folder, "--target", pond.url],
                          capture_output=True, text=True)
    tap.ok(away.returncode == 2 and "went elsewhere: give --target lake" in away.stderr, "a run that went elsewhere", away.stderr)

for arguments, fragment in (
    (["scripts/quickstart.lua"], "it left no state that can be read: run the scenario, or give the --seed"),
    (["scripts/wave.lua", "--seed", "1"], "--amount is missing"),
    (["scripts/quickstart.lua", "--start", "2022-02-02"], "--start goes with --seed"),
    (["scripts/quickstart.lua", "--seed", "1", "--key", "status"], "are no key: they repeat, are times, or there is no such field; those of uuid"),
):
    with tempfile.TemporaryDirectory(prefix="kinessis-test.") as folder:
        result = subprocess.run([KINESSIS, "verify", *arguments, "--data", folder], capture_output=True, text=True)
        tap.ok(result.returncode == 2 and fragment in result.stderr, f"told: {fragment}", result.returncode, result.stderr)

tap.done()
