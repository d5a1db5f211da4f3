"""What the benchmarks share: running a command and knowing what it used, and printing tables."""

import os
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD, KINESSIS = os.environ["BUILD"], os.environ["KINESSIS"]
QUICKSTART = os.environ["BENCH_QUICKSTART"]
RIVALS, QUICK = os.path.join(BUILD, "rivals"), bool(os.environ["BENCH_QUICK"])
CORES = len(os.sched_getaffinity(0))
TICKS = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = dict(
    os.environ,
    AWS_ACCESS_KEY_ID="bench",
    AWS_SECRET_ACCESS_KEY="bench",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",  # nothing here leaves this machine
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
)


class Used:
    """What a command used: seconds of CPU, seconds, MB."""

    def __init__(self, wall, usage):
        self.wall, self.cpu, self.mb = wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(*command, **environment):
    start = time.monotonic()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**ENVIRONMENT, **environment}
    )
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{said.decode()}")
    return Used(time.monotonic() - start, usage)


def section(title, *columns):
    print(f"\n{title}\n" + f"{'':44}" + "".join(f"{c:>16}" for c in columns), flush=True)


def row(name, *cells):
    print(f"  {name:42}" + "".join(f"{c:>16}" for c in cells), flush=True)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def least(times, *commands):
    """Of each command, with its environment, the run that used the least CPU time: other work on the machine
    only ever adds to it. They take turns, so that what slows one down slows down the others."""
    turns = [[run(*command, **environment) for command, environment in commands] for _ in range(times)]
    return [min(runs, key=lambda used: used.cpu) for runs in zip(*turns)]


def kinessis_run(records, *options, **environment):
    return run(*kinessis_command(records, *options), **environment)


def kinessis_command(records, *options, scenario=f"{HERE}/lake.lua"):
    return [KINESSIS, "run", "--quiet", "--seed", "1", "--amount", str(records), *options, scenario]
