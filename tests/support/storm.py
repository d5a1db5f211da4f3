"""One seeded run of the program through a fault server, and what must hold of it.

    report = storm.Storm(seed, lake_url, lake_folder).run()
    report.problems     # of text: none is a pass

The seed chooses destinations, aggregation, workers, shards, sizes, the wire, the weather (weather.py), and what becomes
of the run:

    survive   everything is delivered
    limited   few attempts, and no end of faults: some of it is not
    fatal     the service refuses for good, somewhere on the way
    signal    Ctrl-C or SIGTERM, once or twice
    kill      kill -9 several times, and --resume"""

import collections
import dataclasses
import http.client
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import faults
import weather

KINESSIS = os.environ["KINESSIS"]
WATCHDOG = 240
SECRETS = ("MarkedSecretKey", "MarkedSessionToken", "Signature=")
COUNTS = re.compile(r" ([\d,]+) generated, ([\d,]+) delivered, ([\d,]+) retried, ([\d,]+) failed in")
TWICE = re.compile(r" ([\d,]+) records were sent again after no answer came")
THROTTLED = re.compile(r" ([\d,]+) sends were throttled")
ADMITTED = re.compile(r"Going on at record .*: up to ([\d,]+) may arrive twice")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
IN_FILE = re.compile(r" ([\d,]+) records are in ")

SCENARIO = """local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario {
  records = kinessis.schema("storm", {
    { "n", fake.sequence(0) }, { "id", fake.uuid() }, { "name", fake.name() }, { "total", fake.decimal(1, 900) },
  }),
  amount = %d, seed = %d, start = "2022-02-02T15:17:07Z",
  to = %s,
  stack = kinessis.stack { %s },
}
"""

def number(match):
    return int(match.group(1).replace(",", "")) if match else 0


@dataclasses.dataclass
class Destination:
    kind: str  # "stream" or "delivery_stream"
    name: str
    options: dict
    shards: int

    @property
    def title(self):
        return ("Kinesis " if self.kind == "stream" else "Firehose ") + self.name

    def lua(self):
        text = "".join(f", {name} = {str(value).lower()}" for name, value in self.options.items())
        key = ', partition_key = "id"' if self.kind == "stream" else ""
        return f'kinessis.{self.kind} {{ name = "{self.name}"{key}{text} }}'


@dataclasses.dataclass
class Report:
    seed: int
    about: str
    problems: list
    seconds: float = 0
    records: int = 0
    duplicates: int = 0
    lost: int = 0
    faults: dict = dataclasses.field(default_factory=dict)


class Storm:
    def __init__(self, seed, url, data=None, kind=None):
        """url: of the server behind; data: its folder, when it is a lake."""
        self.seed, self.url, self.data = seed, url, data
        dice = self.dice = random.Random(f"storm {seed}")
        kinds = ["survive"] * 6 + ["limited"] * 2 + ["fatal", "signal", "kill"]
        self.kind = kind or dice.choice(kinds)
        self.destinations = self.choose_destinations(dice)
        self.workers = dice.randint(1, 4)
        self.amount = dice.randint(50, 400) * (5 if self.kind == "kill" else 1)
        self.weather = weather.Weather(seed, dice, self.kind)
        self.environment = self.choose_environment(dice)
        self.table = dice.random() < 0.3
        self.file = dice.random() < 0.15  # beside the others
        self.reshards = self.data is not None and dice.random() < 0.15
        self.problems = []
        self.admitted = {to.name: collections.Counter() for to in self.destinations}  # by index, what may come twice
        self.said = 0

    def choose_destinations(self, dice):
        kinds = dice.choice([["stream"]] * 5 + [["delivery_stream"]] * 2 + [
            ["stream", "stream"], ["stream", "delivery_stream"], ["delivery_stream", "stream", "stream"]])
        if self.data is None:
            kinds = ["stream"]
        out = []
        for i, kind in enumerate(kinds):
            options = {"max_records": dice.choice([3, 10, 25, 100, 500]), "linger_ms": dice.randint(1, 5),
                       "requests_in_flight": dice.randint(1, 6)}
            if kind == "stream" and dice.random() < 0.4:
                options |= {"aggregate": True, "aggregate_bytes": dice.choice([1024, 2048, 8192])}
            name = f"storm-{self.seed}-{i}-{os.getpid()}"
            out.append(Destination(kind, name, options, dice.randint(1, 8)))
        return out

    def choose_environment(self, dice):
        out = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        out |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1",
                "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
        if dice.random() < 0.5:
            out["AWS_CBOR_DISABLE"] = "1"
        if self.kind == "limited":
            out["AWS_MAX_ATTEMPTS"] = str(dice.choice([1, 2, 3]))
        out["AWS_RETRY_MODE"] = dice.choice(["standard"] * 5 + ["adaptive", "legacy", "legacy"])
        if out["AWS_RETRY_MODE"] == "adaptive":  # a throttle can slow it to a request in two seconds
            self.amount = min(self.amount, 100)
        return out

    @property
    def about(self):
        parts = [f"{'aggregated ' * ('aggregate' in d.options)}{d.kind} x{d.shards}" for d in self.destinations]
        parts += ["file"] * self.file
        return f"{self.kind}{', resharded' * self.reshards}: {' + '.join(parts)}, {self.amount} records, {self.workers} workers"

    def problem(self, text, *details):
        self.problems.append("\n".join([text, *map(str, details)]))

    def expect(self, condition, text, *details):
        if not condition:
            self.problem(text, *details)

    # ---- what is there before ----

    def call(self, operation, value, service="Kinesis_20131202"):
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        scope = "20220202/us-east-1/kinesis/aws4_request"
        connection.request("POST", "/", json.dumps(value), {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{service}.{operation}",
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "Authorization": f"AWS4-HMAC-SHA256 Credential=a/{scope}, SignedHeaders=host, Signature=b"})
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        if reply.status != 200:
            raise RuntimeError(f"{operation}: {text}")
        return json.loads(text) if text else None

    def make(self, to):
        if to.kind == "delivery_stream":
            self.command("run", self.scenario(to.name, [to]), "-n", "0", "-q", "--data", self.data, check=True)
            return
        self.call("CreateStream", {"StreamName": to.name, "ShardCount": to.shards})
        while self.call("DescribeStreamSummary", {"StreamName": to.name})["StreamDescriptionSummary"][
                "StreamStatus"] != "ACTIVE":
            time.sleep(0.01)

    def scenario(self, name, destinations):
        path = os.path.join(self.folder, name + ".lua")
        stack = "delivery_stream = false" if destinations[0].kind == "stream" else ""
        to = [d.lua() for d in destinations]
        if name == "storm" and self.file:
            to.append(f'kinessis.file {{ path = "{self.folder}/lines" }}')
        with open(path, "w") as file:
            file.write(SCENARIO % (self.amount, self.seed, "{ %s }" % ", ".join(to) if len(to) > 1 else to[0], stack))
        return path

    def credentials(self):
        """From a command, so that there are others when they have expired."""
        command, config = os.path.join(self.folder, "keys.sh"), os.path.join(self.folder, "config")
        with open(command, "w") as file:
            file.write("#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"AKID'$(date +%s%N)'\",\"SecretAccessKey\":"
                       "\"MarkedSecretKey\",\"SessionToken\":\"MarkedSessionToken\","
                       "\"Expiration\":\"2099-01-01T00:00:00Z\"}'\n")
        os.chmod(command, 0o700)
        with open(config, "w") as file:
            file.write(f"[default]\ncredential_process = {command}\n")
        return {"AWS_CONFIG_FILE": config}

    # ---- the run ----

    def command(self, *arguments, check=False):
        result = subprocess.run([KINESSIS, *arguments], env=self.environment, capture_output=True, text=True,
                                timeout=WATCHDOG)
        self.look_at_output(result.stdout + result.stderr)
        if check and result.returncode:
            raise RuntimeError(f"{arguments}: {result.returncode}: {result.stderr}")
        return result

    def look_at_output(self, text):
        for word in (*SECRETS, "Sanitizer", "runtime error", "stack traceback", "Assertion"):
            self.expect(word not in text, f"the output holds {word}", text[-4000:])
        self.expect(not CONTROL.search(text), "the output holds control characters", repr(text[-4000:]))

    def start(self, path, *more, meanwhile=None):
        """A run; returns its exit code."""
        with open(os.path.join(self.folder, "log"), "w+") as log:
            process = subprocess.Popen(
                [KINESSIS, "run", path, "--workers", str(self.workers), "--target", self.server.url, *more],
                stdout=log, stderr=log, env=self.environment)
            if meanwhile:
                meanwhile(process)
            self.wait(process)
            log.seek(0)
            self.log = log.read()
        self.server.settle()
        self.look_at_output(self.log)
        if process.returncode == -signal.SIGKILL and "Going on" not in self.log:
            return process.returncode  # before it said anything
        said = number(ADMITTED.search(self.log))
        self.expect(said == self.said, f"{said} are said to arrive twice at most, the state has {self.said}", self.log)
        self.said = 0
        return process.returncode

    def reshard(self):
        """Twice as many shards, or half, at some time; and once more."""
        dice = random.Random(f"reshard {self.seed}")
        server = self.server
        for to in self.destinations:
            for _ in range(2 if to.kind == "stream" else 0):
                at = server.requests + dice.randint(1, 10)
                while server.requests < at and not server.over.wait(0.01):
                    pass
                if server.over.is_set():
                    return
                to.shards = dice.choice([2 * to.shards, (to.shards + 1) // 2])
                self.call("UpdateShardCount", {"StreamName": to.name, "TargetShardCount": to.shards,
                                               "ScalingType": "UNIFORM_SCALING"})
                server.ledger.faults["reshard"] += 1

    def kill(self, process):
        requests = self.server.requests
        while self.server.requests == requests and process.poll() is None:
            time.sleep(0.005)
        time.sleep(self.dice.uniform(0, 0.6))
        process.kill()

    def admit(self):
        """What the state file of a killed run says of records that may arrive twice; False when there is none."""
        path = os.path.join(self.folder, "data/runs/storm.json")
        if not os.path.exists(path):
            self.expect(not self.server.ledger.known, "a run without a state has sent records")
            return False
        with open(path) as file:
            state = json.load(file)
        if state["finished"]:
            return True
        for to in state["destinations"]:
            if to["service"] == "file":
                continue  # it is cut back to what is settled
            left = set(range(state["first"], state["reserved"]))
            for low, high in to["settled"]:
                left.difference_update(range(low, high))
            left = {n for n in left if n < self.amount}
            self.admitted[to["name"]].update(left)
            self.said = max(self.said, len(left))
        return True

    def wait(self, process):
        try:
            process.wait(timeout=WATCHDOG)
        except subprocess.TimeoutExpired:
            stack = subprocess.run(["gdb", "-p", str(process.pid), "-batch", "-ex", "thread apply all bt 20"],
                                   capture_output=True, text=True)
            self.problem(f"it hangs after {WATCHDOG} s", stack.stdout[-20000:])
            process.kill()
            process.wait()

    def signals(self, process):
        dice = self.dice
        while not self.server.requests and process.poll() is None:
            time.sleep(0.005)
        for _ in range(dice.choice([1, 1, 2])):
            time.sleep(dice.uniform(0.02, 0.5))
            process.send_signal(dice.choice([signal.SIGINT, signal.SIGTERM]))

    def run(self):
        begin = time.monotonic()
        report = Report(self.seed, self.about, self.problems)
        with tempfile.TemporaryDirectory(prefix="kinessis-test.") as self.folder:
            self.environment |= self.credentials() | {"KINESSIS_DATA": os.path.join(self.folder, "data")}
            for to in self.destinations:
                self.make(to)
            # moto loses records of requests that come at once
            with faults.Server(self.weather, self.url, in_turn=not self.data) as self.server:
                self.weather.begin(self.server)
                self.go()
                report.faults = dict(self.server.ledger.faults)
            for to in self.destinations:
                report.duplicates += self.server.ledger.duplicates(to.name)
                if to.kind == "stream":
                    self.call("DeleteStream", {"StreamName": to.name})
        report.records = self.amount * len(self.destinations)
        report.lost = sum(len(letters) for letters in self.letters.values())
        report.seconds = time.monotonic() - begin
        return report

    def go(self):
        path = self.scenario("storm", self.destinations)
        if self.reshards:
            threading.Thread(target=self.reshard, daemon=True).start()
        more = []
        if self.kind == "signal":
            more = ["--rate", "1000", "--drain", f"{self.dice.choice([50, 500, 10000])}ms"]
        elif self.kind == "kill":
            more = ["--rate", "1500"]
            for _ in range(self.dice.randint(1, 4)):
                self.start(path, *more, meanwhile=self.kill)
                more = ["--rate", "1500", "--resume"] if self.admit() else more
        code = self.start(path, *more, meanwhile=self.signals if self.kind == "signal" else None)
        self.letters = self.read_letters()
        clean = self.check(code)
        if clean:
            self.redrive()
        for to in self.destinations:
            self.verify(to)
        for trouble in self.server.troubles:
            self.problem("the fault server: " + trouble)
        if self.problems:
            self.problem(self.log, f"faults: {dict(self.server.ledger.faults)}")

    # ---- what must hold ----

    def read_letters(self):
        path = self.dead = os.path.join(self.folder, "data/runs/storm.dead.jsonl")
        out = {to.name: {} for to in self.destinations}
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
            self.look_at_output(text)
            for line in text.splitlines():
                letter = json.loads(line)
                self.expect(letter["index"] not in out[letter["name"]], "a dead letter is there twice", line)
                self.expect(json.loads(letter["data"])["n"] == letter["index"], "a dead letter is another's", line)
                out[letter["name"]][letter["index"]] = letter
        return out

    def arrivals(self, to):
        """By index."""
        return {json.loads(data)["n"]: n for data, n in self.server.ledger.arrivals(to.name).items()}

    def lines(self, to):
        """Of the summary, those of this destination."""
        prefix = f"{to.title}: " if len(self.destinations) + self.file > 1 else ""
        return "\n".join(line for line in self.log.splitlines() if f" - {prefix}" in line)

    def check(self, code):
        ledger = self.server.ledger
        for (name, record), times in ledger.known.items():
            if times > 1 + self.admitted[name][json.loads(record)["n"]]:
                self.problem(f"{name}: a record was sent again though the answer had come", record)
        if code in (-signal.SIGINT, -signal.SIGTERM) and self.kind == "signal":
            return False  # the run was over: its end may be told or not
        if self.kind == "kill" and "Nothing is left to do" in self.log:
            return False  # it was over when it was killed
        any_lost = False
        for to in self.destinations:
            found = COUNTS.search(self.lines(to))
            if not found:
                self.problem(f"{to.title}: does not tell how it ended (exit code {code})")
                return False
            figures = [int(text.replace(",", "")) for text in found.groups()]
            self.check_destination(to, *figures)
            any_lost = any_lost or figures[3] > 0
        self.check_file()
        self.expect(code == any_lost, f"exit code {code}")
        told = number(IN_FILE.search(self.log))
        self.expect(told == sum(map(len, self.letters.values())), f"{told} dead letters are told of")
        return True

    def check_destination(self, to, generated, delivered, retried, failed):
        ledger, letters, arrived = self.server.ledger, self.letters[to.name], self.arrivals(to)
        say = lambda text: f"{to.title}: {text}"
        self.expect(delivered + len(letters) == generated, say(
            f"{delivered} delivered and {len(letters)} dead letters are not {generated} generated"))
        self.expect(delivered + failed == generated, say("delivered and failed are not what was generated"))
        lost = delivered - len(arrived.keys() - letters.keys())
        self.expect(lost == 0 or self.kind == "kill", say(f"{lost} are called delivered and did not arrive"))
        liars = [n for n in letters if n in arrived and not letters[n]["error"].get("may_have_arrived")]
        self.expect(not liars, say(f"{len(liars)} did arrive, and their dead letters do not say that it may be so"),
                    [letters[n] for n in liars[:2]])
        twice = sum(arrived.values()) - len(arrived)
        told = number(TWICE.search(self.lines(to)))
        self.expect(twice <= told or self.kind == "kill", say(f"{twice} arrived twice, {told} were told to be so at most"))
        if self.kind in ("survive", "kill"):
            self.expect(not letters and len(arrived) == self.amount, say("not all was delivered"))
        if self.kind == "survive":
            self.expect(generated == self.amount, say("not all was generated"))
            sent = ledger.sent[to.name]
            self.expect(retried >= sent - generated, say(f"{sent} records came in all; {retried} retried are told"))
            throttled, told_so = number(THROTTLED.search(self.lines(to))), ledger.throttled[to.name]
            self.expect(throttled == told_so, say(f"{throttled} throttles are told, and there were {told_so}"))
        # Requests that met a closed connection are in no ledger.
        if not ledger.faults["reset at once"] and not ledger.faults["then closed"] and self.weather.gone_at is None:
            most = ledger.doubtful[to.name]
            self.expect(told <= most, say(f"{told} are called doubtful, of no more than {most}"))

    def check_file(self):
        """It is right here, and no weather reaches it: what was generated, in order, once."""
        if not self.file:
            return
        with open(os.path.join(self.folder, "lines")) as file:
            numbers = [json.loads(line)["n"] for line in file]
        found = re.search(r" - file [^ ]*: [\d,]+ generated, ([\d,]+) delivered", self.log)
        self.expect(found and (self.kind == "kill" or number(found) == len(numbers)),
                    f"the file has {len(numbers)} records")
        self.expect(numbers == sorted(set(numbers)), "the file's records are out of order, or repeated")
        if self.kind in ("survive", "kill"):
            self.expect(numbers == list(range(self.amount)), f"the file has {len(numbers)} records")

    def redrive(self):
        """What failed is sent again, in better weather."""
        if not os.path.exists(self.dead) or self.weather.gone_at is not None:
            return
        self.weather.calm()
        before = {to.name: self.server.ledger.arrivals(to.name) for to in self.destinations}
        result = self.command("redrive", self.dead, "--target", self.server.url)
        self.server.settle()
        self.expect(result.returncode == 0 and not os.path.exists(self.dead), "redrive fails", result.stderr)
        for to in self.destinations:
            arrived = self.server.ledger.arrivals(to.name) - before[to.name]
            got = sorted(json.loads(data)["n"] for data in arrived.elements())
            self.expect(got == sorted(self.letters[to.name]), f"{to.title}: redrive sends other records than it should",
                        result.stderr)

    def verify(self, to):
        """kinessis verify finds what the ledger knows, no more and no less."""
        if to.kind == "delivery_stream" and not self.table:
            return
        where = ["--data", self.data] if self.data else ["--target", self.url]
        result = self.command("verify", self.scenario(to.name, [to]), "--place",
                              "stream" if to.kind == "stream" else "table", "--json", "--limit", "1000000",
                              "--seed", str(self.seed), "--amount", str(self.amount), *where)
        arrived = self.arrivals(to)
        lost = [n for n in range(self.amount) if n not in arrived]
        twice = sorted(n for n, times in arrived.items() for _ in range(times - 1))
        if result.returncode not in (0, 1) or not result.stdout:
            self.problem(f"{to.title}: verify ends with {result.returncode}", result.stderr)
            return
        place = json.loads(result.stdout)["places"][0]
        found = {verdict: sorted(f["index"] for f in place["findings"] if f["verdict"] == verdict for _ in range(f["times"]))
                 for verdict in ("lost", "duplicated")}
        counts = [place[name] for name in ("lost", "duplicated", "altered", "foreign")]
        if place["cut_short"]:
            return
        self.expect(found == {"lost": lost, "duplicated": twice} and counts == [len(lost), len(twice), 0, 0],
                    f"{to.title}: verify finds {counts}: lost {found['lost'][:9]}, duplicated {found['duplicated'][:9]}",
                    f"the ledger: {len(lost)} lost {lost[:9]}, {len(twice)} duplicated {twice[:9]}")
        self.expect(place["found"]["records"] == sum(arrived.values()),
                    f"{to.title}: verify counts {place['found']['records']}, the ledger {sum(arrived.values())}")
        self.expect(result.returncode == bool(lost or twice), f"{to.title}: verify ends with {result.returncode}")
