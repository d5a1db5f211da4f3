"""kinessis run --metrics: what curl gets, and whether it is Prometheus's text format and tells what the run does."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]
FOLDER = tempfile.mkdtemp(prefix="kinessis-test.")
ENVIRONMENT = {**os.environ, "KINESSIS_DATA": FOLDER}
SAMPLE = re.compile(r'([a-z_]+)((?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\S+)')

SCENARIO = '''
local kinessis = require "kinessis"
return kinessis.scenario {
  records = kinessis.schema("n", { { "n", kinessis.fake.uuid() } }), pace = 2000,
  to = { kinessis.stream { name = "clicks", partition_key = "n" }, kinessis.file { path = "%s/a\\"b.json" },
         kinessis.null {}, kinessis.null {} },
}
''' % FOLDER


class Run:
    """A run that lasts until it is left; url is where its metrics are."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", KINESSIS, "run", *arguments], stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT)

    def __enter__(self):
        self.log = ""
        for line in self.process.stderr:
            self.log += line
            found = re.search(r"Metrics are at (\S+)", self.log)
            if found and "Started data generation" in line:
                self.url = found[1]
                return self
        raise AssertionError(self.log)

    def __exit__(self, *_):
        self.process.send_signal(2)
        self.log += self.process.stderr.read()
        self.code = self.process.wait()


def samples(text):
    """By name and labels; every line is looked at."""
    found, typed = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            tap.ok(name not in typed, f"{name} comes once")
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            if not match or (match[1], match[2]) in found:
                tap.ok(False, "a line of the format, that comes once", line)
                continue
            found[match[1], match[2]] = float(match[3])
    return found, typed


def of(found, name, destination="Kinesis clicks"):
    return found["kinessis_" + name, f'{{destination="{destination}"}}']


def get(url, **more):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **more), timeout=20) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


path = FOLDER + "/scenario.lua"
with open(path, "w") as file:
    file.write(SCENARIO)

with Run(path, "--metrics", ":0") as run:
    tap.ok(re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*/metrics", run.url), "without an address it is loopback", run.url)
    status, headers, first_text = get(run.url)
    tap.equal((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "the format's type")
    first, typed = samples(first_text)
    curl = subprocess.run(["curl", "-sS", "--fail", run.url], capture_output=True, text=True)
    tap.equal(curl.returncode, 0, "curl gets it too")
    while True:  # until some are delivered
        found, _ = samples(curl.stdout)
        if of(found, "delivered_total") > 0:
            break
        curl = subprocess.run(["curl", "-sS", "--fail", run.url], capture_output=True, text=True)
    tap.ok(all(found.get(key, 0) >= value for key, value in first.items() if key[0].endswith("_total")),
           "counters never go back")
    tap.ok(0 < of(found, "delivered_total") <= of(found, "generated_total") and of(found, "failed_total") == 0,
           "records are counted", found)
    tap.ok(of(found, "requests_total") > 0 and of(found, "delivered_bytes_total") > 36 * of(found, "delivered_total"),
           "requests and bytes too", found)
    buckets = [value for (name, labels), value in found.items()
               if name == "kinessis_latency_seconds_bucket" and '"Kinesis clicks"' in labels]
    tap.ok(len(buckets) == 21 and buckets == sorted(buckets), "the histogram's buckets are cumulative", buckets)
    tap.equal(buckets[-1], of(found, "latency_seconds_count"), "the last is all")
    tap.ok(0 < of(found, "latency_seconds_sum") < 3600 * buckets[-1], "their sum")
    quantiles = [found["kinessis_latency_quantiles_seconds", f'{{destination="Kinesis clicks",quantile="{q}"}}']
                 for q in ("0.5", "0.9", "0.99", "0.999")]
    tap.ok(0 < quantiles[0] and quantiles == sorted(quantiles), "quantiles", quantiles)
    shards = [value for (name, labels), value in found.items() if name == "kinessis_shard_records_total"]
    tap.ok(shards and sum(shards) > 0, "heat of shards", found)
    tap.ok(1500 < found["kinessis_asked_records_per_second", ""] < 2500, "the rate that is asked for")
    tap.ok(("kinessis_behind_seconds", "") in found and found["kinessis_paused", ""] == 0, "behind, and paused")
    tap.ok(found["kinessis_delivery_lag_seconds", '{destination="Kinesis clicks"}'] >= 0, "the delivery lag")
    tap.ok(any(name == "kinessis_build_info" and "version=" in labels for name, labels in found), "the build")
    tap.equal(len({key[1] for key in found if key[0] == "kinessis_generated_total"}), 4,
              "each destination has its series, also where two have one name")
    tap.ok(any('a\\"b.json' in labels for _, labels in found), "labels are escaped", curl.stdout)
    tap.equal(typed["kinessis_latency_seconds"], "histogram", "types are told")
    status, headers, text = get(run.url, method="HEAD")
    tap.equal((status, text), (200, ""), "HEAD")
    tap.equal(get(run.url.replace("/metrics", "/"))[0], 404, "another path")
    tap.equal(get(run.url, method="POST", data=b"x" * 100000)[0], 405, "another method")
    port = run.url.split(":")[2].split("/")[0]
    taken = subprocess.run([KINESSIS, "run", path, "--metrics", f"127.0.0.1:{port}"], capture_output=True, text=True,
                           env=ENVIRONMENT)
    tap.ok(taken.returncode == 1 and f"--metrics: cannot listen on 127.0.0.1:{port}: Address already in use" in taken.stderr
           and "Started" not in taken.stderr, "a port that is taken is told before the run", taken.stderr)
    with socket.create_connection(("127.0.0.1", int(port))) as idle:
        tap.equal(get(run.url)[0], 200, "a client that says nothing holds up nobody")
        idle.sendall(b"GET /met")
        tap.equal(get(run.url)[0], 200, "nor one that says half")
tap.equal(run.code, 0, "the run ends as ever")
tap.ok("Sanitizer" not in run.log, "nothing leaks", run.log)

for text in ("9464", "127.0.0.1", ":70000", "a b:1", "http://127.0.0.1:9464", "[::1:5"):
    bad = subprocess.run([KINESSIS, "run", path, "--metrics", text], capture_output=True, text=True, env=ENVIRONMENT)
    tap.ok(bad.returncode == 2 and "is not an address such as 127.0.0.1:9464" in bad.stderr, f"'{text}' is refused",
           bad.stderr)
shutil.rmtree(FOLDER)
tap.done()
