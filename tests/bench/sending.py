"""Sending to a null Kinesis server on loopback (null_server.c), beside limits and rivals: CPU seconds of the
client per million records. The server's cost is in none of the figures; it takes part of the machine, so
records/s by the clock are what this machine can do with both."""

import os
import shutil
import subprocess
import tempfile

from measure import BUILD, CORES, ENVIRONMENT, HERE, KINESSIS, QUICK, QUICKSTART, RIVALS
from measure import kinessis_command, least, number, row, run, section

RECORDS = 200_000 if QUICK else 2_000_000
TIMES = 2 if QUICK else 4
LONGEST = 10 ** int(os.environ.get("BENCH_LENGTH", "5" if QUICK else "7"))
COLUMNS = ("records/s", "CPU s/million", "of the loop", "peak MB")
LOOP = f"{BUILD}/bench/loop"
PEER_PYTHON = os.path.join(BUILD, "peers", "venv", "bin", "python3")

WRK = """
wrk.method = "POST"
wrk.body = assert(io.open(os.getenv("BENCH_BODY"), "rb")):read("a")
wrk.headers["Content-Type"] = "application/x-amz-json-1.1"
wrk.headers["X-Amz-Target"] = "Kinesis_20131202.PutRecords"
function done(summary)
  local errors = summary.errors
  assert(errors.connect + errors.read + errors.write + errors.status + errors.timeout == 0, "wrk: requests failed")
  assert(io.open(os.getenv("BENCH_COUNT"), "w")):write(summary.requests)
end
"""

FLUENT_BIT = """
[SERVICE]
    Flush 1
    Grace 60
[INPUT]
    Name tail
    Path {lines}
    Read_from_Head true
    Buffer_Chunk_Size 1M
    Buffer_Max_Size 4M
    Exit_On_Eof true
[OUTPUT]
    Name kinesis_streams
    Match *
    Log_Key log
    Region us-east-1
    Stream r-d-kinesis-stream
    Endpoint localhost
    Port {port}
    tls.ca_file {certificate}
"""


class Server:
    """The null server; over TLS when it is given a folder for a throw-away certificate."""

    def __init__(self, folder=None):
        self.folder, self.environment = folder, {}

    def __enter__(self):
        command, scheme = [f"{BUILD}/bench/null_server"], "http"
        if self.folder:
            certificate, key = f"{self.folder}/certificate.pem", f"{self.folder}/key.pem"
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout", key, "-out", certificate)
            command, scheme = command + [certificate, key], "https"
            self.environment = {"AWS_CA_BUNDLE": certificate}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Table:
    def __init__(self, title):
        section(title, *COLUMNS)
        self.loop = None

    def show(self, name, used, records):
        """Returns the CPU seconds per million records."""
        each = used.cpu * 1e6 / records
        of_loop = f"{each / self.loop:.2f}" if self.loop else ""
        row(name, number(records / used.wall), f"{each:.2f}" if each < 100 else number(each), of_loop, number(used.mb))
        return each


def wrk(table, server, folder):
    if not shutil.which("wrk"):
        row("wrk", "not installed")
        return
    body, count, script = f"{folder}/body", f"{folder}/count", f"{folder}/wrk.lua"
    run(LOOP, "--body", body)
    with open(script, "w", encoding="ascii") as file:
        file.write(WRK)
    used = run("wrk", "-t1", "-c4", "-d1s" if QUICK else "-d3s", "-s", script, server.url,
               BENCH_BODY=body, BENCH_COUNT=count)
    with open(count, encoding="ascii") as file:
        posts = int(file.read())
    table.show("wrk, a constant body of 500 records", used, posts * 500)
    row("  ... posts a second, of %.0f KB" % (os.path.getsize(body) / 1000), number(posts / used.wall))


def loop_and_kinessis(table, server):
    def kinessis(workers, environment=None, **options):
        command = kinessis_command(RECORDS, "--workers", str(workers), "--target", server.url, **options)
        return command, {**server.environment, **(environment or {})}

    rows = {"a loop written by hand (the limit)": ([LOOP, server.url + "/", str(RECORDS)], server.environment)}
    for workers in sorted({1, CORES}):
        rows[f"kinessis run, {workers} worker{'s' if workers > 1 else ''}"] = kinessis(workers)
    rows["... 1 worker, in JSON"] = kinessis(1, {"AWS_CBOR_DISABLE": "true"})
    rows["... 1 worker, aggregated"] = kinessis(1, scenario=f"{HERE}/aggregated.lua")
    for name, used in zip(rows, least(TIMES, *rows.values())):
        each = table.show(name, used, RECORDS)
        table.loop = table.loop or each


class Kinesalite:
    """The Kinesis of the tests, as tutorials use it."""

    modules = os.path.join(BUILD, "peers", "node", "node_modules")
    installed = os.path.isdir(os.path.join(modules, "kinesalite")) and bool(shutil.which("node"))
    script = (
        'const server = require("kinesalite")({ createStreamMs: 5 });'
        'server.listen(0, "127.0.0.1", () => console.log(server.address().port));'
    )
    create = (
        'local k = require("kinessis").aws.kinesis { endpoint = ... }\n'
        'assert(k:create_stream { StreamName = "r-d-kinesis-stream", ShardCount = 1 })\n'
        'repeat local s = assert(k:describe_stream_summary { StreamName = "r-d-kinesis-stream" })\n'
        'until s.StreamDescriptionSummary.StreamStatus == "ACTIVE"'
    )

    def __enter__(self):
        self.process = subprocess.Popen(["node", "-e", self.script], stdout=subprocess.PIPE, text=True,
                                        env={**ENVIRONMENT, "NODE_PATH": self.modules})
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(self.create)
            file.flush()
            run(KINESSIS, "lua", file.name, self.url)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def boto3(table, url, environment, records, *options):
    """Records from a file: what is measured is the sending."""
    name = "boto3, one by one" if options else "boto3, batches of 500"
    if not os.path.exists(PEER_PYTHON):
        row(name, "not installed")
        return
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as file:
        run(KINESSIS, "generate", "--quiet", "--seed", "1", "--amount", str(records), "--out", file.name, QUICKSTART)
        command = [PEER_PYTHON, f"{HERE}/rivals/boto3_put.py", url, file.name, *options]
        table.show(name, run(*command, **environment), records)


def producer_library(table, server, records, *options):
    """Its native process alone; the Java that feeds it takes more."""
    kpl = os.path.join(RIVALS, "kpl")
    name = "Producer Library" + (", aggregated" if options else "") + ", its process"
    if not os.path.exists(kpl + ".installed"):
        row(name, "not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        lines, cpu = f"{folder}/records", f"{folder}/cpu"
        run(KINESSIS, "generate", "--quiet", "--seed", "1", "--amount", str(records), "--out", lines, QUICKSTART)
        used = run("java", "-cp", f"{kpl}/lib/*:{kpl}", "Put", str(server.port), lines, cpu, *options)
        with open(cpu, encoding="ascii") as file:
            used.cpu = float(file.read())
    table.show(name, used, records)


def fluent_bit(table, server, records):
    """From a file, each line as it is, over TLS: it has no other way. An installed one, or FLUENT_BIT=path."""
    program = shutil.which(os.environ.get("FLUENT_BIT", "fluent-bit"))
    if not program:
        row("Fluent Bit", "not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        lines, settings = f"{folder}/records", f"{folder}/settings"
        run(KINESSIS, "generate", "--quiet", "--seed", "1", "--amount", str(records), "--out", lines, QUICKSTART)
        with open(settings, "w", encoding="ascii") as file:
            file.write(FLUENT_BIT.format(lines=lines, port=server.port,
                                         certificate=server.environment["AWS_CA_BUNDLE"]))
        table.show("Fluent Bit", run(program, "-q", "-c", settings), records)


def kinesalite():
    table = Table("The same to kinesalite")
    if not Kinesalite.installed:
        row("kinesalite", "not installed")
        return
    with Kinesalite() as server:
        records = 10_000 if QUICK else 50_000
        table.show("kinessis run", run(*kinessis_command(records, "--target", server.url)), records)
        boto3(table, server.url, {}, records // 5)
        boto3(table, server.url, {}, 1_000, "--one")


def lengths(server):
    section("The same, plain, by the length of the run", "CPU s", "CPU s/million", "less the start", "peak MB")

    def one(times, records):
        return least(times, (kinessis_command(records, "--target", server.url), {}))[0]

    start, records = one(TIMES * 2, 1).cpu, 10_000
    while records <= LONGEST:
        used = one(TIMES * 2 if records < 1_000_000 else TIMES if records == 1_000_000 else 1, records)
        million = 1e6 / records
        row(f"{records:,} records", f"{used.cpu:.3f}", f"{used.cpu * million:.2f}",
            f"{(used.cpu - start) * million:.2f}", number(used.mb))
        records *= 10


def main(folder):
    title = f"Sending {RECORDS:,} records to a null server, "
    with Server() as server:
        table = Table(title + "plain")
        wrk(table, server, folder)
        loop_and_kinessis(table, server)
        if not QUICK:
            boto3(table, server.url, {}, 50_000)
            boto3(table, server.url, {}, 2_000, "--one")
        lengths(server)
    with Server(folder) as server:
        table = Table(title + "TLS")
        wrk(table, server, folder)
        loop_and_kinessis(table, server)
        if not QUICK:
            boto3(table, server.url, server.environment, 50_000)
            producer_library(table, server, 100_000)
            producer_library(table, server, 100_000, "aggregate")
            fluent_bit(table, server, RECORDS)
    kinesalite()
