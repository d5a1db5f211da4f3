"""One seeded run of the program through a fault server, and what must hold of it.

    report = storm.Storm(seed, lake_url, lake_folder).run()
    report.problems     # of text: none is a pass

The seed chooses destinations, aggregation, workers, shards, sizes, the wire, and which faults come how often. What a
request meets follows from the seed, what is in it, and how often it was tried, so that the same seed makes much
the same weather."""

import dataclasses
import json
import hashlib
import http.client
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import urllib.parse

import faults

KINESSIS = os.environ["KINESSIS"]
WATCHDOG = 240
SECRETS = ("MarkedSecretKey", "MarkedSessionToken", "Signature=")
COUNTS = re.compile(r" ([\d,]+) generated, ([\d,]+) delivered, ([\d,]+) retried, ([\d,]+) failed in")
TWICE = re.compile(r" ([\d,]+) records were sent again after no answer came")
THROTTLED = re.compile(r" ([\d,]+) sends were throttled")
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

# What may happen to a request, by name: functions of (dice, request).
QUIET = {  # nothing was acted upon
    "throttle": lambda dice, r: faults.refusal(dice.choice(["LimitExceededException", "ThrottlingException"])),
    "429": lambda dice, r: faults.refusal("TooManyRequestsException", 429),
    "500": lambda dice, r: faults.refusal("InternalFailure", 500),
    "502": lambda dice, r: faults.page(502),
    "503": lambda dice, r: faults.refusal("ServiceUnavailableException", 503),
    "504": lambda dice, r: faults.page(504),
    "reset before": lambda dice, r: faults.RESET(),
    "close before": lambda dice, r: faults.CLOSE(),
    "stall": lambda dice, r: faults.RESET(wait=dice.uniform(0.05, 0.4)),
}
BLIND = {  # it was, and nobody is told
    "reset after": lambda dice, r: faults.ACCEPT_AND_RESET(),
    "close after": lambda dice, r: faults.ACCEPT_AND_CLOSE(),
    "stall after": lambda dice, r: faults.ACCEPT_AND_RESET(late=dice.uniform(0.05, 0.4)),
    "500 after": lambda dice, r: faults.refusal("InternalFailure", 500, "500 after", acted=True),
    "503 after": lambda dice, r: faults.page(503, name="503 after", acted=True),
    "cut": lambda dice, r: faults.Fault("cut", acted=True, keep=dice.random(), end=dice.choice(["close", "reset"])),
}
SLOW = {  # it was, and is told
    "late": lambda dice, r: faults.Fault("late", wait=dice.uniform(0, 0.1), late=dice.uniform(0, 0.1)),
    "then closed": lambda dice, r: faults.Fault("then closed", end="close"),
    "without length": lambda dice, r: faults.Fault("without length", bare=True),
}
CONNECTION = ("reset before", "close before", "stall", "reset after", "close after", "stall after", "cut")
RECORD_CODES = {
    "PutRecords": ["ProvisionedThroughputExceededException", "InternalFailure", "KMSThrottlingException"],
    "PutRecordBatch": ["ServiceUnavailableException", "InternalFailure"],
}
FATAL = {
    "no stream": lambda dice, r: faults.refusal("ResourceNotFoundException"),
    "denied": lambda dice, r: faults.refusal("AccessDeniedException"),
    "expired": lambda dice, r: faults.refusal("ExpiredTokenException"),
    "garbage": lambda dice, r: faults.Fault("garbage", acted=dice.random() < 0.5, raw=b"\0\1\2 what?\r\n\r\n", end="close"),
    "half without length": lambda dice, r: faults.Fault("half without length", acted=True, bare=True, keep=0.8),
}


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


class Weather:
    """What requests meet. Called by the fault server, under its lock."""

    def __init__(self, seed, dice, kind):
        self.seed, self.kind = seed, kind
        self.p = dice.choice([0, 0.1, 0.25, 0.5])
        self.p_record = dice.choice([0, 0, 0.03, 0.15])
        names = [*QUIET, *BLIND, *SLOW]
        self.names = dice.sample(names, dice.randint(1, len(names)))
        self.mercy = dice.choice([1, 2]) if kind != "limited" else 99
        self.fatal = dice.choice(list(FATAL)) if kind == "fatal" else None
        self.fatal_at = dice.randint(0, 15)
        self.permanent = kind == "limited" and dice.random() < 0.4
        self.silence_at = {True: 0, False: None}[dice.random() < 1 / 40]
        if dice.random() < 1 / 200:
            self.silence_at = dice.randint(1, 10)
        self.silence_acts = dice.random() < 0.5
        self.skew = dice.choice([-7200, -400, 400, 3600, 86400 * 30]) if dice.random() < 0.15 else 0
        self.skew_at = dice.choice([0, 5])
        self.skew_code = dice.choice(["RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"])
        self.expire_at = dice.randint(0, 12) if dice.random() < 0.15 and kind != "fatal" else None
        self.expired_code = dice.choice(["ExpiredTokenException", "UnrecognizedClientException"])
        self.gone_at = dice.randint(3, 20) if kind == "limited" and dice.random() < 0.15 else None
        self.sends = {}

    def begin(self, server):
        self.server = server
        server.resets = 1 if "reset before" in self.names else 0
        server.skew_code, server.expired_code = self.skew_code, self.expired_code
        if self.skew_at == 0:
            server.skew = self.skew

    def calm(self):
        self.server.decide = lambda request: None
        self.server.expired.clear()

    def __call__(self, request):
        number = request.number
        if self.skew and number >= self.skew_at:
            self.server.skew = self.skew
        if number == self.expire_at:
            self.server.expired.add(request.signer)
        if number == self.gone_at:
            self.server.close()
        if number == self.silence_at:
            return (faults.ACCEPT_AND_SILENCE if self.silence_acts else faults.SILENCE)()
        if self.fatal and number >= self.fatal_at and (self.fatal != "garbage" or number == self.fatal_at):
            return FATAL[self.fatal](random.Random(f"{self.seed} {number}"), request)
        return self.request_fault(request) or self.record_faults(request)

    def request_fault(self, request):
        dice = random.Random(f"{self.seed} {request.attempt} {hashlib.md5(request.body).hexdigest()}")
        if request.attempt >= self.mercy or dice.random() >= self.p:
            return None
        name = dice.choice(self.names)
        for faults_of in (QUIET, BLIND, SLOW):
            if name in faults_of:
                return faults_of[name](dice, request)

    def record_faults(self, request):
        refuse = {}
        for i, entry in enumerate(request.entries):
            sends = self.sends[request.stream, entry[0]] = self.sends.get((request.stream, entry[0]), -1) + 1
            dice = random.Random(f"{self.seed} {request.stream} {sends} {entry[0]}")
            if self.permanent and request.operation == "PutRecords" and dice.random() < 0.02:
                refuse[i] = "KMSAccessDeniedException"
            elif self.p_record and (sends < 3 or self.kind == "limited") and dice.random() < self.p_record:
                refuse[i] = dice.choice(RECORD_CODES[request.operation])
        return faults.Fault("records", refuse=refuse) if refuse else None


class Storm:
    def __init__(self, seed, url, data=None, kind=None):
        """url: of the server behind; data: its folder, when it is a lake."""
        self.seed, self.url, self.data = seed, url, data
        dice = self.dice = random.Random(f"storm {seed}")
        kinds = ["survive"] * 6 + ["limited"] * 2 + ["fatal", "signal"]
        self.kind = kind or dice.choice(kinds)
        self.destinations = self.choose_destinations(dice)
        self.workers = dice.randint(1, 4)
        self.amount = dice.randint(50, 400)
        self.weather = Weather(seed, dice, self.kind)
        self.environment = self.choose_environment(dice)
        self.table = dice.random() < 0.3
        self.problems = []
        self.signals_sent = 0

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
        out["AWS_RETRY_MODE"] = dice.choice(["standard", "standard", "adaptive", "legacy"])
        return out

    @property
    def about(self):
        parts = [f"{'aggregated ' * ('aggregate' in d.options)}{d.kind} x{d.shards}" for d in self.destinations]
        return f"{self.kind}: {' + '.join(parts)}, {self.amount} records, {self.workers} workers"

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
            self.command("run", self.scenario([to]), "-n", "0", "-q", "--data", self.data, check=True)
            return
        self.call("CreateStream", {"StreamName": to.name, "ShardCount": to.shards})
        while self.call("DescribeStreamSummary", {"StreamName": to.name})["StreamDescriptionSummary"][
                "StreamStatus"] != "ACTIVE":
            time.sleep(0.01)

    def scenario(self, destinations):
        name = "storm" if len(destinations) == len(self.destinations) else destinations[0].name
        path = os.path.join(self.folder, name + ".lua")
        to = ", ".join(d.lua() for d in destinations)
        stack = "delivery_stream = false" if destinations[0].kind == "stream" else ""
        with open(path, "w") as file:
            file.write(SCENARIO % (self.amount, self.seed, "{ %s }" % to if len(destinations) > 1 else to, stack))
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
        self.signals_sent = dice.choice([1, 1, 2])
        for _ in range(self.signals_sent):
            time.sleep(dice.uniform(0.02, 0.5))
            process.send_signal(dice.choice([signal.SIGINT, signal.SIGTERM]))

    def run(self):
        begin = time.monotonic()
        report = Report(self.seed, self.about, self.problems)
        with tempfile.TemporaryDirectory(prefix="kinessis-test.") as self.folder:
            self.environment |= self.credentials() | {"KINESSIS_DATA": os.path.join(self.folder, "data")}
            for to in self.destinations:
                self.make(to)
            with faults.Server(self.weather, self.url) as self.server:
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
        path = self.scenario(self.destinations)
        more = ["--rate", "1000", "--drain", f"{self.dice.choice([50, 500, 10000])}ms"] if self.kind == "signal" else []
        with open(os.path.join(self.folder, "log"), "w+") as log:
            process = subprocess.Popen(
                [KINESSIS, "run", path, "--workers", str(self.workers), "--target", self.server.url, *more],
                stdout=log, stderr=log, env=self.environment)
            if self.kind == "signal":
                self.signals(process)
            self.wait(process)
            log.seek(0)
            self.log = log.read()
        self.server.settle()
        self.look_at_output(self.log)
        self.letters = self.read_letters()
        clean = self.check(process.returncode)
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
        prefix = f"{to.title}: " if len(self.destinations) > 1 else ""
        return "\n".join(line for line in self.log.splitlines() if f" - {prefix}" in line)

    def check(self, code):
        ledger = self.server.ledger
        again = ledger.twice_known()
        self.expect(not again, f"{len(again)} records were sent again though the answer had come", again[:3])
        if code in (-signal.SIGINT, -signal.SIGTERM) and self.signals_sent > 1:
            return False  # the second one came when the run was over
        any_lost = False
        for to in self.destinations:
            found = COUNTS.search(self.lines(to))
            if not found:
                self.problem(f"{to.title}: does not tell how it ended (exit code {code})")
                return False
            figures = [int(text.replace(",", "")) for text in found.groups()]
            self.check_destination(to, *figures)
            any_lost = any_lost or figures[3] > 0
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
        self.expect(lost == 0, say(f"{lost} are called delivered and did not arrive"))
        liars = [n for n in letters if n in arrived and not letters[n]["error"].get("may_have_arrived")]
        self.expect(not liars, say(f"{len(liars)} did arrive, and their dead letters do not say that it may be so"),
                    [letters[n] for n in liars[:2]])
        twice = sum(arrived.values()) - len(arrived)
        told = number(TWICE.search(self.lines(to)))
        self.expect(twice <= told, say(f"{twice} arrived twice, {told} were told to be so at most"))
        if self.kind in ("survive",):
            self.expect((generated, failed) == (self.amount, 0), say("not all was delivered"))
            sent = ledger.sent[to.name]
            self.expect(retried >= sent - generated, say(f"{sent} records came in all; {retried} retried are told"))
            throttled, told_so = number(THROTTLED.search(self.lines(to))), ledger.throttled[to.name]
            self.expect(throttled == told_so, say(f"{throttled} throttles are told, and there were {told_so}"))
        # Requests that met a closed connection are in no ledger.
        if not ledger.faults["reset at once"] and not ledger.faults["then closed"]:
            most = ledger.doubtful[to.name]
            self.expect(told <= most, say(f"{told} are called doubtful, of no more than {most}"))

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
        result = self.command("verify", self.scenario([to]), "--place",
                              "stream" if to.kind == "stream" else "table", "--json", "--limit", "1000000", *where)
        arrived = self.arrivals(to)
        lost = [n for n in range(self.amount) if n not in arrived]
        twice = sorted(n for n, times in arrived.items() for _ in range(times - 1))
        if result.returncode not in (0, 1) or not result.stdout:
            self.problem(f"{to.title}: verify ends with {result.returncode}", result.stderr)
            return
        place = json.loads(result.stdout)["places"][0]
        found = {verdict: sorted(f["index"] for f in place["findings"] if f["verdict"] == verdict)
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
