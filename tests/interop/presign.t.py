"""Presigned URLs: the same as botocore's for the same second, and good for what they promise at moto and at the lake."""

import datetime
import json
import logging
import os
import subprocess
import sys
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, "tests/support")
import lake
import tap

try:
    import boto3
    import botocore.auth
    from botocore.config import Config
    from moto.server import ThreadedMotoServer
except ImportError as error:
    tap.skip_all(f"boto3 or moto is not installed: {error}")

KEYS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
clean.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
os.environ.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")


def presign(config, **what):
    done = subprocess.run(
        [os.environ["KINESSIS"], "lua", "tests/interop/presign.lua"],
        input=json.dumps({"config": {**KEYS, "region": "eu-west-1", **config}, "presign": what}) + "\n",
        env=clean,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def parts(url):
    """What must be equal: everything, but for the order of the parameters."""
    split = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qs(split.query, keep_blank_values=True, strict_parsing=True)
    return split.scheme, split.netloc, split.path, query


def botocores(url, config, operation, expires, members):
    """The URL that botocore makes for the second that the other was made in."""
    in_host = "endpoint" not in config and "." not in members["Bucket"]
    stamp = parts(url)[3]["X-Amz-Date"][0]
    then = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    client = boto3.client(
        "s3",
        region_name=config.get("region", "eu-west-1"),
        endpoint_url=config.get("endpoint"),
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        aws_session_token=config.get("session_token"),
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            use_fips_endpoint=config.get("use_fips_endpoint"),
            # botocore's default for presigned URLs is the global endpoint, which redirects.
            s3={"addressing_style": "virtual" if in_host else "path"},
        ),
    )
    with unittest.mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: then):
        return client.generate_presigned_url(operation, Params=members, ExpiresIn=expires)


CASES = [
    # name, config, what we are asked, botocore's operation, its members
    ("an object", {}, {"operation": "GetObject"}, "get_object", {}),
    (
        "a session token",
        {"session_token": "IQoJb3JpZ2luX2VjEA8+/=="},
        {"operation": "GetObject", "expires": 604800},
        "get_object",
        {},
    ),
    ("another region", {"region": "ap-southeast-2"}, {"operation": "HeadObject"}, "head_object", {}),
    ("a FIPS endpoint", {"use_fips_endpoint": True}, {"operation": "GetObject"}, "get_object", {}),
    ("an endpoint of one's own", {"endpoint": "http://127.0.0.1:9000"}, {"operation": "GetObject"}, "get_object", {}),
    ("a key that needs encoding", {}, {"operation": "GetObject", "key": "a b/ä+&=?#%~*/c"}, "get_object", {}),
    ("a bucket with dots", {}, {"operation": "GetObject", "bucket": "my.own.bucket"}, "get_object", {}),
    (
        "parameters",
        {},
        {"operation": "GetObject", "query": {"response-content-type": "text/csv; a=b", "versionId": "x+/="}},
        "get_object",
        {"ResponseContentType": "text/csv; a=b", "VersionId": "x+/="},
    ),
    (
        "headers",
        {},
        {"operation": "PutObject", "headers": {"Content-Type": "text/plain", "x-amz-meta-color": "dark  blue"}},
        "put_object",
        {"ContentType": "text/plain", "Metadata": {"color": "dark  blue"}},
    ),
    ("deleting", {}, {"operation": "DeleteObject"}, "delete_object", {}),
]

for name, config, asked, operation, members in CASES:
    asked = {"bucket": "bucket", "key": "folder/key.txt", "expires": 900, **asked}
    url = presign(config, **asked)
    members = {"Bucket": asked["bucket"], "Key": asked["key"], **members}
    tap.equal(parts(url), parts(botocores(url, config, operation, asked["expires"], members)), name)

url = presign({}, operation="ListObjectsV2", bucket="bucket", query={"prefix": "a/b", "encoding-type": "url"})
members = {"Bucket": "bucket", "Prefix": "a/b"}
tap.equal(parts(url), parts(botocores(url, {}, "list_objects_v2", 3600, members)), "a listing, for an hour")


def send(method, url, body=None, **headers):
    """The status and the body, without credentials."""
    request = urllib.request.Request(url, data=body, method=method)
    request.add_unredirected_header("Content-Type", "")  # not urllib's own
    for name, value in headers.items():
        request.add_unredirected_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def use(endpoint, where):
    config = {"endpoint": endpoint, "region": "us-east-1"}
    what = {"bucket": "shared", "key": "a b/ä.txt", "expires": 60}
    tap.equal(send("PUT", presign(config, operation="CreateBucket", bucket="shared"))[0], 200, f"{where}: a bucket")
    put = presign(config, operation="PutObject", headers={"x-amz-meta-color": "blue"}, **what)
    tap.equal(send("PUT", put, b"shared bytes", x_amz_meta_color="blue")[0], 200, f"{where}: PUT")
    tap.equal(send("GET", presign(config, operation="GetObject", **what)), (200, b"shared bytes"), f"{where}: GET")
    typed = presign(config, operation="GetObject", query={"response-content-type": "text/x"}, **what)
    with urllib.request.urlopen(typed) as reply:
        tap.equal(reply.headers["Content-Type"], "text/x", f"{where}: GET with a parameter")
    listing = presign(config, operation="ListObjectsV2", bucket="shared", query={"prefix": "a "})
    tap.ok(b"<KeyCount>1</KeyCount>" in send("GET", listing)[1], f"{where}: a listing")
    tap.equal(send("DELETE", presign(config, operation="DeleteObject", **what))[0], 204, f"{where}: DELETE")
    tap.equal(send("GET", presign(config, operation="GetObject", **what))[0], 404, f"{where}: it is gone")


logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
try:
    use(f"http://127.0.0.1:{server.get_host_and_port()[1]}", "moto")
finally:
    server.stop()
with lake.Lake() as pond:
    use(pond.url, "the lake")
tap.done()
