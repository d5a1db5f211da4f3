"""kinessis schema infer of Parquet files that pyarrow wrote and of a table of the lake: the columns' types,
as an independent writer means them, and values of the same ranges."""

import datetime
import decimal
import json
import math
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/support")
import lake
import tap

try:
    import pyarrow as pa
    import pyarrow.parquet as parquet
except ImportError as error:
    tap.skip_all(f"{error.name} is not installed")

KINESSIS = os.environ["KINESSIS"]
seed = int(os.environ.get("KINESSIS_TEST_SEED", random.randrange(1 << 32)))
print(f"# KINESSIS_TEST_SEED={seed}", flush=True)
chance = random.Random(seed)
N = 400


def run(*arguments):
    done = subprocess.run([KINESSIS, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def times():
    return [datetime.datetime(2022, 1, 1) + datetime.timedelta(seconds=chance.randrange(10**6)) for _ in range(N)]


def numbers(least, most):
    return [chance.randint(least, most) for _ in range(N)]


# name: (pyarrow's type, values, Glue's type)
COLUMNS = {
    "tiny": (pa.int8(), numbers(-128, 127), "tinyint"),
    "small": (pa.int16(), numbers(-30000, 30000), "smallint"),
    "whole": (pa.int32(), numbers(-(10**9), 10**9), "int"),
    "big": (pa.int64(), numbers(0, 100), "bigint"),
    "unsigned": (pa.uint32(), numbers(0, 4 * 10**9), "bigint"),
    "real": (pa.float32(), [chance.random() for _ in range(N)], "float"),
    "wide": (pa.float64(), [chance.gauss(0, 5) for _ in range(N)], "double"),
    "no_json": (pa.float64(), [chance.choice([1.5, math.nan, math.inf, -math.inf]) for _ in range(N)], "double"),
    "price": (pa.decimal128(9, 2), [decimal.Decimal(chance.randint(0, 99999)) / 100 for _ in range(N)], "decimal(9,2)"),
    "sure": (pa.bool_(), [chance.random() < 0.3 for _ in range(N)], "boolean"),
    "text": (pa.string(), [chance.choice(["a", "b", None]) for _ in range(N)], "string"),
    "day": (pa.date32(), [t.date() for t in times()], "date"),
    "at_us": (pa.timestamp("us"), times(), "timestamp"),
    "at_ms": (pa.timestamp("ms", tz="UTC"), times(), "timestamp"),
    "list": (pa.list_(pa.int32()), [numbers(1, 9)[: chance.randint(0, 3)] for _ in range(N)], "array<int>"),
    "object": (
        pa.struct([("n", pa.int64()), ("inner", pa.struct([("s", pa.string())]))]),
        [{"n": chance.randint(0, 10**6), "inner": {"s": "x"}} for _ in range(N)],
        "struct<n:bigint,inner:struct<s:string>>",
    ),
    "map": (
        pa.map_(pa.string(), pa.int32()),
        [[("k%d" % k, chance.randint(1, 500)) for k in range(chance.randint(1, 3))] for _ in range(N)],
        "map<string,int>",
    ),
    "objects": (
        pa.list_(pa.struct([("q", pa.int32())])),
        [[{"q": chance.randint(1, 900)}] for _ in range(N)],
        "array<struct<q:int>>",
    ),
}


def types_of(script):
    text = run("schema", "tfvars", script)
    return {column["name"]: column["type"] for column in json.loads(text)["columns"]}


def records_of(script):
    return [json.loads(line) for line in run("generate", script, "-q", "-n", str(N), "--seed", "1").splitlines()]


def check(script, name):
    """The scenario has the columns' types, and its records their ranges."""
    found = types_of(script)
    for column, (_, _, kind) in COLUMNS.items():
        tap.equal(found.get(column), kind, f"{name}: the type of {column}")
    records = records_of(script)
    for column in ("tiny", "small", "whole", "big", "unsigned", "real", "wide", "price"):
        given, made = [float(v) for v in COLUMNS[column][1]], [float(r[column]) for r in records]
        spread = max(given) - min(given)
        tap.ok(min(given) - 0.01 <= min(made) and max(made) <= max(given) + 0.01, f"{name}: the range of {column}")
        far = abs(sum(given) / N - sum(made) / N) / spread
        tap.ok(far < 0.1, f"{name}: the mean of {column}", f"off by {far} of the range")
    nulls = sum(r["text"] is None for r in records) / N
    tap.ok(0.2 < nulls < 0.45, f"{name}: nulls", nulls)
    nulls = sum(r["no_json"] is None for r in records) / N
    tap.ok(0.55 < nulls < 0.95, f"{name}: numbers that JSON has not are null", nulls)
    tap.ok(all(set(r["map"]) <= {"k0", "k1", "k2"} and r["map"] for r in records), f"{name}: the keys of maps")
    tap.ok(all(r["at_us"].startswith("2022-01-") and r["at_us"].endswith("Z") for r in records), f"{name}: times")
    tap.ok("0 problems" in run("schema", "check", script), f"{name}: its records arrive where they are sent")


with tempfile.TemporaryDirectory() as folder, lake.Lake() as pond:
    path, script = os.path.join(folder, "every.parquet"), os.path.join(folder, "made.lua")
    table = pa.table({name: pa.array(values, type=kind) for name, (kind, values, _) in COLUMNS.items()})
    for version, options in {
        "format 2": {},
        "format 1": {"version": "1.0", "compression": "gzip", "use_compliant_nested_type": False},
    }.items():
        parquet.write_table(table, path, **options)
        text = run("schema", "infer", path)
        tap.ok("--- Inferred from every.parquet: 400 records." in text, f"{version}: says where from")
        with open(script, "w") as file:
            file.write(text)
        if version == "format 2":
            check(script, version)
        else:  # the first version has no unsigned type of 32 bits
            tap.equal({**types_of(script), "unsigned": "bigint"}, {c: v[2] for c, v in COLUMNS.items()}, version)
    parquet.write_table(table, path, compression="zstd")
    with open(path, "rb") as file:
        whole = file.read()
    s3, glue = pond.client("s3"), pond.client("glue")
    s3.create_bucket(Bucket="infer-test")
    s3.put_object(Bucket="infer-test", Key="t/x.parquet", Body=whole)
    glue.create_database(DatabaseInput={"Name": "db"})
    pond.client("athena").create_work_group(
        Name="w", Configuration={"ResultConfiguration": {"OutputLocation": "s3://infer-test/results/"}}
    )
    glue.create_table(
        DatabaseName="db",
        TableInput={
            "Name": "every",
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, (_, _, kind) in COLUMNS.items()],
                "Location": "s3://infer-test/t/",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
            "Parameters": {"classification": "parquet"},
        },
    )
    os.environ["KINESSIS_WORKGROUP"] = "w"
    with open(script, "w") as file:
        file.write(run("schema", "infer", "db.every", "--data", pond.folder))
    check(script, "a table")
    tap.raises(
        lambda: run("schema", "infer", "db.none", "--data", pond.folder), "the table db.none: ", "no such table is named"
    )
    tap.raises(
        lambda: run("schema", "infer", "no.txt", "--data", pond.folder), "nor is there a file no.txt", "nor such a file"
    )
    with open(path, "wb") as file:
        file.write(whole[:-100])
    tap.raises(lambda: run("schema", "infer", path), "does not end in PAR1", "a file that was cut is refused")

tap.done()
