"""kinessis run --resume: a run that is killed at random points and resumed until it is done loses nothing, and repeats no
more than it says."""

import collections
import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, "tests/support")
import lake
import tap

try:
    import boto3  # noqa: F401
except ImportError:
    tap.skip_all("boto3 is not installed")

seed = int(os.environ.get("KINESSIS_TEST_SEED", time.time()))
print(f"# KINESSIS_TEST_SEED={seed}", flush=True)
chance = random.Random(seed)
AMOUNT = 30000

SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("person", { { "n", fake.sequence(0) }, { "uuid", fake.uuid() }%s }),
  amount = %d,
  to = {
    kinessis.stream { name = "people", partition_key = "uuid", max_records = 200 },
    kinessis.s3 { bucket = "objects", size = "100KB" },
    kinessis.file { path = "%s" },
  },
}
"""


def scenario(more=""):
    path = os.path.join(pond.folder, "people.lua")
    with open(path, "w") as file:
        file.write(SCENARIO % (more, AMOUNT, os.path.join(pond.folder, "people.jsonl.gz")))
    return path


def command(*arguments):
    return [lake.KINESSIS, "run", *arguments, "--data", pond.folder]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def state():
    with open(os.path.join(pond.folder, "runs/people.json")) as file:
        return json.load(file)


def numbers_of_stream():
    kinesis = pond.client("kinesis")
    found = collections.Counter()
    for shard in kinesis.list_shards(StreamName="people")["Shards"]:
        iterator = kinesis.get_shard_iterator(StreamName="people", ShardId=shard["ShardId"],
                                              ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while True:
            reply = kinesis.get_records(ShardIterator=iterator)
            found.update(json.loads(record["Data"])["n"] for record in reply["Records"])
            iterator = reply["NextShardIterator"]
            if not reply["Records"]:
                break
    return found


def numbers_of_lines(text):
    return [json.loads(line)["n"] for line in text.splitlines()]


def numbers_of_objects():
    s3 = pond.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="objects")["Contents"]]
    return numbers_of_lines(b"".join(
        gzip.decompress(s3.get_object(Bucket="objects", Key=key)["Body"].read()) for key in sorted(keys)))


with lake.Lake() as pond:
    path = scenario()
    said, kills, most = 0, 0, 8
    arguments = ["--rate", "15000", "--workers", "3"]
    while True:
        process = subprocess.Popen(command(path, *arguments), stderr=subprocess.PIPE, text=True)
        if kills < most:
            time.sleep(chance.uniform(0.05, 0.8))
            process.kill()
        error = process.communicate(timeout=120)[1]
        match = re.search(r"up to ([\d,]+) may arrive twice", error)
        said += int(match.group(1).replace(",", "")) if match else 0
        if process.returncode == 0:
            break
        kills += 1
        if os.path.exists(os.path.join(pond.folder, "runs/people.json")):
            arguments = ["--rate", "15000", "--resume", "--workers", str(chance.randint(1, 4))]
        if kills > most:
            break
    tap.equal(process.returncode, 0, f"after {kills} kills the run is done")
    tap.ok("pace was over" not in error and "not made" not in error, "what is settled counts as made", error)
    last = state()
    tap.equal((last["finished"], last["amount"], last["claimed"]), (True, AMOUNT, AMOUNT), "and its state says so")
    tap.ok(all(to["settled"] == [[0, AMOUNT]] for to in last["destinations"]), "everything is settled", last)
    found = numbers_of_stream()
    tap.equal([n for n in range(AMOUNT) if n not in found][:20], [], "every record is in the stream")
    twice = sum(found.values()) - AMOUNT
    tap.ok(twice <= said, f"{twice} are there twice: no more than the {said} that were said")
    tap.ok(numbers_of_objects() == list(range(AMOUNT)), "the objects hold each record once, in order")
    with gzip.open(os.path.join(pond.folder, "people.jsonl.gz")) as file:
        tap.ok(numbers_of_lines(file.read()) == list(range(AMOUNT)), "so does the file")

    result = run(path, "--resume")
    tap.ok(result.returncode == 0 and "Nothing is left to do" in result.stderr, "a run that is done has nothing left",
           result.stderr)

    # ---- stopped ----

    process = subprocess.Popen(command(path, "--rate", "1500", "--progress", "log:100ms"), stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    for line in process.stderr:
        if re.search(r" [1-9][\d,]* records/s of", line):  # some are made
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    stopped = state()
    at = stopped["claimed"]
    tap.ok(not stopped["finished"] and stopped["reserved"] == at < AMOUNT, f"stopped at record {at}", stopped)
    tap.ok(all(to["settled"] == [[0, at]] for to in stopped["destinations"]), "with everything before it settled")

    changed = scenario(', { "more", true }')
    result = run(changed, "--resume")
    tap.ok(result.returncode == 1 and f"{path}: the schema has changed" in result.stderr, "another schema is refused",
           result.stderr)
    for options, text in ((("--seed", "3"), "--seed does not go with --resume"), (("--amount", "3"), "--amount does")):
        result = run(changed, "--resume", *options)
        tap.ok(result.returncode == 2 and text in result.stderr, f"{options[0]} is refused", result.stderr)
    result = run(changed, "--resume", "--changed")
    tap.ok(result.returncode == 0 and f"Going on at record {at:,} of {AMOUNT:,}." in result.stderr,
           "unless it is told otherwise; and nothing arrives twice", result.stderr)
    with gzip.open(os.path.join(pond.folder, "people.jsonl.gz")) as file:
        lines = file.read().splitlines()
    tap.ok([line.endswith(b'"more":true}') for line in lines] == [n >= at for n in range(AMOUNT)],
           "the file goes on where it was")

    # ---- functions ----

    functions = os.path.join(pond.folder, "functions.lua")
    lines_file, state_file = (os.path.join(pond.folder, name) for name in ("functions.jsonl", "runs/functions.json"))

    def write_functions(factor, above=""):
        with open(functions, "w") as file:
            file.write(above + """
local kinessis = require "kinessis"
local fields = { { "n", kinessis.fake.sequence(0) } }
for i = 1, 3 do
  fields[i + 1] = { "f" .. i, function(ctx) return tostring(ctx.index * i * %s) end }
end
return kinessis.scenario { records = kinessis.schema("f", fields), amount = 10, seed = 1,
  to = kinessis.file { path = "%s" } }
""" % (factor, lines_file))

    def interrupt():
        """As if the run had been killed after four records."""
        with open(lines_file) as file:
            position = sum(len(line) for line in file.readlines()[:4])
        with open(state_file) as file:
            noted = json.load(file)
        noted.update(finished=False, claimed=4, reserved=4)
        noted["destinations"][0].update(settled=[[0, 4]], position=position)
        with open(state_file, "w") as file:
            json.dump(noted, file)

    write_functions(2)
    tap.equal(run(functions).returncode, 0, "a run with functions")
    with open(lines_file) as file:
        whole = file.read()
    interrupt()
    write_functions(2, "-- a comment")
    tap.equal(run(functions, "--resume").returncode, 0, "goes on in another process")
    with open(lines_file) as file:
        tap.ok(file.read() == whole, "and is as if it had not stopped")
    interrupt()
    write_functions(3)
    result = run(functions, "--resume")
    tap.ok(result.returncode == 1 and "or a function that it calls" in result.stderr and "--changed" in result.stderr,
           "an edited function is refused", result.stderr)
    tap.equal(run(functions, "--resume", "--changed").returncode, 0, "unless it is told otherwise")

    # ---- mistakes ----

    result = run(path, "--resume", "--target", pond.url)
    tap.ok(result.returncode != 0 and "--target" in result.stderr, "another target is refused", result.stderr)

    result = run(path, "--resume", "--state", os.path.join(pond.folder, "absent.json"))
    tap.ok(result.returncode == 1 and "cannot read the state of a run" in result.stderr
           and "begins without resume" in result.stderr, "no state is an error", result.stderr)
    with open(os.path.join(pond.folder, "wrong.json"), "w") as file:
        file.write("{}")
    result = run(path, "--resume", "--state", os.path.join(pond.folder, "wrong.json"))
    tap.ok(result.returncode == 1 and "is not the state of a run" in result.stderr, "so is what is none", result.stderr)
    text = open(path).read().replace('"objects"', '"others"')
    with open(path, "w") as file:
        file.write(text)
    result = run(path, "--resume")
    tap.ok(result.returncode == 1 and "other destinations" in result.stderr, "so are other destinations", result.stderr)
    result = run(path, "-n", "10", "--state", "/dev/null/x")
    tap.ok(result.returncode == 1 and "the run's state cannot be kept" in result.stderr
           and "generated" not in result.stderr, "a state that was asked for and cannot be kept is an error", result.stderr)

    result = run(path, "--changed")
    tap.ok(result.returncode == 2 and "--changed goes with --resume" in result.stderr, "--changed alone says nothing",
           result.stderr)

    # ---- with the records on stdout, too ----

    printed = os.path.join(pond.folder, "printed.lua")
    with open(printed, "w") as file:
        file.write("""
local kinessis = require "kinessis"
return kinessis.scenario { records = kinessis.schema("n", { { "n", kinessis.fake.sequence(0) } }), amount = 300,
  print = true, to = kinessis.stream { name = "people", partition_key = kinessis.fake.uuid() } }
""")
    with subprocess.Popen(command(printed, "--rate", "100"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as first:
        begun = first.stdout.readline()
        first.send_signal(signal.SIGINT)
        rest, error = first.communicate(timeout=120)
    tap.ok(first.returncode == 0 and "Stopped before the end" in error, "a run that prints is stopped", error)
    result = run(printed, "--resume", "--rate", "10000")
    tap.ok(result.returncode == 0, "and goes on", result.stderr)
    tap.equal(numbers_of_lines(begun + rest + result.stdout), list(range(300)), "where it was")
    result = run(printed, "--resume")
    tap.ok(result.returncode == 0 and "Nothing is left to do" in result.stderr, "until it is complete", result.stderr)

    # ---- at the same time ----

    slow = os.path.join(pond.folder, "slow.lua")
    slow_state = os.path.join(pond.folder, "runs/slow.json")
    with open(slow, "w") as file:
        file.write("""
local kinessis = require "kinessis"
return kinessis.scenario { records = kinessis.schema("n", { { "n", kinessis.fake.sequence(0) } }), amount = 1000,
  to = kinessis.null {} }
""")
    with subprocess.Popen(command(slow, "--seed", "1", "--rate", "0.1"), stderr=subprocess.PIPE, text=True) as first:
        while "Started" not in first.stderr.readline():
            pass
        result = run(slow, "--seed", "2")
        tap.ok(result.returncode == 0 and "This run cannot be resumed" in result.stderr
               and "a run that lasts keeps its state there" in result.stderr, "a second process says what it lacks",
               result.stderr)
        with open(slow_state) as file:
            tap.equal(json.load(file)["seed"], 1, "and leaves the state of the first alone")
        for options in (("--state", slow_state), ("--resume",)):
            result = run(slow, *options)
            tap.ok(result.returncode == 1 and "a run that lasts keeps its state there" in result.stderr,
                   f"{options[0]} of a run that lasts is refused", result.stderr)
        first.kill()
    result = run(slow, "--resume")
    tap.ok(result.returncode == 0 and "Going on at record" in result.stderr, "until that is killed", result.stderr)
    tap.ok(not os.path.exists(slow_state + ".lock"), "nothing but the state stays")
    blocked = os.path.join(pond.folder, "blocked")
    os.mkdir(blocked)
    with open(os.path.join(blocked, "runs"), "w"):
        pass
    result = subprocess.run([lake.KINESSIS, "run", slow, "--data", blocked], capture_output=True, text=True, timeout=60)
    tap.ok("This run cannot be resumed: the run's state cannot be kept" in result.stderr and result.returncode == 0,
           "a state that nobody asked for and that cannot be kept is said, and no reason not to run", result.stderr)

tap.done()
