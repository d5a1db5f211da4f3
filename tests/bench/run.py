"""The benchmarks; run.sh calls it. Time is CPU time (user and system, of all threads) wherever the
machine's other work could show, and every figure stands beside a limit or a rival measured in the same
run."""

import json
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

import sending
from measure import BUILD, CORES, ENVIRONMENT, HERE, KINESSIS, QUICK, QUICKSTART, RIVALS, TICKS
from measure import kinessis_run, number, row, run, section

# --- generation --------------------------------------------------------------------------------


def check_limit():
    """The loop written by hand makes the quickstart's record, too."""
    lines = subprocess.run(
        [f"{BUILD}/bench/plan", "--print", QUICKSTART, "100"], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    names = ["uuid", "event_date", "status", "name", "last_name", "email", "phone"]
    for line in lines:
        record = json.loads(line)
        if list(record) != names or uuid.UUID(record["uuid"]).version != 4:
            sys.exit(f"the loop written by hand makes another record: {line}")


def rivals(count):
    """Name, command, environment, or why not, and how many records."""
    node = os.path.join(RIVALS, "node", "node_modules")
    python = [os.path.join(RIVALS, "venv", "bin", "python3"), f"{HERE}/rivals/faker_records.py"]
    found = {what: os.path.exists(f"{RIVALS}/{what}.installed") for what in ("python", "node", "go")}
    yield "gofakeit", found["go"], [f"{RIVALS}/gofakeit"], {}, count
    yield "@faker-js/faker", found["node"], ["node", f"{HERE}/rivals/faker.mjs"], {"NODE_PATH": node}, count // 4
    yield "Python Faker, shared", found["python"], python, {}, count // 40
    yield "Python Faker, one per record", found["python"], python, {}, count // 400


def functions():
    records = 300_000 if QUICK else 1_000_000
    section("A field made by a Lua function", "ns over the plan", "ns of its call", "ns protected")
    text = subprocess.run(
        [f"{BUILD}/bench/function", f"{HERE}/functions.lua", str(records)], capture_output=True, check=True, text=True
    ).stdout
    for line in text.splitlines():
        row(*line.split("\t"))


def generation():
    records = 1_000_000 if QUICK else 4_000_000
    check_limit()
    section("Generation of the quickstart's record", "records/CPU s", "ns each", "of the limit")
    text = subprocess.run(
        [f"{BUILD}/bench/plan", QUICKSTART, str(records)], capture_output=True, check=True, text=True
    ).stdout
    measured = {}
    for line in text.splitlines():
        what, count, _, ns = line.split("\t")
        measured[what] = int(count) / int(ns) * 1e9
    limit = measured["by hand, wall clock"]

    def show(name, rate, against=limit):
        row(name, number(rate), number(1e9 / rate), f"{rate / against:.2g}")

    show("a loop written by hand, in C (the limit)", limit)
    show("the plan", measured["plan, wall clock"])
    show("the loop, simulated clock", measured["by hand, simulated clock"], measured["by hand, simulated clock"])
    show("the plan, simulated clock", measured["plan, simulated clock"], measured["by hand, simulated clock"])
    generate = [KINESSIS, "generate", "--quiet", "--seed", "1", "--out", os.devnull]
    for workers in sorted({1, CORES}):
        used = run(*generate, "--amount", str(records), "--workers", str(workers), QUICKSTART)
        show(f"kinessis generate, {workers} worker{'s' if workers > 1 else ''}", records / used.cpu)
        row("  ... by the clock on the wall", number(records / used.wall) + "/s")
    used = run(*generate, "--amount", str(records // 4), "--workers", "1", f"{HERE}/function.lua")
    show("... with a field as Lua function", records // 4 / used.cpu)
    if QUICK:
        return
    for name, there, command, environment, count in rivals(400_000):
        if not there:
            row(name, "not installed")
            continue
        arguments = [str(count)] + (["--shared"] if "shared" in name else [])
        base = run(*command, "1", *arguments[1:], **environment).cpu
        show(name, count / max(run(*command, *arguments, **environment).cpu - base, 0.01))


# --- the lake ----------------------------------------------------------------------------------


class Lake:
    def __init__(self, folder):
        self.folder = folder
        start = time.monotonic()
        self.process = subprocess.Popen(
            [KINESSIS, "lake", "--port", "0", "--data", folder], stdout=subprocess.DEVNULL, env=ENVIRONMENT
        )
        while True:
            try:
                with open(os.path.join(folder, "lake.json"), encoding="utf-8") as file:
                    self.port = json.load(file)["port"]
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except (OSError, ValueError, KeyError):
                if time.monotonic() - start > 20 or self.process.poll() is not None:
                    sys.exit("the lake does not start")
                time.sleep(0.001)
        self.ready = time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

    def url(self):
        return f"http://127.0.0.1:{self.port}"


def lakes(folder):
    records = 100_000 if QUICK else 1_000_000
    million = 1e6 / records
    section(
        f"PutRecords of {records:,} records, until they are in Parquet",
        "records/s", "client CPU s/M", "lake CPU s/M", "peak MB",
    )
    used = kinessis_run(records, "--data", f"{folder}/within")
    row("a lake in the same process", number(records / used.wall), "both:", number(used.cpu * million), number(used.mb))
    with Lake(f"{folder}/apart") as lake:
        kinessis_run(1, "--data", lake.folder)
        before = lake.cpu()
        used = kinessis_run(records, "--data", lake.folder)
        row("a lake of its own", number(records / used.wall), number(used.cpu * million),
            number((lake.cpu() - before) * million), f"{used.mb:.0f} + {lake.peak_mb():.0f}")
    section("PutRecords alone", "records/s", "client CPU s/M", "server CPU s/M", "server MB")
    records = 50_000 if QUICK else 250_000  # less than the 64 MiB that begin a delivery
    million = 1e6 / records
    with Lake(f"{folder}/alone") as lake:
        kinessis_run(1, "--data", lake.folder)
        before = lake.cpu()
        used = kinessis_run(records, "--target", lake.url())
        row("the lake", number(records / used.wall), number(used.cpu * million),
            number((lake.cpu() - before) * million), number(lake.peak_mb()))
        section("Firehose, from the journal to Parquet", "records/s", "", "lake CPU s/M", "peak MB")
        before = lake.cpu()
        used = kinessis_run(1, "--data", lake.folder)
        row(f"{records:,} records at once", number(records / used.wall), "",
            number((lake.cpu() - before) * million), number(lake.peak_mb()))


def starting(folder):
    turns = 3 if QUICK else 9
    section(f"Starting, {turns} times", "median ms", "fastest ms", "CPU ms")

    def show(name, walls, cpu=""):
        row(name, number(statistics.median(walls) * 1000), number(min(walls) * 1000), cpu)

    for name, *command in (
        ("/bin/true (the limit)", "/bin/true"),
        ("kinessis --version", KINESSIS, "--version"),
        ("the demo", KINESSIS, "demo"),
    ):
        all_used = [run(*command) for _ in range(turns)]
        show(name, [u.wall for u in all_used], number(min(u.cpu for u in all_used) * 1000))
    ready = []
    for turn in range(turns):
        with Lake(f"{folder}/start{turn}") as lake:
            ready.append(lake.ready)
    show("the lake, until it answers", ready)


def load():
    return "/".join(f"{x:.1f}" for x in os.getloadavg())


def main():
    start = time.monotonic()
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {CORES} cores, {platform.machine()}, "
          f"Linux {platform.release().split('-')[0]}, load {load()}")
    folder = tempfile.mkdtemp(prefix="kinessis-bench.")
    try:
        generation()
        functions()
        sending.main(folder)
        lakes(folder)
        starting(folder)
    finally:
        shutil.rmtree(folder)
    own = resource.getrusage(resource.RUSAGE_SELF)
    print(f"\n{time.monotonic() - start:.0f} s, of which {own.ru_utime + own.ru_stime:.1f} were this script's; "
          f"load {load()}")


main()
