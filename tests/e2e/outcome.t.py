"""How a run ended, for programs: exit codes, thresholds, --json-summary; also when it failed or was interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests/support")
import tap

KINESSIS = os.environ["KINESSIS"]
FOLDER = tempfile.mkdtemp(prefix="kinessis-test.")
FILE = FOLDER + "/summary.json"
WAVE = ("scripts/wave.lua", "--dry-run")


def command(*arguments):
    return [KINESSIS, "run", *arguments]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True,
                          env={**os.environ, "KINESSIS_DATA": FOLDER})


def summary():
    with open(FILE) as file:
        return json.load(file)


def scenario(name, text):
    path = f"{FOLDER}/{name}.lua"
    with open(path, "w") as file:
        file.write('local kinessis = require "kinessis"\nreturn kinessis.scenario {\n' + text + "\n}\n")
    return path


# ---- done ----

done = run(*WAVE, "-n", "300", "--seed", "7", "--json-summary", FILE)
told = summary()
tap.equal((done.returncode, told["exit_code"], told["outcome"], told["error"]), (0, 0, "done", None), "a run that is done")
tap.equal((told["format"], told["scenario"], told["seed"], told["amount"], told["generated"]),
          (1, "scripts/wave.lua", 7, 300, 300), "what was run")
to = told["destinations"]
tap.equal([(to[0][name]) for name in ("service", "delivered", "failed", "retried", "throttled")], ["null", 300, 0, 0, 0],
          "what a destination got")
tap.ok(to[0]["latency"]["count"] == 300 and 0 < to[0]["latency"]["p50"] <= to[0]["latency"]["max"], "its latency", to)
tap.ok(told["pace"]["model"] == "open" and told["pace"]["due"] == 300, "its pace", told["pace"])
tap.ok(told["started"] < told["ended"] and told["started"].endswith("Z"), "when", told)
tap.equal(told["thresholds"], [], "no thresholds")

done = run(*WAVE, "-n", "3", "--json-summary", "-")
tap.equal(json.loads(done.stdout)["generated"], 3, "- is stdout")
done = run("scripts/quickstart.lua", "--dry-run", "--json-summary", "-")
tap.ok(done.returncode == 2 and "the records go to stdout" in done.stderr, "but not among records", done.stderr)
tap.equal(json.loads(done.stdout)["exit_code"], 2, "of which there are none then")

# ---- thresholds ----

done = run(*WAVE, "-n", "300", "--threshold", "delivered == 300", "--threshold=delivered > 1M", "--json-summary", FILE)
told = summary()
tap.equal((done.returncode, told["exit_code"], told["outcome"]), (3, 3, "threshold"), "a threshold that is not met")
tap.equal([(one["threshold"], one["passed"], one["measured"]) for one in told["thresholds"]],
          [("delivered == 300", True, 300), ("delivered > 1M", False, 300)], "is told, with what was measured")
tap.ok("ERROR - Threshold NOT met: delivered > 1M: 300." in done.stderr, "to people too", done.stderr)
done = run(*WAVE, "-n", "300", "--quiet", "--threshold", "delivered > 1M")
tap.equal((done.returncode, done.stderr.count("\n")), (3, 1), "and is all that --quiet tells")
done = run(*WAVE, "--threshold", "p99 < 200")
tap.ok(done.returncode == 2 and "A time needs a unit" in done.stderr, "a mistake in one is exit code 2", done.stderr)

path = scenario("strict", 'records = kinessis.schema("n", { { "n", 1 } }), to = kinessis.null {}, amount = 5,\n'
                          'thresholds = { "delivered > 5" }')
tap.equal(run(path).returncode, 3, "a scenario's threshold")
path = scenario("wrong", 'records = kinessis.schema("n", { { "n", 1 } }), to = kinessis.null {}, amount = 5,\n'
                         'thresholds = { "delivered > 5", "p99 < 3" }')
done = run(path, "--json-summary", FILE)
tap.ok(done.returncode == 1 and "wrong.lua:2: scenario.thresholds[2]: 'p99 < 3': 3 of what?" in done.stderr,
       "a scenario's mistake", done.stderr)

# ---- failed ----

told = summary()
tap.ok(told["outcome"] == "failed" and "scenario.thresholds[2]" in told["error"]["message"],
       "a script that raises is told in the summary", told)
done = run(FOLDER + "/absent.lua", "--json-summary", FILE)
tap.ok(done.returncode == 1 and summary()["outcome"] == "failed", "so is one that is not there", summary())
path = scenario("raises", 'records = kinessis.schema("n", { { "n", function(ctx)\n'
                          'if ctx.index == 50 then error "enough" end return 1 end, type = "int" } }),\n'
                          'to = kinessis.null {}, amount = 100, thresholds = { "failed == 0" }')
done = run(path, "--json-summary", FILE, "--workers", "1")
told = summary()
tap.ok(done.returncode == 1 and told["exit_code"] == 1 and "enough" in told["error"]["message"],
       "a run that fails in the middle", told)
tap.equal(told["destinations"][0]["delivered"], 50, "with what was delivered")

shutil.copy(FILE, FILE + ".before")
dead = scenario("dead", 'records = kinessis.schema("n", { { "n", 1 } }), amount = 5,\n'
                        'to = kinessis.stream { name = "s", partition_key = "n" }, thresholds = { "delivered > 5" }')
environment = {**os.environ, "KINESSIS_DATA": FOLDER, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
               "AWS_MAX_ATTEMPTS": "1"}
done = subprocess.run(command(dead, "--target", "http://127.0.0.1:1", "--json-summary", FILE), capture_output=True,
                      text=True, env=environment)
told = summary()
tap.equal((done.returncode, told["exit_code"], told["outcome"]), (1, 1, "failed"),
          "records that were not delivered are 1, whatever the thresholds say")

done = run(*WAVE, "-n", "5", "--json-summary", FOLDER + "/nowhere/summary.json")
tap.ok(done.returncode == 1 and "Started" not in done.stderr and "cannot write" in done.stderr,
       "a file that cannot be written is told before the run", done.stderr)
done = run(*WAVE, "-n", "5", "--json-summary", "/dev/null")
tap.ok(done.returncode == 0 and not os.path.isfile("/dev/null"), "what is no file is written, not replaced", done.stderr)

# ---- interrupted ----

for name, number in (("SIGINT", signal.SIGINT), ("SIGKILL", signal.SIGKILL)):
    os.remove(FILE)
    process = subprocess.Popen(["env", "--default-signal=INT", *command(*WAVE, "--json-summary", FILE, "--progress",
                                                                        "log:100ms")],
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:  # it runs
        if "records/s" in line:
            break
    tap.equal(summary()["outcome"], "running", f"{name}: while it runs")
    process.send_signal(number)
    process.stderr.read()
    code = process.wait()
    told = summary()
    if number == signal.SIGINT:
        tap.equal((code, told["outcome"], told["stopped"], told["amount"]), (0, "done", True, None), "SIGINT: the summary")
    else:
        tap.equal((code, told["outcome"]), (-9, "running"), "SIGKILL: not an older summary")
tap.equal([name for name in os.listdir(FOLDER) if name.startswith("summary.json.") and not name.endswith(".before")], [],
          "nothing is left beside it")

# ---- interrupted when it is over: nothing of it can be seen, so it is held up where it tells ----


def wait_until(happened, what):
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise TimeoutError(what)


def state_of(process):
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def is_waiting(process):
    """Asleep with no worker left: the run is over."""
    return process.poll() is not None or state_of(process) == "S" and len(os.listdir(f"/proc/{process.pid}/task")) == 1


# The summary does not fit stderr: nobody reads it, and it is full.
path = scenario("ended", 'records = kinessis.schema("n", { { "n", 1 } }), amount = 50,\n'
                         f'to = kinessis.file {{ path = "{FOLDER}/ended.jsonl" }}, thresholds = {{ "delivered > 50" }}')
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    stderr, full = os.pipe()
    os.set_blocking(full, False)
    written = 0
    for size in (4096, 1):
        try:
            while True:
                written += os.write(full, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(full, True)
    process = subprocess.Popen(["env", "--default-signal", *command(path, "--quiet", "--state", FOLDER + "/ended.json",
                                                                    "--json-summary", FILE)], stderr=full)
    os.close(full)
    ended = FOLDER + "/ended.json"
    wait_until(lambda: os.path.exists(ended) and json.load(open(ended))["finished"] and is_waiting(process), "its end")
    for _ in range(2):
        process.send_signal(number)
        wait_until(lambda: is_waiting(process), "the handler")
    with open(stderr, "rb") as file:
        text = file.read()[written:]
    tap.ok(process.wait() == 3 and b"Threshold NOT met" in text, f"{number.name} twice after the run: the summary is told",
           process.returncode, text)
    tap.equal((summary()["outcome"], summary()["stopped"]), ("threshold", False), "to programs, too")
    os.remove(ended)

# The document has no reader yet.
os.remove(FILE)
os.mkfifo(FILE)


def begin():
    process = subprocess.Popen(["env", "--default-signal", *command(*WAVE, "-n", "5", "--json-summary", FILE)],
                               stderr=subprocess.PIPE, text=True)
    with open(FILE) as file:
        first = json.load(file)
    tap.equal(first["outcome"], "running", "a pipe is told that it runs")
    for line in process.stderr:
        if "The pace was" in line:
            break
    wait_until(lambda: is_waiting(process), "its end")
    process.send_signal(signal.SIGINT)
    wait_until(lambda: is_waiting(process), "the handler")
    return process


process = begin()
tap.equal(process.poll(), None, "one Ctrl-C while the document is written")
if process.poll() is None:
    tap.equal(summary()["outcome"], "done", "does not prevent it")
tap.equal((process.stderr.read(), process.wait()), ("", 0), "and is all that it does")
process = begin()
process.send_signal(signal.SIGINT)
process.stderr.read()
tap.equal(process.wait(), -signal.SIGINT, "a second one ends it at once")

shutil.rmtree(FOLDER)
tap.done()
