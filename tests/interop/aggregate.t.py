"""The official Python library reads the aggregates that kinessis writes, and kinessis those that it writes. So does
the official Java library, where there are a JDK and Maven: its jars must be those of java/jars.sha256."""

import base64
import datetime
import hashlib
import os
import random
import shutil
import subprocess
import sys
import warnings

sys.path.insert(0, "tests/support")
import tap

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from aws_kinesis_agg import aggregator, deaggregator
except ImportError as error:
    tap.skip_all(f"aws_kinesis_agg is not installed: {error}")

seed = int(os.environ.get("KINESSIS_TEST_SEED", random.randrange(1 << 32)))
print(f"# KINESSIS_TEST_SEED={seed}")
random.seed(seed)


def encode(value):
    return "-" if value is None else base64.b64encode(value).decode()


def decode(text):
    return None if text == "-" else base64.b64decode(text)


def line_of(record):
    return " ".join(map(encode, record)) + "\n"


def run(what, text):
    out = subprocess.run(
        [os.environ["KINESSIS"], "lua", "tests/interop/aggregate.lua", what],
        input=text, stdout=subprocess.PIPE, text=True, check=True,
    )
    return out.stdout


def record(keys, hashed):
    key = f"{random.choice(['', 'naïve-', 'k' * 130])}{random.randrange(keys)}".encode()
    data = random.randbytes(random.choice([0, 1, 100, 127, 128, 5000]))
    return data, key, str(random.randrange(1 << 128)).encode() if hashed else None


def several():
    """Lists of records. The library takes a record's hash key from the table whenever there is one, so all of a
    list have one or none has."""
    for keys in (1, 5, 1000):
        for count in (2, 3, 150, 400):
            hashed = random.random() < 0.5
            yield [record(keys, hashed) for _ in range(count)]


lists = list(several())
written = run("write", "".join("".join(map(line_of, records)) + "\n" for records in lists)).splitlines()
tap.equal(len(written), len(lists), "an aggregate for each list")
right = 0
for records, line in zip(lists, written):
    data, key, hash_key = map(decode, line.split(" "))
    outer = {
        "SequenceNumber": "1",
        "PartitionKey": key.decode(),
        "ApproximateArrivalTimestamp": datetime.datetime.now(),
        "Data": data,
    }
    read = [
        (
            base64.b64decode(r["kinesis"]["data"]),
            r["kinesis"]["partitionKey"].encode(),
            r["kinesis"]["explicitHashKey"].encode() if r["kinesis"]["explicitHashKey"] is not None else None,
        )
        for r in deaggregator.iter_deaggregate_records([outer], "Boto3")
    ]
    right += read == records and len(data) > 20
tap.equal(right, len(lists), "the library reads every record of each")

theirs = []
for records in lists:
    writer = aggregator.RecordAggregator()
    for data, key, hash_key in records:
        full = writer.add_user_record(key, data, hash_key)
        if full is not None:
            theirs.append(full)
    theirs.append(writer.clear_and_get())
lines = "".join(line_of((one.get_contents()[2], b"a", None)) for one in theirs)
blocks = run("read", lines).split("\n\n")
read = [tuple(map(decode, line.split(" "))) for block in blocks for line in block.splitlines() if line]
wanted = [(data, key) for records in lists for data, key, _ in records]
tap.equal([(data, key) for data, key, _ in read], wanted, "kinessis reads every record that the library writes")

JAVA = "tests/interop/java"
MAVEN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies"


def fetch_jars(folder):
    """None, or why there are no jars in the folder."""
    for program in ("javac", "mvn"):
        if not shutil.which(program):
            return f"{program} is not installed"
    command = ["mvn", "-q", "-B", "-f", f"{JAVA}/pom.xml", MAVEN, f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return f"mvn cannot fetch the jars: {(error.output or b'too slow').decode().strip()[:200]}"


def java_reads(aggregates):
    """What the Java library reads, a list for each aggregate; or nothing and the reason to skip."""
    folder = os.path.join(os.path.abspath(os.environ["BUILD"]), "interop-java")
    with open(f"{JAVA}/jars.sha256") as file:
        pinned = {os.path.join(folder, line.split()[1]): line.split()[0] for line in file}
    if not all(map(os.path.exists, pinned)) and (missing := fetch_jars(folder)):
        return None, missing
    for path, wanted in pinned.items():
        with open(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
        if not tap.equal(found, wanted, f"{os.path.basename(path)} is the one that is pinned"):
            tap.done()
    command = ["java", "-cp", ":".join(pinned), f"{JAVA}/Deaggregate.java"]
    out = subprocess.run(command, input="\n".join(aggregates) + "\n", capture_output=True, text=True)
    tap.ok(out.returncode == 0, "the Java library runs", out.stderr)
    blocks = out.stdout.split("\n\n")[:-1]
    return [[tuple(map(decode, line.split(" "))) for line in block.splitlines()] for block in blocks], None


read, reason = java_reads(written)
if reason:
    tap.skip("the Java library reads every record of each", reason)
else:
    right = sum(found == records for found, records in zip(read, lists))
    tap.equal(right, len(lists), "the Java library reads every record of each")
tap.done()
