"""What no honest client sends: cut and malformed bodies, requests against the rules of HTTP/1.1 and HTTP/2, texts
that break what handles them. Each is answered or closed, and the lake serves on."""

import http.client
import json
import os
import random
import re
import socket
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, "tests/support")
import lake  # noqa: E402
import tap  # noqa: E402

TYPE = "application/x-amz-json-1.1"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
GET_ROOT = b"\x82\x86\x84\x41\x01x"  # HPACK: GET, http, /, :authority x

seed = int(os.environ.get("KINESSIS_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
print(f"# seed {seed}")
chance = random.Random(seed)


def call(pond, target, body, content_type=TYPE):
    """Status and reply of an operation; the body is bytes, or becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", pond.port, timeout=20)
    connection.request("POST", "/", data, {"X-Amz-Target": target, "Content-Type": content_type})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def get(pond, path):
    try:
        with urllib.request.urlopen(pond.url + path, timeout=20) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def serves(pond):
    return call(pond, "Kinesis_20131202.ListStreams", {})[0] == 200


def connect(pond):
    sock = socket.create_connection(("127.0.0.1", pond.port))
    sock.settimeout(10)
    return sock


def read_all(sock):
    """What comes until the other side closes (b"" when it just does)."""
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except (ConnectionError, TimeoutError):
        pass
    sock.close()
    return data


def send(sock, data):
    """Sends as much as the other side takes."""
    try:
        sock.sendall(data)
        return True
    except (ConnectionError, TimeoutError):
        return False


def refused(reply):
    return reply == b"" or re.match(rb"HTTP/1\.\d [45]\d\d", reply)


def bodies(pond):
    record = {"Data": "e30=", "PartitionKey": "k", "ExplicitHashKey": "1"}
    whole = json.dumps({"StreamName": "s", "Records": [record, record]}).encode()
    wrong = []
    for cut in range(len(whole)):
        status, reply = call(pond, "Kinesis_20131202.PutRecords", whole[:cut])
        if (status, reply["__type"]) != (400, "SerializationException"):
            wrong.append((cut, status, reply))
    tap.equal(wrong, [], "a body cut anywhere is malformed")
    deep = {b"[": b"]", b'{"a":': b"}"}
    for begin, end in deep.items():
        for text in (begin * 10000, begin * 10000 + b"1" + end * 10000, b'{"StreamName":' + begin * 10000):
            status, reply = call(pond, "Kinesis_20131202.PutRecords", text)
            if (status, reply["__type"]) != (400, "SerializationException"):
                wrong.append((text[:20], status, reply))
    tap.equal(wrong, [], "10,000 nested brackets too")
    bad = (b"\xff\xfe", b'{"StreamName":"\xc3"}', b'{"StreamName":"\xed\xa0\x80"}', b'{"StreamName":"\\ud800"}',
           b'{"StreamName":"a\\u0000b"}', b'{"\xff":1}', b"\0" * 100, b'{"StreamName":1e999}')
    for text in bad:
        status, reply = call(pond, "Kinesis_20131202.DescribeStream", text)
        if (status, reply["__type"]) != (400, "SerializationException"):
            wrong.append((text, status, reply))
    tap.equal(wrong, [], "and text that is not UTF-8, or holds a NUL")
    status, reply = call(pond, "Kinesis_20131202.DescribeStream", b'{"StreamName":"s","StreamName":"other"}')
    tap.equal((status, reply["__type"]), (400, "ResourceNotFoundException"), "of two members the last counts")


def messages(pond):
    """What is quoted in an error is cut somewhere, and may be anything: the reply stays JSON, or XML."""
    for n in range(4):
        status, reply = call(pond, "Kinesis_20131202.DescribeStream", {"StreamName": "x" * n + "\u00e9\u65e5\U0001f600" * 200})
        tap.equal((status, reply["__type"]), (400, "ValidationException"), f"a name of other letters, {n} bytes on")
    status, reply = call(pond, "Kinesis_20131202.\xff\xfe", {})
    tap.equal((status, reply["__type"]), (400, "UnknownOperationException"), "an operation that is not UTF-8")
    from xml.etree import ElementTree

    status, reply = get(pond, "/bucket/%ff%fe")
    tap.equal(ElementTree.fromstring(reply).findtext("Code"), "InvalidArgument" if status == 400 else "NoSuchKey", "so is a key")
    status, reply = get(pond, "/%ff%fe/key")
    tap.ok(status in (400, 404) and ElementTree.fromstring(reply).findtext("Code"), "and a bucket")


def integers(pond):
    status, _ = call(pond, "Kinesis_20131202.CreateStream", {"StreamName": "real", "ShardCount": 2.0})
    _, reply = call(pond, "Kinesis_20131202.DescribeStream", {"StreamName": "real"})
    tap.equal(len(reply["StreamDescription"]["Shards"]), 2, "2.0 shards are two")
    for n in range(3):
        call(pond, "AWSGlue.CreateDatabase", {"DatabaseInput": {"Name": f"d{n}"}})
    _, reply = call(pond, "AWSGlue.GetDatabases", {"MaxResults": 2.0})
    tap.equal(len(reply["DatabaseList"]), 2, "a page of 2.0 has two")


def types(pond):
    """Every member of a request with values of every type."""
    requests = {
        "Kinesis_20131202.PutRecords": {"StreamName": "s", "Records": [{"Data": "e30=", "PartitionKey": "k"}]},
        "Kinesis_20131202.GetShardIterator": {"StreamName": "s", "ShardId": "shardId-000000000000",
                                              "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1.5},
        "Firehose_20150804.CreateDeliveryStream": {
            "DeliveryStreamName": "f", "Tags": [{"Key": "k", "Value": "v"}],
            "ExtendedS3DestinationConfiguration": {
                "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bucket", "Prefix": "p/",
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
                "ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]},
                "DataFormatConversionConfiguration": {
                    "SchemaConfiguration": {"RoleARN": "r", "DatabaseName": "d0", "TableName": "t"},
                    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {"ColumnToJsonKeyMappings": {"a": "b"}}}},
                    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}}}}},
        "AWSGlue.CreateTable": {
            "DatabaseName": "d0",
            "TableInput": {"Name": "t", "Parameters": {"projection.enabled": "true"}, "PartitionKeys": [{"Name": "p", "Type": "int"}],
                           "StorageDescriptor": {"Location": "s3://bucket/t/", "Columns": [{"Name": "a", "Type": "int"}],
                                                 "SerdeInfo": {"SerializationLibrary": "json", "Parameters": {"a": "b"}}}}},
        "AWSGlue.BatchCreatePartition": {"DatabaseName": "d0", "TableName": "t", "PartitionInputList": [{"Values": ["1"]}]},
        "AmazonAthena.StartQueryExecution": {
            "QueryString": "SELECT 1", "QueryExecutionContext": {"Database": "d0"}, "ExecutionParameters": ["1"],
            "ResultConfiguration": {"OutputLocation": "s3://bucket/out/"}, "WorkGroup": "primary"},
    }
    values = (None, True, -1, 1e300, 2**63, -(2**63) - 1, 1.5, "", "x" * 70000, "../../x", "%s%n", [], [None], [[]], {}, {"a": None})
    broken, tried = [], 0

    def places(value, path=()):
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in items:
            yield (*path, key)
            yield from places(child, (*path, key))

    for target, request in requests.items():
        for place in places(request):
            for value in values:
                changed = json.loads(json.dumps(request))
                at = changed
                for key in place[:-1]:
                    at = at[key]
                at[place[-1]] = value
                status, reply = call(pond, target, changed)
                tried += 1
                if status >= 500 or (status != 200 and not (reply["__type"] and reply["message"])):
                    broken.append((target, place, value, status, reply))
    tap.equal(broken, [], f"{tried} requests with a member of another type: none is the lake's failure")


def deep(pond):
    """A document is kept within others: as deep as a body may be, it must not be too deep to be read again."""
    start = b'{"QueryString":"SELECT 1","ResultConfiguration":{"OutputLocation":"s3://bucket/out/"},"ExecutionParameters":%s}'
    for levels, code in (500, 200), (600, 400), (2046, 400):
        status, reply = call(pond, "AmazonAthena.StartQueryExecution", start % (b"[" * levels + b"]" * levels))
        tap.equal(status, code, f"{levels} levels in a list of parameters")
    tap.equal(pond.stop(), 0, "the lake ends")
    pond.start()
    tap.ok(serves(pond), "and opens with what it holds")


def statements(pond):
    """Athena's statements about the catalog, cut and of other letters."""
    out = {"OutputLocation": "s3://bucket/out/"}
    for text, reason in {
        "SHOW TABLES IN \u00e9": "Database \u00e9 not found.",
        "SHOW TABLES IN d0 `": "the quote ` is not closed",
        "SHOW TABLES IN d0 'x": "the quote ' is not closed",
        "DROP TABLE ``.``": "Database  not found.",
        "CREATE DATABASE ``": "mismatched input",
        "SHOW TABLES IN " + "\u00e9" * 256: "too long",
        "CREATE DATABASE " + "x" * 510 + "\u00e9": "too long",
    }.items():
        status, reply = call(pond, "AmazonAthena.StartQueryExecution", {"QueryString": text, "ResultConfiguration": out})
        ended = {"State": "QUEUED"}
        while status == 200 and ended["State"] in ("QUEUED", "RUNNING"):
            time.sleep(0.02)
            _, found = call(pond, "AmazonAthena.GetQueryExecution", reply)
            ended = found["QueryExecution"]["Status"]
        tap.ok(reason in ended.get("StateChangeReason", ""), text[:40], status, ended)
    tap.ok(serves(pond), "the lake serves on")


def names(pond):
    """What stands between the parts of a key in the store is part of no name."""
    glue = {"DatabaseName": "d0", "TableName": "k"}
    key = [{"Name": "p", "Type": "string"}, {"Name": "q", "Type": "string"}]
    call(pond, "AWSGlue.CreateTable", {"DatabaseName": "d0", "TableInput": {"Name": "k", "PartitionKeys": key}})
    for target, body in {
        "CreateDatabase": {"DatabaseInput": {"Name": "d0\x1fk"}},
        "CreateTable": {"DatabaseName": "d0", "TableInput": {"Name": "a\x1fb"}},
        "CreatePartition": {**glue, "PartitionInput": {"Values": ["a\x1fb", "c"]}},
        "GetTables": {"DatabaseName": "d0\x1fk"},
    }.items():
        status, reply = call(pond, "AWSGlue." + target, body)
        tap.equal((status, reply.get("__type")), (400, "InvalidInputException"), f"{target}: a control character in a name")


def expressions(pond):
    """Of a few characters, that would take gigabytes written out."""
    for text, code in {
        "(((a{255}){255}){255}){255}": 400,
        "(" * 40 + "a" + "+)" * 40: 400,
        "(((a{1,}){9999999999})": 400,
        "(" * 1000: 400,
        "k{1,3}|[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}": 200,
        "(k+)+": 200,
        "[": 400,
    }.items():
        status, reply = call(pond, "AWSGlue.GetTables", {"DatabaseName": "d0", "Expression": text})
        tap.equal(status, code, f"tables by the expression {text[:30]}")


def lists(pond):
    paths = ("/bucket?list-type=2&delimiter=%2F&prefix=", "/bucket?list-type=2&delimiter=", "/bucket?marker=",
             "/bucket?list-type=2&start-after=", "/bucket?list-type=2&continuation-token=", "/bucket/a/b?uploadId=")
    for path in paths:
        for value in ("%00" * 2000, "a%00", "%zz", "%", "%4", "x" * 5000):
            status, reply = get(pond, path + value)
            if status not in (400, 404):
                tap.ok(False, path + value[:10], status, reply)
    tap.ok(serves(pond), "lists with NULs, half escapes and long texts are refused")


def http1(pond):
    put = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Type: " + TYPE.encode() + b"\r\n"
    for name, text in {
        "a negative length": put + b"Content-Length: -1\r\n\r\n{}",
        "a length that is no number": put + b"Content-Length: two\r\n\r\n{}",
        "a length beyond 64 bits": put + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        "a chunk of no size": put + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
        "a negative chunk": put + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        "a chunk beyond 64 bits": put + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "an object of 10 TB": b"PUT /bucket/k HTTP/1.1\r\nHost: x\r\nContent-Length: 10995116277760\r\n\r\n",
        "a method of its own": b"BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "OPTIONS": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "CONNECT": b"CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "no path": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
        "a path that climbs": b"GET /bucket/../../lake.db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "one that climbs by escapes": b"GET /bucket/%2e%2e%2f%2e%2e%2flake.db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a bucket that climbs": b"GET /..%2f/lake.db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a host that climbs": b"GET /lake.db HTTP/1.1\r\nHost: ...localhost\r\nConnection: close\r\n\r\n",
        "a NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\nConnection: close\r\n\r\n",
        "a name of a header that is none": b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\nConnection: close\r\n\r\n",
    }.items():
        sock = connect(pond)
        send(sock, text)
        sock.shutdown(socket.SHUT_WR)
        reply = read_all(sock)
        answered_without = name in ("a NUL in a header", "a name of a header that is none") and reply.startswith(b"HTTP/1.1 200")
        tap.ok(refused(reply) or answered_without, name, reply[:300])
    for name, text in {
        "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
        "HTTP/1.0, kept alive, then closed": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "an unknown host": b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
        "the whole URL": b"GET http://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a body in chunks": put + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nX-T: v\r\n\r\n",
    }.items():
        sock = connect(pond)
        send(sock, text)
        sock.shutdown(socket.SHUT_WR)
        reply = read_all(sock)
        tap.ok(re.match(rb"HTTP/1\.[01] 200", reply), name, reply[:300])
    for _ in range(200):  # any bytes in the place of some of a request
        text = bytearray(put + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
        for _ in range(chance.randint(1, 4)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        sock = connect(pond)
        send(sock, bytes(text))
        sock.shutdown(socket.SHUT_WR)
        reply = read_all(sock)
        if reply and not re.match(rb"HTTP/1\.\d \d\d\d", reply):
            tap.ok(False, "a request with random bytes", bytes(text), reply[:100])
    tap.ok(serves(pond), "and requests with random bytes")


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def half_prefaces(pond):
    """Of HTTP/2 and ended: closed at once, rather than looked at again and again until the timeout."""
    for n in range(1, len(PREFACE)):
        sock = connect(pond)
        sock.settimeout(40)
        sock.sendall(PREFACE[:n])
        sock.shutdown(socket.SHUT_WR)
        try:
            closed = sock.recv(1) == b""
        except OSError as error:
            closed = not isinstance(error, TimeoutError)
        sock.close()
        if not closed:
            tap.ok(False, f"{n} bytes of the preface: closed")
            break
    tap.ok(serves(pond), "prefaces of HTTP/2 that end")


def http2(pond):
    hello = PREFACE + frame(SETTINGS, 0, 0)
    window = frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")
    many = range(1, 8001, 2)
    for name, text in {
        "rapid reset": hello + b"".join(frame(HEADERS, 5, n, GET_ROOT) + frame(RST_STREAM, 0, n, b"\0\0\0\x08") for n in many),
        "streams without an end": hello + b"".join(frame(HEADERS, 4, n, GET_ROOT) for n in many),
        "settings without end": hello + frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64" * 1000) * 2000,
        "pings without end": hello + frame(PING, 0, 0, b"12345678") * 20000,
        "headers that go on and on": hello + frame(HEADERS, 0, 1, GET_ROOT) + frame(CONTINUATION, 0, 1, b"\0\x01a\x01b" * 2000) * 500,
        "empty continuations": hello + frame(HEADERS, 0, 1, GET_ROOT) + frame(CONTINUATION, 0, 1) * 20000,
        "a window beyond its maximum": hello + window * 3,
        "a stream's window too": hello + frame(HEADERS, 4, 1, GET_ROOT) + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff") * 3,
        "a window of nothing": hello + frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        "an initial window beyond its maximum": hello + frame(SETTINGS, 0, 0, b"\0\x04\xff\xff\xff\xff"),
        "a frame of 16 MB": hello + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 100000,
        "a header table of 4 GB": hello + frame(SETTINGS, 0, 0, b"\0\x01\xff\xff\xff\xff") + frame(HEADERS, 5, 1, b"\x3f\xe1\xff\xff\xff\x0f" + GET_ROOT),
        "data on no stream": hello + frame(DATA, 0, 0, b"x"),
        "data on a stream never opened": hello + frame(DATA, 1, 7, b"x"),
        "a request of the server's": hello + frame(HEADERS, 5, 2, GET_ROOT),
        "no method": hello + frame(HEADERS, 5, 1, b"\x86\x84\x41\x01x"),
        "two paths": hello + frame(HEADERS, 5, 1, b"\x82\x86\x84\x84\x41\x01x"),
        "upper case": hello + frame(HEADERS, 5, 1, GET_ROOT + b"\0\x01A\x01b"),
        "padding longer than the frame": hello + frame(HEADERS, 13, 1, b"\xff" + GET_ROOT),
        "an index of no header": hello + frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\x0f"),
    }.items():
        started = time.monotonic()
        sock = connect(pond)
        send(sock, text)
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        read_all(sock)
        tap.ok(serves(pond) and time.monotonic() - started < 9, name)
    for _ in range(100):
        text = bytearray(hello + frame(HEADERS, 4, 1, GET_ROOT) + frame(DATA, 1, 1, b"{}") + frame(PING, 0, 0, b"12345678"))
        for _ in range(chance.randint(1, 4)):
            text[chance.randrange(len(PREFACE), len(text))] = chance.randrange(256)
        sock = connect(pond)
        send(sock, bytes(text))
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    tap.ok(serves(pond), "frames with random bytes")


def resident(pond):
    with open(f"/proc/{pond.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) >> 10


def descriptors(pond):
    return len(os.listdir(f"/proc/{pond.process.pid}/fd"))


with lake.Lake() as pond:
    call(pond, "Kinesis_20131202.CreateStream", {"StreamName": "s", "ShardCount": 1})
    urllib.request.urlopen(urllib.request.Request(pond.url + "/bucket", method="PUT"))
    urllib.request.urlopen(urllib.request.Request(pond.url + "/bucket/a/b", b"x", method="PUT"))
    serves(pond)
    before = descriptors(pond)
    bodies(pond)
    messages(pond)
    integers(pond)
    types(pond)
    lists(pond)
    names(pond)
    expressions(pond)
    statements(pond)
    http1(pond)
    half_prefaces(pond)
    http2(pond)
    deadline = time.monotonic() + 10
    while descriptors(pond) > before + 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    tap.ok(descriptors(pond) <= before + 8, "no descriptor is left open", before, descriptors(pond))
    print(f"# {resident(pond)} MiB resident")
    deep(pond)
    tap.equal(pond.stop(), 0, "and the lake ends as it should")
tap.done()
