"""Servers that answer well-formed HTTP that is not AWS's: each client says whose reply was wrong, in its own words."""

import http.server
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, "tests/support")
import tap

SCRIPT = """
local url, api, method = ...
local client = require("kinessis").aws[api] { endpoint = url, region = "r", access_key = "a", secret_key = "b" }
local input = api == "s3" and method ~= "list_buckets" and { Bucket = "b" } or {}
print(select(2, client[method](client, input)))
"""


class Answers(http.server.BaseHTTPRequestHandler):
    body = b""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_PUT = do_POST

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
environment = {**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "r"}


def run(*arguments):
    return subprocess.run(
        [os.environ["KINESSIS"], *arguments], capture_output=True, text=True, timeout=60, env=environment
    )


with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
    script.write(SCRIPT)
    script.flush()
    Answers.body = b"<html><body>Sign in to the network<br></html>"
    for api, method, says in (
        ("s3", "list_buckets", "s3 ListBuckets: the reply is malformed XML"),
        ("s3", "list_objects_v2", "s3 ListObjectsV2: the reply is malformed XML"),
        ("sts", "get_caller_identity", "sts GetCallerIdentity: the reply is malformed XML"),
        ("glue", "get_databases", "glue GetDatabases: the reply is not JSON"),
    ):
        tap.ok(says in run("lua", script.name, url, api, method).stdout, says)

for body, says in (
    (b"[1, 2]", "athena GetQueryExecution: the reply has no QueryExecution"),
    (b'{"QueryExecution": 5}', "athena GetQueryExecution: the reply has no QueryExecution"),
    (b"<html>", "athena StartQueryExecution: the reply is not JSON"),
):
    Answers.body = body
    result = run("query", "SELECT 1", "--target", url)
    tap.equal(result.returncode, 1, f"a query answered with {body.decode()} fails")
    tap.ok(says in result.stderr and "traceback" not in result.stderr, says, result.stderr)

SHARD = b'{"ShardId": "s", "HashKeyRange": {}, "SequenceNumberRange": {}}'
for body, says in (
    (b"{}", "kinesis ListShards: the reply has no shards"),
    (b'{"Shards": [{"ShardId": "s"}]}', "kinesis ListShards: a shard without ShardId or SequenceNumberRange"),
    (b'{"Shards": [5]}', "kinesis ListShards: a shard without ShardId or SequenceNumberRange"),
    (b'{"Shards": [], "NextToken": "same"}', "kinesis ListShards: its pages do not end"),
    (b'{"Shards": [' + SHARD + b"]}", "kinesis GetShardIterator: the reply has no ShardIterator"),
    (b'{"Shards": [' + SHARD + b'], "ShardIterator": "i"}', "the reply of GetRecords is not one"),
):
    Answers.body = body
    result = run("tail", "s", "--target", url, "--no-follow")
    tap.equal(result.returncode, 1, f"a tail answered with {body.decode()} fails")
    tap.ok(says in result.stderr and "traceback" not in result.stderr, says, result.stderr)

server.shutdown()
tap.done()
