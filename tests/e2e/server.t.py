"""The lake's server over raw sockets: both HTTP versions, and clients that misbehave."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, "tests/support")
import lake  # noqa: E402
import tap  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def connect(pond):
    sock = socket.create_connection(("127.0.0.1", pond.port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except (ConnectionResetError, TimeoutError):
        pass
    return data


def call(pond, target, body, content_type="application/x-amz-json-1.1", method="POST"):
    """Status and JSON of an operation's reply."""
    headers = {"X-Amz-Target": target, "Content-Type": content_type}
    request = urllib.request.Request(pond.url + "/", data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def serves(pond):
    with urllib.request.urlopen(pond.url + "/", timeout=10) as reply:
        return reply.status == 200


def post_head(length, extra=""):
    return (
        f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\n{extra}Content-Length: {length}\r\n\r\n"
    ).encode()


def errors(pond):
    status, body, headers = call(pond, "Kinesis_20131202.CreateStream", b"{")
    tap.equal((status, body["__type"]), (400, "SerializationException"), "malformed JSON")
    tap.ok(re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-RequestId"] or ""), "a request id")
    tap.ok(headers["Date"], "a date")
    status, body, _ = call(pond, "Kinesis_20131202.MakeCoffee", b"{}")
    tap.equal((status, body["__type"]), (400, "UnknownOperationException"), "unknown operation")
    status, body, _ = call(pond, "Tea_2022.Pour", b"{}")
    tap.equal((status, body["__type"]), (400, "UnknownOperationException"), "unknown service")
    status, body, _ = call(pond, "Kinesis_20131202.CreateStream", b"{}")
    tap.equal(status, 400, "missing member")
    tap.ok("streamName" in body["message"] and "must not be null" in body["message"], "says which", body)
    status, body, _ = call(pond, "Firehose_20150804.ListDeliveryStreams", b"{}", "application/x-amz-cbor-1.1")
    tap.ok("CBOR" in body["message"], "CBOR is refused by name where it is not spoken", body)
    status, body, _ = call(pond, "Kinesis_20131202.ListStreams", b" " * (17 << 20))
    tap.equal((status, body["__type"]), (413, "RequestEntityTooLargeException"), "a body that is too large")
    request = urllib.request.Request(pond.url + "/", data=b"Action=GetCallerIdentity&Version=2011-06-15")
    tap.ok("<Account>000000000000</Account>" in urllib.request.urlopen(request).read().decode(), "who am I")
    request = urllib.request.Request(pond.url + "/", data=b"Action=GetCoffee")
    try:
        urllib.request.urlopen(request)
        tap.ok(False, "an unknown action fails")
    except urllib.error.HTTPError as error:
        tap.ok("<Code>InvalidAction</Code>" in error.read().decode(), "an unknown action")


def misbehaving(pond):
    silent = [connect(pond) for _ in range(40)]
    half_preface = connect(pond)
    half_preface.sendall(PREFACE[:10])
    half_head = connect(pond)
    half_head.sendall(b"POST / HTTP/1.1\r\nHost: ")
    endless = connect(pond)
    endless.sendall(post_head(10**6) + b"{")
    endless_chunks = connect(pond)
    endless_chunks.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    tap.ok(serves(pond), "silent, slow and endless clients hold up nobody")
    for sock in silent + [half_preface, half_head, endless, endless_chunks]:
        sock.close()
    for cut in (1, 20, 60, 150):
        sock = connect(pond)
        sock.sendall((post_head(50) + b"{}")[:cut])
        sock.close()
    reset = connect(pond)
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    reset.sendall(post_head(1000) + b"{" * 10)
    reset.close()
    tap.ok(serves(pond), "clients that disconnect half-way")
    for text in (b"nonsense\r\n\r\n", b"\0\1\2\3\4\5\6\7\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100):
        sock = connect(pond)
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        reply = read_all(sock)
        tap.ok(reply == b"" or re.match(rb"HTTP/1\.\d [45]\d\d", reply), f"{text[:12]} is refused", reply[:100])
    sock = connect(pond)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200000 + b"\r\n\r\n")
    tap.ok(re.match(rb"HTTP/1\.1 4\d\d|$", read_all(sock)), "headers that are too large")
    sock = connect(pond)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(300)) + b"\r\n")
    sock.shutdown(socket.SHUT_WR)
    tap.ok(not read_all(sock).startswith(b"HTTP/1.1 200"), "too many headers")
    tap.ok(serves(pond), "and the server still serves")


def http1(pond):
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    sock = connect(pond)
    sock.sendall(get * 4 + last)
    tap.equal(read_all(sock).count(b"HTTP/1.1 200 OK"), 5, "pipelining")
    sock = connect(pond)
    for byte in last:
        sock.sendall(bytes([byte]))
    tap.ok(read_all(sock).startswith(b"HTTP/1.1 200"), "a request byte by byte")
    sock = connect(pond)
    sock.sendall(post_head(2, "Expect: 100-continue\r\nConnection: close\r\n"))
    first = sock.recv(100)
    tap.ok(first.startswith(b"HTTP/1.1 100"), "Expect: 100-continue, before the body is sent", first)
    sock.sendall(b"{}")
    tap.ok(re.match(rb"HTTP/1\.1 200", read_all(sock)), "then the answer")
    sock = connect(pond)
    sock.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = read_all(sock).partition(b"\r\n\r\n")
    tap.ok(head.startswith(b"HTTP/1.1") and body == b"", "HEAD has no body")
    chunked = b"PUT /bucket1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    sock = connect(pond)
    sock.sendall(chunked)
    tap.ok(read_all(sock).startswith(b"HTTP/1.1 200"), "a chunked request")


HEADERS, RST_STREAM, SETTINGS = 1, 3, 4
GET_ROOT = b"\x82\x86\x84\x41\x01x"  # HPACK: GET, http, /, :authority x


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise EOFError("the connection ended inside a frame")
        data += piece
    return data


def read_frame(sock):
    head = read_exactly(sock, 9)
    return head[3], head[4], int.from_bytes(head[5:], "big"), read_exactly(sock, int.from_bytes(head[:3], "big"))


def curl(*arguments, data=None):
    command = ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def http2(pond):
    tap.ok(b"ListAllMyBucketsResult" in curl(pond.url + "/"), "HTTP/2 by prior knowledge")
    version = curl("-o", "/dev/null", "-w", "%{http_version} %{response_code}", pond.url + "/")
    tap.equal(version, b"2 200", "it is HTTP/2")
    head = curl("-I", pond.url + "/bucket1")
    tap.ok(b"x-amz-bucket-region: us-east-1" in head and head.startswith(b"HTTP/2 200"), "HEAD", head)
    reply = curl("-d", "{", "-H", "X-Amz-Target: Kinesis_20131202.ListStreams", "-H",
                 "Content-Type: application/x-amz-json-1.1", pond.url + "/")
    tap.equal(json.loads(reply)["__type"], "SerializationException", "an error")
    large = os.urandom(1 << 20) * 20
    curl("-T", "-", pond.url + "/bucket1/large", data=large)
    tap.ok(curl(pond.url + "/bucket1/large") == large, "20 MiB up and down, by flow control")
    part = curl("-r", "5-9", pond.url + "/bucket1/large")
    tap.equal(part, large[5:10], "a range")
    sock = connect(pond)
    streams = range(1, 101, 2)
    sock.sendall(PREFACE + frame(SETTINGS, 0, 0) + b"".join(frame(HEADERS, 5, n, GET_ROOT) for n in streams))
    answered, ended = set(), set()
    while len(ended) < 50:
        kind, flags, stream, payload = read_frame(sock)
        if kind == HEADERS and payload[:1] == b"\x88":  # :status 200, by its index
            answered.add(stream)
        if stream and flags & 1:
            ended.add(stream)
    tap.ok(answered == ended == set(streams), "fifty streams at once")
    sock.sendall(frame(HEADERS, 4, 101, GET_ROOT) + frame(RST_STREAM, 0, 101, b"\0\0\0\x08"))
    sock.sendall(frame(HEADERS, 4, 103, GET_ROOT) + frame(HEADERS, 5, 103, b"\0\x01a\x01b"))
    while True:
        kind, flags, stream, payload = read_frame(sock)
        if stream == 103 and flags & 1:
            break
    tap.ok(True, "a stream that is reset, and one with trailers")
    sock.close()
    for text in (PREFACE, PREFACE + b"garbage that is no frame" * 10, PREFACE + b"\0" * 5000):
        sock = connect(pond)
        sock.sendall(text)
        sock.close()
    for cut in range(1, len(PREFACE)):
        sock = connect(pond)
        sock.sendall(PREFACE[:cut])
        sock.close()
    tap.ok(serves(pond), "broken HTTP/2 clients")


def together(pond):
    failed = []

    def work():
        for _ in range(25):
            try:
                serves(pond)
            except OSError as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(failed, [], "sixteen clients at once, a connection for each request")


def one_lake_per_folder(pond):
    second = subprocess.run([lake.KINESSIS, "lake", "--port", "0", "--data", pond.folder], capture_output=True, text=True)
    tap.equal(second.returncode, 1, "a second lake on the folder is refused")
    tap.ok(f"port {pond.port}" in second.stderr and str(pond.process.pid) in second.stderr, "and told who has it", second.stderr)
    other = subprocess.run(
        [lake.KINESSIS, "lake", "--port", str(pond.port), "--data", pond.folder + "/other"], capture_output=True, text=True
    )
    tap.ok(other.returncode == 1 and str(pond.port) in other.stderr, "a second lake on the port too", other.stderr)


def endings(pond):
    pond.kill()
    tap.ok(os.path.exists(os.path.join(pond.folder, "lake.json")), "killed: its file is still there")
    pond.start()
    tap.ok(serves(pond), "and the folder is free for the next")
    busy = connect(pond)
    busy.sendall(post_head(1000))
    idle = connect(pond)
    h2 = connect(pond)
    h2.sendall(PREFACE + b"\0\0\0\4\0\0\0\0\0")
    h2.recv(100)
    tap.equal(pond.stop(signal.SIGTERM), 0, "SIGTERM ends it with 0, whatever clients hold open")
    frames = read_all(h2)
    tap.ok(b"\x07\0\0\0\0\0" in frames, "HTTP/2 clients are told by GOAWAY", frames)
    busy.close()
    idle.close()
    tap.ok(not os.path.exists(os.path.join(pond.folder, "lake.json")), "its file is gone")
    started = time.monotonic()
    pond.start()
    print(f"# ready after {(time.monotonic() - started) * 1000:.0f} ms")
    tap.equal(pond.stop(signal.SIGINT), 0, "SIGINT too")


with lake.Lake() as pond:
    errors(pond)
    misbehaving(pond)
    http1(pond)
    http2(pond)
    together(pond)
    one_lake_per_folder(pond)
    endings(pond)
tap.done()
