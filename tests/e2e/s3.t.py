"""S3 of the lake, by boto3."""

import base64
import hashlib
import io
import os
import sys
import urllib.error
import urllib.request

sys.path.insert(0, "tests/support")
import lake  # noqa: E402
import tap  # noqa: E402

try:
    from boto3.s3.transfer import TransferConfig
    from botocore.exceptions import ClientError
except ImportError:
    tap.skip_all("boto3 is not installed")


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"


def buckets(s3):
    s3.create_bucket(Bucket="first")
    s3.create_bucket(Bucket="second")
    tap.equal([b["Name"] for b in s3.list_buckets()["Buckets"]], ["first", "second"], "buckets are listed")
    tap.equal(s3.get_bucket_location(Bucket="first")["LocationConstraint"], None, "location")
    head = s3.head_bucket(Bucket="first")["ResponseMetadata"]["HTTPHeaders"]
    tap.equal(head["x-amz-bucket-region"], "us-east-1", "head of a bucket tells its region")
    tap.equal(code_of(lambda: s3.head_bucket(Bucket="third")), "404", "head of none")
    tap.equal(code_of(lambda: s3.list_objects_v2(Bucket="third")), "NoSuchBucket", "no such bucket")
    tap.equal(code_of(lambda: s3.create_bucket(Bucket="Bad_Name")), "InvalidBucketName", "a bad name")
    s3.put_object(Bucket="second", Key="a", Body=b"")
    tap.equal(code_of(lambda: s3.delete_bucket(Bucket="second")), "BucketNotEmpty", "not while it holds objects")
    s3.delete_object(Bucket="second", Key="a")
    s3.delete_bucket(Bucket="second")
    tap.equal(len(s3.list_buckets()["Buckets"]), 1, "deleted")
    tap.equal(code_of(lambda: s3.get_bucket_tagging(Bucket="first")), "NotImplemented", "an unserved sub-resource")


def objects(s3, pond):
    body = b"hello, lake\n" * 10
    put = s3.put_object(
        Bucket="first",
        Key="dir/a b+c&d.txt",
        Body=body,
        ContentType="text/plain",
        ContentEncoding="identity",
        CacheControl="no-cache",
        Metadata={"colour": "blue"},
        ChecksumAlgorithm="SHA256",
    )
    tap.equal(put["ETag"], '"' + hashlib.md5(body).hexdigest() + '"', "the ETag is the MD5")
    with open(os.path.join(pond.folder, "s3/first/dir/a b+c&d.txt"), "rb") as file:
        tap.equal(file.read(), body, "an object is a plain file")
    got = s3.get_object(Bucket="first", Key="dir/a b+c&d.txt", ChecksumMode="ENABLED")
    tap.equal(got["Body"].read(), body, "the same bytes come back")
    tap.equal(got["ContentType"], "text/plain", "content type")
    tap.equal(got["ContentEncoding"], "identity", "content encoding, without aws-chunked")
    tap.equal(got["CacheControl"], "no-cache", "cache control")
    tap.equal(got["Metadata"], {"colour": "blue"}, "metadata")
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    tap.equal(got.get("ChecksumSHA256"), digest, "the checksum comes back")
    head = s3.head_object(Bucket="first", Key="dir/a b+c&d.txt")
    tap.equal(head["ContentLength"], len(body), "head tells the length")

    def part(text):
        reply = s3.get_object(Bucket="first", Key="dir/a b+c&d.txt", Range=text)
        return reply["ResponseMetadata"]["HTTPStatusCode"], reply["Body"].read(), reply.get("ContentRange")

    n = len(body)
    tap.equal(part("bytes=2-5"), (206, body[2:6], f"bytes 2-5/{n}"), "a range")
    tap.equal(part("bytes=100-"), (206, body[100:], f"bytes 100-{n - 1}/{n}"), "an open range")
    tap.equal(part("bytes=-7"), (206, body[-7:], f"bytes {n - 7}-{n - 1}/{n}"), "the last bytes")
    tap.equal(part("bytes=5-100000"), (206, body[5:], f"bytes 5-{n - 1}/{n}"), "a range past the end")
    tap.equal(code_of(lambda: part("bytes=5000-")), "InvalidRange", "a range outside")
    tap.equal(code_of(lambda: s3.get_object(Bucket="first", Key="none")), "NoSuchKey", "no such key")
    tap.equal(code_of(lambda: s3.head_object(Bucket="first", Key="none")), "404", "no such key, by head")

    get = dict(Bucket="first", Key="dir/a b+c&d.txt")
    tap.equal(code_of(lambda: s3.get_object(**get, IfNoneMatch=put["ETag"])), "304", "if-none-match")
    tap.equal(code_of(lambda: s3.get_object(**get, IfMatch='"0"')), "PreconditionFailed", "if-match")
    tap.equal(code_of(lambda: s3.put_object(**get, Body=b"", IfNoneMatch="*")), "PreconditionFailed", "put only if absent")
    tap.equal(s3.put_object(Bucket="first", Key="new", Body=b"1", IfNoneMatch="*")["ETag"][1:5], "c4ca", "absent: put")
    s3.put_object(Bucket="first", Key="new", Body=b"22")
    tap.equal(s3.get_object(Bucket="first", Key="new")["Body"].read(), b"22", "an object is replaced")

    s3.copy_object(Bucket="first", Key="copy", CopySource={"Bucket": "first", "Key": "dir/a b+c&d.txt"})
    copy = s3.get_object(Bucket="first", Key="copy")
    tap.equal((copy["Body"].read(), copy["Metadata"], copy["ETag"]), (body, {"colour": "blue"}, put["ETag"]), "copy")

    url = s3.generate_presigned_url("get_object", Params=get)
    with urllib.request.urlopen(url) as reply:
        tap.equal(reply.read(), body, "a presigned URL")
    for key in ("new", "copy", "dir/a b+c&d.txt"):
        s3.delete_object(Bucket="first", Key=key)
    s3.delete_object(Bucket="first", Key="never was")
    tap.equal(s3.list_objects_v2(Bucket="first")["KeyCount"], 0, "deleted")
    tap.equal(os.path.exists(os.path.join(pond.folder, "s3/first/dir")), False, "empty folders go too")


def listing(s3):
    keys = sorted([f"logs/2022/{i:02d}/{j}" for i in range(3) for j in range(4)] + ["a", "b/", "z&<é>", "logs", "logs.txt"])
    for key in keys:
        s3.put_object(Bucket="first", Key=key, Body=key.encode())
    listed = [o["Key"] for o in s3.list_objects_v2(Bucket="first")["Contents"]]
    tap.equal(listed, sorted(keys, key=lambda k: k.encode()), "all keys in byte order")
    top = s3.list_objects_v2(Bucket="first", Delimiter="/")
    tap.equal([p["Prefix"] for p in top["CommonPrefixes"]], ["b/", "logs/"], "common prefixes")
    tap.equal([o["Key"] for o in top["Contents"]], ["a", "logs", "logs.txt", "z&<é>"], "keys at the top")
    days = s3.list_objects_v2(Bucket="first", Prefix="logs/2022/", Delimiter="/")
    tap.equal([p["Prefix"][-3:] for p in days["CommonPrefixes"]], ["00/", "01/", "02/"], "prefix and delimiter")
    after = s3.list_objects_v2(Bucket="first", StartAfter="logs/2022/01/2", Prefix="logs/")
    tap.equal(after["KeyCount"], 5, "start-after")
    for delimiter in ("", "/"):
        found = []
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket="first", Delimiter=delimiter, PaginationConfig={"PageSize": 2}
        )
        for page in pages:
            tap.ok(page["KeyCount"] <= 2, "a page is no longer than asked")
            found += [o["Key"] for o in page.get("Contents", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        expected = keys if not delimiter else ["a", "b/", "logs", "logs.txt", "logs/", "z&<é>"]
        tap.equal(sorted(found), sorted(expected), f"pages with the delimiter '{delimiter}' hold everything once")
        found = []
        for page in s3.get_paginator("list_objects").paginate(
            Bucket="first", Delimiter=delimiter, PaginationConfig={"PageSize": 3}
        ):
            found += [o["Key"] for o in page.get("Contents", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        tap.equal(sorted(found), sorted(expected), f"the same by version 1, delimiter '{delimiter}'")
    reply = s3.delete_objects(Bucket="first", Delete={"Objects": [{"Key": k} for k in keys] + [{"Key": "none"}]})
    tap.equal(len(reply["Deleted"]), len(keys) + 1, "many are deleted at once")
    tap.equal(s3.list_objects_v2(Bucket="first")["KeyCount"], 0, "nothing is left")


def odd_keys(s3, pond):
    keys = ["a", "a/b", "a//b", "x/./y", "x/../y", "/rooted", ".hashed/z", "p" * 300, "d/" * 100 + "e", "nl\nkey", "…/日本"]
    for key in keys:
        s3.put_object(Bucket="first", Key=key, Body=key.encode())
    same = all(s3.get_object(Bucket="first", Key=k)["Body"].read() == k.encode() for k in keys)
    tap.ok(same, "odd keys keep their own content")
    tap.equal(s3.list_objects_v2(Bucket="first")["KeyCount"], len(keys), "and are listed")
    for key in ("../../escaped", "a/../../escaped", ".."):
        tap.equal(code_of(lambda: s3.put_object(Bucket="first", Key=key, Body=b"")), "InvalidURI", f"{key} is refused")
    for path in ("/first/..%2f..%2fescaped", "/..%2f..%2fetc/passwd", "/%2e%2e/lake.db"):
        request = urllib.request.Request(pond.url + path, data=b"x", method="PUT")
        try:
            status = urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            status = error.code
        tap.ok(status in (400, 404), f"{path} is refused", status)
    tap.ok(not os.path.exists(os.path.join(pond.folder, "escaped")), "nothing was written outside")
    s3.delete_objects(Bucket="first", Delete={"Objects": [{"Key": k} for k in keys], "Quiet": True})


def large(s3):
    body = os.urandom(1 << 20) * 19 + b"end"
    s3.put_object(Bucket="first", Key="spooled", Body=body)
    tap.equal(s3.get_object(Bucket="first", Key="spooled")["Body"].read() == body, True, "a body larger than memory")
    transfer = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    s3.upload_fileobj(io.BytesIO(body), "first", "multi", Config=transfer)
    head = s3.head_object(Bucket="first", Key="multi")
    tap.ok(head["ETag"].endswith('-3"'), "multipart: the ETag tells the parts", head["ETag"])
    out = io.BytesIO()
    s3.download_fileobj("first", "multi", out, Config=transfer)
    tap.ok(out.getvalue() == body, "multipart: downloaded in ranges")
    s3.copy({"Bucket": "first", "Key": "multi"}, "first", "multi-copy", Config=transfer)
    tap.ok(s3.get_object(Bucket="first", Key="multi-copy")["Body"].read() == body, "multipart: copied by parts")
    upload = s3.create_multipart_upload(Bucket="first", Key="gone")["UploadId"]
    name = dict(Bucket="first", Key="gone", UploadId=upload)
    etag = s3.upload_part(**name, PartNumber=2, Body=b"small")["ETag"]
    tap.equal(s3.list_parts(**name)["Parts"][0]["PartNumber"], 2, "parts are listed")
    tap.equal(s3.list_multipart_uploads(Bucket="first")["Uploads"][0]["Key"], "gone", "uploads are listed")
    wrong = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    tap.equal(code_of(lambda: s3.complete_multipart_upload(**name, MultipartUpload=wrong)), "InvalidPart", "a wrong part")
    s3.abort_multipart_upload(**name)
    tap.equal(code_of(lambda: s3.list_parts(**name)), "NoSuchUpload", "aborted")


def checksums(s3):
    wrong = base64.b64encode(b"\0" * 4).decode()
    tap.equal(code_of(lambda: s3.put_object(Bucket="first", Key="c", Body=b"x", ChecksumCRC32=wrong)), "BadDigest", "a wrong CRC32")
    md5 = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    tap.equal(code_of(lambda: s3.put_object(Bucket="first", Key="c", Body=b"x", ContentMD5=md5)), "BadDigest", "a wrong MD5")
    tap.equal(code_of(lambda: s3.head_object(Bucket="first", Key="c")), "404", "and nothing was stored")
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        reply = s3.put_object(Bucket="first", Key="c", Body=b"123456789", ChecksumAlgorithm=algorithm)
        tap.ok("Checksum" + algorithm in reply, f"{algorithm} is verified and returned")
    known = {"CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg="}
    for algorithm, value in known.items():
        reply = s3.put_object(Bucket="first", Key="c", Body=b"123456789", **{"Checksum" + algorithm: value})
        tap.equal(reply.get("Checksum" + algorithm), value, f"the known {algorithm} of 123456789")


def main():
    with lake.Lake() as pond:
        s3 = pond.client("s3")
        buckets(s3)
        objects(s3, pond)
        listing(s3)
        odd_keys(s3, pond)
        large(s3)
        checksums(s3)
        request = urllib.request.Request(pond.url + "/c", headers={"Host": f"first.localhost:{pond.port}"})
        with urllib.request.urlopen(request) as reply:
            tap.equal(reply.read(), b"123456789", "a bucket as the host's name")
        pond.kill()
        pond.start()
        tap.equal(pond.client("s3").get_object(Bucket="first", Key="c")["Body"].read(), b"123456789", "kept over kill -9")
    tap.done()


main()
