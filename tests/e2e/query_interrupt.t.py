"""Ctrl-C in kinessis query and in the REPL's .query: the query is stopped, not only no longer waited for."""

import os
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

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c WHERE a.range % 7 = b.range % 5"


def running(athena):
    """The ids of the queries that run."""
    ids = athena.list_query_executions(WorkGroup="kinessis")["QueryExecutionIds"]
    return [i for i in ids if state(athena, i) == "RUNNING"]


def state(athena, query):
    return athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]["State"]


def wait_for(condition):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    return None


def start(pond, *arguments, **options):
    return subprocess.Popen(
        [lake.KINESSIS, *arguments, "--data", pond.folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


with lake.Lake() as pond:
    pond.run("run", "scripts/quickstart.lua", "--quiet")
    athena = pond.client("athena")

    process = start(pond, "query", ENDLESS)
    ids = wait_for(lambda: running(athena))
    tap.ok(ids, "a query that takes long runs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    tap.equal(process.returncode, 130, "Ctrl-C ends it with the exit code of SIGINT")
    tap.ok("Interrupted: the query was stopped." in err, "and says so", err)
    tap.equal(out, "", "nothing is printed")
    tap.ok(wait_for(lambda: state(athena, ids[0]) == "CANCELLED"), "Athena has stopped it", state(athena, ids[0]))

    process = start(pond, "repl", stdin=subprocess.PIPE)
    process.stdin.write(f".query {ENDLESS}\n")
    process.stdin.flush()
    ids = wait_for(lambda: running(athena))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate("print(6 * 7)\n", timeout=30)
    tap.equal(out, "42\n", "the REPL goes on after a query that Ctrl-C broke")
    tap.ok("interrupted" in err, "which it tells", err)
    tap.ok(wait_for(lambda: state(athena, ids[0]) == "CANCELLED"), "Athena has stopped that too")

tap.done()
