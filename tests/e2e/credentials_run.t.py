"""Credentials over a run: looked for once for all workers, replaced before they expire and when a service
refuses them, with every record delivered once; what happens when there are no others; and that Ctrl-C does not wait
for them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import identity
import tap

DATA = tempfile.mkdtemp(prefix="kinessis-test.")
COUNTS = re.compile(r"INFO - ([\d,]+) generated, ([\d,]+) delivered, ([\d,]+) retried, ([\d,]+) failed in")


def run(server, amount, *options, variables=None):
    env = {**identity.clean(), **server.services(), "AWS_REGION": "eu-west-1", "KINESSIS_DATA": DATA,
           "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", **(variables or server.container())}
    process = subprocess.run(
        [os.environ["KINESSIS"], "run", "scripts/extended.lua", "--seed", "1", "--target", server.url, "--amount",
         str(amount), "--workers", "4", *options], env=env, capture_output=True, text=True)
    tap.ok("Marked" not in process.stdout + process.stderr, "nothing secret is printed")
    tap.ok("Sanitizer" not in process.stderr, "nothing leaks", process.stderr)
    return process


def delivered(name, server, process, amount):
    found = COUNTS.search(process.stderr)
    tap.equal(process.returncode, 0, f"{name}: exit code")
    tap.ok(found, f"{name}: tells how it ended", process.stderr)
    tap.equal((len(server.arrived), sum(server.arrived.values())), (amount, amount), f"{name}: every record, once")


def once():
    with identity.Server() as server:
        server.numbered = True
        delivered("four workers", server, run(server, 20000), 20000)
        tap.equal(server.counts["container"], 1, "credentials are looked for once")
        tap.equal(len(set(server.signers)), 1, "and sign everything")


def expiring():
    """Keys that live for two seconds, in a run of at least six; one second later the server refuses them."""
    with identity.Server() as server:
        server.numbered = True
        server.lifetime = 2
        process = run(server, 3000, "--rate", "500")
        delivered("expiring", server, process, 3000)
        tap.ok(len(set(server.signers)) >= 3, "several keys have signed", set(server.signers))
        # Without sharing, each of four workers would ask for its own.
        tap.ok(server.counts["container"] <= 2 * len(set(server.signers)), "each asked for once",
               server.counts["container"], len(set(server.signers)))


def refused():
    """The first key is refused by the service in the middle of the run: one more is asked for, by all together."""
    with identity.Server() as server:
        server.numbered = True
        server.revoke_next = 1
        delivered("refused", server, run(server, 20000), 20000)
        tap.equal(server.counts["container"], 2, "others are looked for once")
        tap.equal(len(set(server.signers)), 1, "and sign everything after")
        tap.ok(server.counts["ExpiredTokenException"] >= 1, "the refusal did happen")


def refused_for_good():
    with identity.Server() as server:
        server.numbered = True
        server.revoke_next = 1000000
        process = run(server, 2000)
        tap.equal(process.returncode, 1, "refused for good: exit code")
        tap.ok("ExpiredTokenException" in process.stderr, "refused for good: says so", process.stderr)
        tap.equal(len(server.arrived), 0, "refused for good: nothing arrived")
    with identity.Server() as server:
        server.keys["AKIASTATICSTATIC0001"] = (None, 0)
        process = run(server, 2000, variables={"AWS_ACCESS_KEY_ID": "AKIASTATICSTATIC0001",
                                               "AWS_SECRET_ACCESS_KEY": "MarkedSecret"})
        tap.equal(process.returncode, 1, "keys that do not change: exit code")
        tap.ok("the credentials were refused, and there are no newer (environment has no others)" in process.stderr,
               "keys that do not change: says so", process.stderr)


def failing_refresh():
    """Whoever gives credentials goes away: those that still live are used, with one warning; then the run ends."""
    with identity.Server() as server:
        server.numbered = True
        server.lifetime = 8
        server.at_most = 1
        process = run(server, 3000, "--rate", "250")
        tap.equal(process.returncode, 1, "no refresh: the run ends when they have expired")
        tap.ok(0 < len(server.arrived) < 3000, "no refresh: with what was sent before", len(server.arrived))
        tap.equal(process.stderr.count("could not be refreshed: "), 1, "no refresh: one warning")
        tap.ok("AWS_CONTAINER_CREDENTIALS_FULL_URI: it answered with status 400" in process.stderr,
               "no refresh: says why", process.stderr)
    with identity.Server() as server:
        server.status["container"] = 400
        process = run(server, 2000)
        tap.equal(process.returncode, 1, "nobody there at the start: exit code")
        tap.ok("it answered with status 400" in process.stderr, "nobody there at the start: says so", process.stderr)


HELPER = """import json, os, sys, time
folder = os.path.dirname(os.path.abspath(__file__))
if os.path.exists(folder + "/asked"):
    with open(folder + "/new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(folder + "/new", folder + "/hangs")
    time.sleep(3600)
open(folder + "/asked", "w").close()
print(json.dumps({"Version": 1, "AccessKeyId": "AKIAHELPER0000000001", "SecretAccessKey": "MarkedSecret",
                  "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7))}))
"""


def stop_while_it_hangs(name, signals, server, folder, *command):
    """Of a command whose credentials come from HELPER; returns it, and what it logged."""
    config, helper, hangs = (os.path.join(folder, file) for file in ("config", "helper.py", "hangs"))
    with open(helper, "w") as file:
        file.write(HELPER)
    with open(config, "w") as file:
        file.write(f"[default]\ncredential_process = {sys.executable} {helper}\n")
    env = {**identity.clean(), **server.services(), "AWS_REGION": "eu-west-1", "KINESSIS_DATA": folder,
           "AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    process = subprocess.Popen(
        [os.environ["KINESSIS"], *command, "--target", server.url], env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    while not os.path.exists(hangs) and process.poll() is None:
        time.sleep(0.05)
    for i in range(signals):
        time.sleep(0.3 * i)
        process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=300)[1]
    tap.ok(time.time() - os.stat(hangs).st_mtime < 50, f"{name}: ends while the command would still be waited for")
    with open(hangs) as file:
        tap.ok(not os.path.exists(f"/proc/{file.read()}"), f"{name}: the command is not left behind")
    return process, error


def hanging_refresh(name, signals, *options):
    """The command that gives credentials hangs when it is asked anew (it would be stopped after 60 s); then SIGINT."""
    folder = tempfile.mkdtemp(dir=DATA)
    summary = os.path.join(folder, "summary.json")
    with identity.Server() as server:
        process, error = stop_while_it_hangs(
            name, signals, server, folder, "run", "scripts/extended.lua", "--amount", "1000000", "--rate", "500",
            "--workers", "2", "--json-summary", summary, *options)
        arrived = sum(server.arrived.values())
    with open(summary) as file:
        told = json.load(file)
    counts = told["destinations"][0]
    tap.equal((process.returncode, told["stopped"], told["abandoned"]), (1, True, True), f"{name}: stopped")
    tap.equal((counts["generated"], told["dead_letters"]["count"]),
              (counts["delivered"] + counts["failed"], counts["failed"]), f"{name}: every record is accounted for")
    tap.ok(0 < counts["delivered"] <= arrived <= counts["delivered"] + counts["uncertain"],
           f"{name}: what may have arrived is what was on its way", counts, arrived)
    tap.ok("could not be refreshed" not in error and "Sanitizer" not in error and "Marked" not in error,
           f"{name}: nothing else is told", error)


def hanging_redrive():
    """The same while dead letters are sent: those that were not stay in the file."""
    folder = tempfile.mkdtemp(dir=DATA)
    dead = os.path.join(folder, "dead.jsonl")
    lines = [json.dumps({"index": i, "service": "kinesis", "name": "s", "target": "aws", "partition_key": "k",
                         "error": {"code": "io", "message": "once"}, "data": f"record {i}"}) for i in range(2000)]
    with open(dead, "w") as file:
        file.write("\n".join(lines) + "\n")
    with identity.Server() as server:
        server.revoke_next = 1
        process, error = stop_while_it_hangs("redrive", 1, server, folder, "redrive", dead, "--drain", "0.5s")
        tap.equal(process.returncode, 1, "redrive: exit code")
        tap.equal(server.arrived, {}, "redrive: none arrived")
    with open(dead) as file:
        left = [json.loads(line)["data"] for line in file]
    tap.equal(sorted(left), sorted(f"record {i}" for i in range(2000)), "redrive: all are left in the file")
    tap.ok("Stopped" in error and "Sanitizer" not in error and "Marked" not in error, "redrive: says so", error)


once()
expiring()
refused()
refused_for_good()
failing_refresh()
hanging_refresh("twice", 2)
hanging_refresh("the deadline", 1, "--drain", "1s")
hanging_redrive()
shutil.rmtree(DATA)
tap.done()
