"""Seeded runs through a fault server (tests/support/faults.py, storm.py): nothing is lost, what comes twice could not be
known, every count is true, and kinessis verify finds exactly what the fault server's ledger knows.

    KINESSIS_TEST_SEED=n   the first seed (default: the time)
    KINESSIS_STORMS=1000   how many (default: 30); KINESSIS_STORM_JOBS: at a time (default: 6)

Behind the fault server is the lake, for two seeds of fifteen kinesalite and moto."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import time
import traceback

sys.path.insert(0, "tests/support")
import lake
import peer
import storm
import tap

SEED = int(os.environ.get("KINESSIS_TEST_SEED") or time.time())
COUNT = int(os.environ.get("KINESSIS_STORMS", 30))
JOBS = int(os.environ.get("KINESSIS_STORM_JOBS", 6))
PEERS = {7: "kinesalite", 8: "moto"}  # by the seed's remainder


def run(seed, url, folder):
    try:
        return storm.Storm(seed, url, folder).run()
    except Exception:  # any kind: it is the test's failure
        return storm.Report(seed, "an exception", [traceback.format_exc()])


def main():
    print(f"# KINESSIS_TEST_SEED={SEED}")
    seeds = range(SEED, SEED + COUNT)
    total, faults = collections.Counter(), collections.Counter()
    fork = multiprocessing.get_context("fork")
    with contextlib.ExitStack() as stack:
        pond = stack.enter_context(lake.Lake())
        wanted = {PEERS.get(seed % 15) for seed in seeds} - {None}
        peers = {name: stack.enter_context(peer.start(name)) for name in sorted(wanted)}
        for name, server in peers.items():
            print(f"# {name} {'is behind some' if server else 'is not installed: the lake takes its place'}")
            tap.ok(server or os.environ.get("CI") != "true", f"{name} is installed")
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(JOBS, mp_context=fork))
        futures = []
        for seed in seeds:
            behind = peers.get(PEERS.get(seed % 15))
            where = (behind.url, None) if behind else (pond.url, pond.folder)
            futures.append(pool.submit(run, seed, *where))
        for future in concurrent.futures.as_completed(futures):
            report = future.result()
            tap.ok(not report.problems, f"seed {report.seed}: {report.about} ({report.seconds:.1f} s)", *report.problems,
                   f"again: KINESSIS_TEST_SEED={report.seed} KINESSIS_STORMS=1 make test T=tests/e2e/faults.t.py")
            total.update(records=report.records, duplicates=report.duplicates, lost=report.lost)
            total["longest ms"] = max(total["longest ms"], int(report.seconds * 1000))
            faults.update(report.faults)
    print(f"# {dict(total)}")
    print(f"# {dict(faults.most_common())}")
    tap.done()


if __name__ == "__main__":
    main()
