"""A fault server: it sits between a client and a server of Kinesis' and Firehose's protocols, and misbehaves as told.

    with faults.Server(decide, "http://127.0.0.1:4567") as server:
        subprocess.run([..., "--target", server.url])
        server.settle()
        server.ledger.arrivals("clicks")   # Counter: how often each record got to the server behind

decide(request) is asked about each request and returns a Fault, or None: then it passes. A Fault may refuse single
records, refuse the whole request, act and not tell, answer late, in part, or never.

The ledger keeps what the client could know. A record is `known` when it was taken and its whole answer was sent;
`blind` when it was taken and was not: whoever sends that one again cannot know better. Records inside of
aggregates are counted one by one."""

import base64
import calendar
import collections
import contextlib
import dataclasses
import email.utils
import functools
import hashlib
import http.client
import json
import select
import socket
import struct
import threading
import time
import urllib.parse

import aggregate
import cbor

BUSY = "ServiceUnavailableException"  # of Firehose: a throttle, too
THROTTLES = ("ProvisionedThroughputExceededException", "LimitExceededException", "TooManyRequestsException")
CBOR_TYPE = "application/x-amz-cbor-1.1"
ALLOWED_SKEW = 300

# operation: where the records, the results and the count of failures are
PUTS = {
    "PutRecords": ("StreamName", "Records", "FailedRecordCount"),
    "PutRecordBatch": ("DeliveryStreamName", "RequestResponses", "FailedPutCount"),
}


@dataclasses.dataclass
class Fault:
    name: str
    refuse: dict = dataclasses.field(default_factory=dict)  # index of a record: its error code
    status: int = 0  # the whole request is refused...
    body: object = None  # ...with this: bytes, a str, or what the protocol's error is made of
    acted: bool = False  # ...though it was acted upon
    raw: bytes = None  # in place of any answer
    wait: float = 0.0  # before it is acted upon
    late: float = 0.0  # before it is answered
    keep: float = 1.0  # of the answer's bytes, what is sent
    bare: bool = False  # without a length: it ends with the connection
    end: str = ""  # afterwards: "close", "reset", "silence"

    @property
    def told(self):
        """The client gets a whole answer."""
        return self.keep >= 1 and self.end not in ("silence", "reset") and self.raw is None

    @property
    def forwards(self):
        return self.acted or not (self.status or self.raw is not None or self.end or self.keep < 1)


@dataclasses.dataclass
class Request:
    number: int  # of all requests, from 0
    operation: str
    target: str
    headers: dict
    body: bytes
    wire: str  # "json" or "cbor"
    value: dict = None  # of a put: the body
    stream: str = ""
    entries: list = dataclasses.field(default_factory=list)  # of a put: lists of the records in each
    attempt: int = 0  # how often the same body came before
    signer: str = ""  # the access key's id
    date: str = ""  # of the signature

    @property
    def records(self):
        return [record for entry in self.entries for record in entry]


class Ledger:
    """By stream and record."""

    def __init__(self):
        self.known = collections.Counter()
        self.blind = collections.Counter()
        self.sent = collections.Counter()  # by stream: records in all requests
        self.doubtful = collections.Counter()  # by stream: records in requests that got no answer, or a 5xx
        self.throttled = collections.Counter()  # by stream: records that were told so
        self.faults = collections.Counter()  # by name

    def arrivals(self, stream):
        out = collections.Counter()
        for book in (self.known, self.blind):
            for (name, record), times in book.items():
                if name == stream:
                    out[record] += times
        return out

    def duplicates(self, stream):
        return sum(times - 1 for times in self.arrivals(stream).values())


def value_code(body):
    return body["__type"] if isinstance(body, dict) else ""


def is_throttle(code):
    return "Throttl" in code or code in THROTTLES


class Server:
    def __init__(self, decide, behind, in_turn=False):
        """in_turn: the server behind gets one request at a time."""
        self.decide = decide
        self.turn = threading.Lock() if in_turn else contextlib.nullcontext()
        self.behind = urllib.parse.urlsplit(behind)
        self.ledger = Ledger()
        self.skew = 0.0  # seconds that its clock is fast
        self.skew_code = "RequestTimeTooSkewed"
        self.expired = set()  # ids of access keys
        self.expired_code = "ExpiredTokenException"
        self.resets = 0  # connections still to be reset when they come
        self.requests = 0
        self.signers = collections.Counter()
        self.troubles = []  # what went wrong in here: a test looks
        self.attempts = collections.Counter()
        self.open = 0  # connections
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.close()

    def close(self):
        """Nobody listens any more."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def settle(self, seconds=60):
        """Waits until what came is through; who sent it has ended."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):  # nobody listens any more, or it is reset
            with socket.create_connection(self.listener.getsockname(), timeout=seconds) as last:
                last.shutdown(socket.SHUT_WR)
                last.recv(1)  # those that came before were accepted
        while self.open and time.monotonic() < deadline:
            time.sleep(0.005)
        if self.open:
            self.troubles.append("requests are still under way")

    # ---- connections ----

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.resets > 0:
                self.resets -= 1
                self.ledger.faults["reset at once"] += 1
                reset(connection)
                continue
            with self.lock:
                self.open += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        upstream = Upstream(self.behind)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as stream:
                while self.answer(connection, stream, upstream):
                    pass
        except OSError:
            pass
        finally:
            upstream.close()
            with self.lock:
                self.open -= 1

    def answer(self, connection, stream, upstream):
        """One request; False when the connection has ended."""
        request = self.read(stream)
        if not request:
            return False
        try:
            return self.handle(connection, request, upstream)
        except OSError:
            raise
        except Exception as error:  # any kind: a test must not pass because its server broke
            self.troubles.append(f"{request.operation}: {error!r}")
            return False

    def read(self, stream):
        line = stream.readline()
        if not line:
            return None
        headers = {}
        while (text := stream.readline()) not in (b"\r\n", b""):
            name, _, value = text.decode("latin-1").partition(":")
            headers[name.strip()] = value.strip()
        low = {name.lower(): value for name, value in headers.items()}
        body = stream.read(int(low.get("content-length", 0)))
        request = Request(0, low.get("x-amz-target", "").rpartition(".")[2], line.split()[1].decode(), headers, body,
                          "cbor" if "cbor" in low.get("content-type", "") else "json")
        request.date = low.get("x-amz-date", "")
        request.signer = low.get("authorization", "").partition("Credential=")[2].partition("/")[0]
        if request.operation in PUTS:
            request.value = cbor.loads(body) if request.wire == "cbor" else json.loads(body)
            request.stream = request.value[PUTS[request.operation][0]]
            request.entries = [self.content(request, entry["Data"]) for entry in request.value["Records"]]
        digest = hashlib.md5(body).digest()
        with self.lock:
            request.number = self.requests
            self.requests += 1
            self.signers[request.signer] += 1
            request.attempt = self.attempts[digest]
            self.attempts[digest] += 1
            self.ledger.sent[request.stream] += len(request.records)
        return request

    @staticmethod
    def content(request, data):
        data = data if request.wire == "cbor" else base64.b64decode(data)
        return [record.removesuffix(b"\n") for _, record in aggregate.read(b"", data)[0]]

    # ---- one request ----

    def handle(self, connection, request, upstream):
        with self.lock:
            fault = self.guard(request) or self.decide(request) or Fault("")
            if fault.name:
                self.ledger.faults[fault.name] += 1
        if fault.wait:
            self.over.wait(fault.wait)
        with self.turn:
            status, headers, value, taken = self.act(request, fault, upstream)
        if fault.status:
            status, value = fault.status, fault.body
        if fault.late:
            self.over.wait(fault.late)
        body = self.encode(request, value)
        told = fault.told
        try:
            data = fault.raw if fault.raw is not None else self.format(request.wire, status, headers, body, fault.bare)
            connection.sendall(data[: int(len(data) * fault.keep)])
        except OSError:
            told = False
        self.account(request, fault, taken, told, status)
        return self.end(connection, fault)

    def guard(self, request):
        """What a server checks before it acts: the time and the key of the signature."""
        if request.signer in self.expired:
            return Fault("expired", status=400, body={"__type": self.expired_code, "message": "it has expired"})
        if self.skew:
            signed = calendar.timegm(time.strptime(request.date or "19700101T000000Z", "%Y%m%dT%H%M%SZ"))
            if abs(time.time() + self.skew - signed) > ALLOWED_SKEW:
                return Fault("skewed", status=403, body={"__type": self.skew_code, "message": "your clock is wrong"})
        return None

    def act(self, request, fault, upstream):
        """status, headers, the reply's value, the entries that were taken."""
        if not fault.forwards:
            return 0, {}, None, []
        kept = [i for i in range(len(request.entries)) if i not in fault.refuse]
        if request.value is None:
            return *upstream.send(request, request.body), []
        if not kept:
            status, headers, value = 200, {}, {PUTS[request.operation][1]: []}
        else:
            less = dict(request.value, Records=[request.value["Records"][i] for i in kept])
            body = request.body if len(kept) == len(request.entries) else self.encode(request, less)
            status, headers, value = upstream.send(request, body)
            if status != 200:
                return status, headers, value, []
        return status, headers, *self.merge(request, fault, kept, value)

    @staticmethod
    def merge(request, fault, kept, value):
        """The reply with the refused records put in, and the entries that were taken."""
        _, results_name, count_name = PUTS[request.operation]
        results = dict(zip(kept, value[results_name]))
        for i, code in fault.refuse.items():
            results[i] = {"ErrorCode": code, "ErrorMessage": "as told"}
        value[results_name] = [results[i] for i in sorted(results)]
        value[count_name] = sum("ErrorCode" in result for result in results.values())
        return value, [request.entries[i] for i in kept if "ErrorCode" not in results[i]]

    def account(self, request, fault, taken, told, status):
        ledger = self.ledger
        with self.lock:
            book = ledger.known if told and status == 200 else ledger.blind
            for entry in taken:
                for record in entry:
                    book[request.stream, record] += 1
            code = value_code(fault.body)
            busy = is_throttle(code) or request.operation == "PutRecordBatch" and code == BUSY
            if told and (status == 429 or status != 200 and busy):
                ledger.throttled[request.stream] += len(request.records)
            elif not told or status >= 500:
                ledger.doubtful[request.stream] += len(request.records)
            else:
                hot = [i for i, code in fault.refuse.items() if is_throttle(code) or code == BUSY]
                ledger.throttled[request.stream] += sum(len(request.entries[i]) for i in hot)

    @staticmethod
    def encode(request, value):
        if value is None:
            return b""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode()
        return cbor.dumps(value) if request.wire == "cbor" else json.dumps(value).encode()

    def format(self, wire, status, headers, body, bare):
        lines = {name: value for name, value in headers.items() if name.lower() == "accept-post"}
        lines["Content-Type"] = CBOR_TYPE if wire == "cbor" else "application/x-amz-json-1.1"
        lines["Date"] = email.utils.formatdate(time.time() + self.skew, usegmt=True)
        if not bare:
            lines["Content-Length"] = len(body)
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {status} As-told\r\n{text}\r\n".encode() + body

    def end(self, connection, fault):
        if fault.end == "reset":
            reset(connection)
        elif fault.end == "silence":
            while not self.over.is_set() and not select.select([connection], [], [], 0.2)[0]:
                pass
        return not (fault.end or fault.bare or fault.keep < 1 or fault.raw is not None)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Upstream:
    """A connection to the server behind. It is opened anew after a pause: a request is never sent twice here."""

    PAUSE = 1  # node closes after five

    def __init__(self, address):
        self.address = address
        self.connection = None
        self.used = 0

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, request, body):
        if time.monotonic() - self.used > self.PAUSE:
            self.close()
        headers = {name: value for name, value in request.headers.items()
                   if name.lower() not in ("content-length", "connection", "host")}
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
                self.connection.connect()
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.request("POST", request.target, body, headers)
            reply = self.connection.getresponse()
            data = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise RuntimeError(f"the server behind: {error!r}") from error
        self.used = time.monotonic()
        if reply.getheader("Connection", "").lower() == "close":
            self.close()
        return reply.status, dict(reply.getheaders()), self.decode(reply, data)

    @staticmethod
    def decode(reply, data):
        try:
            return cbor.loads(data) if "cbor" in reply.getheader("Content-Type", "") else json.loads(data)
        except ValueError:
            return data.decode("latin-1")


# ---- faults by name ----

def refusal(code, status=400, name=None, **more):
    return Fault(name or f"{status} {code}", status=status, body={"__type": code, "message": "as told"}, **more)


def page(status, name=None, **more):
    return Fault(name or f"{status} page", status=status, body="<html>busy</html>", **more)


RESET = functools.partial(Fault, "reset before", end="reset", keep=0)
CLOSE = functools.partial(Fault, "close before", end="close", keep=0)
ACCEPT_AND_RESET = functools.partial(Fault, "reset after", acted=True, end="reset", keep=0)
ACCEPT_AND_CLOSE = functools.partial(Fault, "close after", acted=True, end="close", keep=0)
SILENCE = functools.partial(Fault, "silence", end="silence", keep=0)
ACCEPT_AND_SILENCE = functools.partial(Fault, "silence after", acted=True, end="silence", keep=0)
