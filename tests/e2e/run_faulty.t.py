"""kinessis run against a server that misbehaves: nothing is lost that is called delivered, everything that was
generated is counted, what comes twice could not be known, and no secret is told."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import faulty
import signals
import tap

SEED = int(os.environ.get("KINESSIS_TEST_SEED") or time.time())
print(f"# KINESSIS_TEST_SEED={SEED}")
SECRETS = {"AWS_SECRET_ACCESS_KEY": "MarkedSecretKey", "AWS_SESSION_TOKEN": "MarkedSessionToken"}
ENVIRONMENT = {**os.environ, **SECRETS, "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_REGION": "us-east-1"}
COUNTS = re.compile(r"INFO - ([\d,]+) generated, ([\d,]+) delivered, ([\d,]+) retried, ([\d,]+) failed in")


def start(server, *options, scenario="scripts/extended.lua", **environment):
    return subprocess.Popen(
        [os.environ["KINESSIS"], "run", scenario, "--seed", "1", "--target", server.url, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **environment},
    )


def check(name, server, process, delivered=None, code=None):
    """What holds however the server behaves. Returns what stderr said."""
    _, err = process.communicate(timeout=120)
    found = COUNTS.search(err)
    tap.ok(found, f"{name}: tells how it ended", err)
    if not found:
        return err
    generated, sent, retried, failed = (int(text.replace(",", "")) for text in found.groups())
    tap.equal(sent + failed, generated, f"{name}: every record is delivered or failed")
    tap.equal(process.returncode, 1 if failed else 0, f"{name}: the exit code says whether any failed")
    tap.ok(len(server.arrived) >= sent, f"{name}: what is called delivered did arrive", len(server.arrived), sent)
    twice = {record for record, times in server.arrived.items() if times > 1}
    tap.ok(twice <= server.unanswered, f"{name}: only what got no answer came twice", len(twice))
    told = re.search(r"([\d,]+) records were sent again after no answer came: at most so many arrived twice", err)
    more = sum(times - 1 for times in server.arrived.values())
    tap.ok(more <= int(told[1].replace(",", "") if told else 0), f"{name}: and at most so many as it says", more, err)
    tap.ok(not any(secret in err for secret in SECRETS.values()), f"{name}: no secret is told", err)
    tap.ok("stack traceback" not in err, f"{name}: no traceback", err)
    if delivered is not None:
        tap.equal((sent, failed), (delivered, generated - delivered), f"{name}: counts")
    return err


def case(name, misbehave, amount, delivered=None, says=None):
    with faulty.Server(misbehave) as server:
        err = check(name, server, start(server, "--amount", str(amount), "--workers", "2"), delivered)
        if says:
            tap.ok(says in err, f"{name}: the reason is told", err)


# ---- what passes ----

dice = random.Random(SEED)


def unlucky(_, n, records):
    """A fifth of the requests meet some misfortune, and of the others a tenth of the records."""
    how = dice.randrange(20) if n else 9
    return {
        0: (400, '{"__type":"LimitExceededException","message":"slow"}'),
        1: (500, '{"__type":"InternalFailure"}'),
        2: (503, "<html>busy</html>"),
        3: b"",
    }.get(how, {i for i in range(len(records)) if dice.random() < 0.1})


case("misfortunes", unlucky, 5000, delivered=5000)
case("a reset after acceptance", lambda s, n, _: faulty.ACCEPT_AND_RESET if n == 1 else None, 2000, delivered=2000)
case("throttled at first", lambda s, n, r: set(range(len(r))) if n < 4 else None, 1000, delivered=1000)
case("half a reply", lambda s, n, _: b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{" if n == 0 else None, 800, delivered=800)

# ---- what does not ----

always = {
    "no such stream": (400, '{"__type":"ResourceNotFoundException","message":"Stream x not found"}'),
    "an expired token": (400, '{"__type":"ExpiredTokenException","message":"The security token is expired"}'),
    "an HTML page": (200, "<html>Sign in to the hotel's network</html>"),
    "another JSON": (200, "[1, 2]"),
    "a redirect": (302, ""),
    "garbage": b"\0\1\2 what?\r\n\r\n",
    "an early close": b"",
}
reasons = {
    "no such stream": "ResourceNotFoundException: Stream x not found",
    "an expired token": "ExpiredTokenException: The security token is expired",
    "a redirect": "HTTP status 302",
    "garbage": "no server answers at http://127.0.0.1:",
    "an early close": "no server answers at http://127.0.0.1:",
}
for title, how in always.items():
    case(title, lambda s, n, _, how=how: how, 1000, delivered=0, says=reasons.get(title))

# ---- how late ----


def refusing_for(seconds):
    """Refuses everything for so long since the first request."""
    since = []

    def misbehave(_server, _n, records):
        since.append(time.monotonic())
        return set(range(len(records))) if since[-1] - since[0] < seconds else None

    return misbehave


with faulty.Server(refusing_for(2)) as server, tempfile.TemporaryDirectory() as folder:
    # all are due within half a second, and none is taken before two have passed
    run = start(server, "--amount", "1000", "--rate", "2000", "--threshold", "delivery_lag < 1s", "--state",
                folder + "/state", "--json-summary", "-")
    out, err = run.communicate(timeout=120)
    told = json.loads(out)
    lag = told["destinations"][0]["delivery_lag_seconds"]
    tap.ok(1.4 < lag <= told["seconds"], "refused for two seconds: so late is the last record", out)
    tap.equal((run.returncode, told["outcome"]), (3, "threshold"), "a threshold of the delivery lag is not met")
    tap.ok("not in delivering them" in err and "s late." in err or "The pace was not kept" in err, "the log says it", err)

# ---- what was never made ----

with faulty.Server(lambda *_: always["no such stream"]) as server, tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "aggregated.lua")
    with open(path, "w") as file:
        file.write("""local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "id", kinessis.fake.uuid() } }),
  to = kinessis.stream { name = "x", partition_key = "id", aggregate = true },
}""")
    run = start(server, "--amount", "10M", "--workers", "1", "--dead-letter", folder + "/dead", "--state", folder + "/state",
                scenario=path)
    err = check("no such stream, aggregated", server, run, delivered=0)
    made = int(COUNTS.search(err).group(1).replace(",", ""))
    tap.ok(f"{10000000 - made:,} of 10,000,000 records were never made" in err, "what was never made is told", err)

# ---- the user's number of attempts ----

for attempts in (1, 3):  # without a number the sender would go on for minutes
    with faulty.Server(lambda s, n, r: set(range(len(r)))) as server:
        run = start(server, "--amount", "50", "--workers", "1", AWS_MAX_ATTEMPTS=str(attempts))
        err = check(f"throttled, {attempts} attempts", server, run, delivered=0)
        retried = int(COUNTS.search(err).group(3).replace(",", ""))
        tap.equal(retried, 50 * (attempts - 1), f"throttled, {attempts} attempts: so often each record was sent again")

# ---- silence, and Ctrl-C ----

with faulty.Server(lambda *_: faulty.SILENCE) as quiet:
    run = start(quiet, "--amount", "1e9")
    deadline = time.monotonic() + 60
    while not quiet.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    signals.send(run, signal.SIGTERM)
    signals.send(run, signal.SIGTERM)
    err = check("silence", quiet, run, delivered=0)
    tap.ok("Stopped at once" in err, "silence: a second signal ends it", err)
    tap.ok("may or may not have arrived" in err, "silence: what is unknown is called so", err)

tap.done()
