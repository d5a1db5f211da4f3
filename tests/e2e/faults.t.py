"""Seeded runs through a fault server (tests/support/faults.py, storm.py): nothing is lost, what comes twice could not be
known, every count is true, and kinessis verify finds exactly what the fault server's ledger knows.

    KINESSIS_TEST_SEED=n   the first seed (default: the time)
    KINESSIS_STORMS=1000   how many (default: 30); KINESSIS_STORM_JOBS: at a time (default: 6)"""

import collections
import concurrent.futures
import multiprocessing
import os
import sys
import time
import traceback

sys.path.insert(0, "tests/support")
import lake
import storm
import tap

SEED = int(os.environ.get("KINESSIS_TEST_SEED") or time.time())
COUNT = int(os.environ.get("KINESSIS_STORMS", 30))
JOBS = int(os.environ.get("KINESSIS_STORM_JOBS", 6))


def run(seed, url, folder):
    try:
        return storm.Storm(seed, url, folder).run()
    except Exception:  # any kind: it is the test's failure
        return storm.Report(seed, "an exception", [traceback.format_exc()])


def main():
    print(f"# KINESSIS_TEST_SEED={SEED}")
    total, faults = collections.Counter(), collections.Counter()
    fork = multiprocessing.get_context("fork")
    with lake.Lake() as pond, concurrent.futures.ProcessPoolExecutor(JOBS, mp_context=fork) as pool:
        for future in concurrent.futures.as_completed(
                [pool.submit(run, seed, pond.url, pond.folder) for seed in range(SEED, SEED + COUNT)]):
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
