"""Prometheus's own parser for Python reads what kinessis run --metrics serves."""

import os
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, "tests/support")
import tap

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError as error:
    tap.skip_all(f"prometheus_client is not installed: {error}")

process = subprocess.Popen(
    ["env", "--default-signal=INT", os.environ["KINESSIS"], "run", "scripts/wave.lua", "--dry-run", "--metrics", ":0"],
    stderr=subprocess.PIPE, text=True)
url = None
for line in process.stderr:
    url = url or re.search(r"Metrics are at (\S+)", line)
    if "Started data generation" in line:
        break
with urllib.request.urlopen(url[1], timeout=20) as reply:
    families = {family.name: family for family in text_string_to_metric_families(reply.read().decode())}
process.send_signal(2)
process.stderr.read()
tap.equal(process.wait(), 0, "the run ends well")
for name, kind in (("kinessis_generated", "counter"), ("kinessis_delivered", "counter"), ("kinessis_failed", "counter"),
                   ("kinessis_latency_seconds", "histogram"), ("kinessis_latency_quantiles_seconds", "summary"),
                   ("kinessis_asked_records_per_second", "gauge"), ("kinessis_build_info", "gauge")):
    tap.ok(name in families and families[name].type == kind, f"{name} is a {kind}", sorted(families))
    tap.ok(families[name].documentation and families[name].samples, "with a help text and samples", families[name])
buckets = [sample for sample in families["kinessis_latency_seconds"].samples if sample.name.endswith("_bucket")]
tap.equal([float(sample.labels["le"]) for sample in buckets], sorted(float(sample.labels["le"]) for sample in buckets),
          "bounds rise to +Inf")
tap.done()
