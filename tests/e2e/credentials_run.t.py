"""Credentials over a run: looked for once for all workers, replaced before they expire and when a service
refuses them, with every record delivered once; and what happens when there are no others."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

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



once()
expiring()
refused()
refused_for_good()
failing_refresh()
shutil.rmtree(DATA)
tap.done()
