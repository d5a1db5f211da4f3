"""boto3 against the lake: a stream written and read, objects listed, a query answered."""

import os
import sys
import time

sys.path.insert(0, "tests/support")
import lake
import tap

try:
    import boto3  # noqa: F401
except ImportError as error:
    tap.skip_all(f"boto3 is not installed: {error}")


def read_stream(kinesis, name):
    """Every record of every shard, from the beginning, until the readers are up to date."""
    found = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            reply = kinesis.get_records(ShardIterator=iterator, Limit=100)
            found += reply["Records"]
            iterator = reply["NextShardIterator"]
            if not reply["Records"] and reply["MillisBehindLatest"] == 0:
                break
    return found


def query(athena, sql, database, output):
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": database},
        ResultConfiguration={"OutputLocation": output},
    )["QueryExecutionId"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    tap.equal(status["State"], "SUCCEEDED", f"the query ends well: {status.get('StateChangeReason')}")
    rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]


with lake.Lake() as pond:
    kinesis, s3, athena, glue = (pond.client(name) for name in ("kinesis", "s3", "athena", "glue"))

    kinesis.create_stream(StreamName="orders", ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    sent = {f"key-{i}": os.urandom(i + 1) for i in range(300)}
    reply = kinesis.put_records(
        StreamName="orders", Records=[{"Data": data, "PartitionKey": key} for key, data in sent.items()]
    )
    tap.equal(reply["FailedRecordCount"], 0, "every record is taken")
    read = read_stream(kinesis, "orders")
    tap.equal({r["PartitionKey"]: r["Data"] for r in read}, sent, "every record is read back")
    tap.equal(len({r["SequenceNumber"] for r in read}), 300, "under as many sequence numbers")

    printed = pond.run("run", "scripts/quickstart.lua", "--amount", "25", "--print")
    tap.equal(len(printed.splitlines()), 25, "a run on the lake that serves")
    tables = [
        (d["Name"], t)
        for d in glue.get_databases()["DatabaseList"]
        for t in glue.get_tables(DatabaseName=d["Name"])["TableList"]
    ]
    tap.equal(len(tables), 1, "the catalog has its table")
    database, table = tables[0]
    columns = [c["Name"] for c in table["StorageDescriptor"]["Columns"]]
    tap.equal(
        columns, ["uuid", "event_date", "status", "name", "last_name", "email", "phone"], "with the tutorial's columns"
    )

    bucket = table["StorageDescriptor"]["Location"].split("/")[2]
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    parquet = [key for key in keys if key.endswith(".parquet")]
    tap.ok(parquet, "Parquet objects are listed", keys)
    body = s3.get_object(Bucket=bucket, Key=parquet[0])["Body"].read()
    tap.equal((body[:4], body[-4:]), (b"PAR1", b"PAR1"), "and are Parquet files")

    s3.create_bucket(Bucket="results-of-boto3")
    rows = query(
        athena,
        f"SELECT count(*) AS n, count(DISTINCT uuid) AS u FROM {table['Name']}",
        database,
        "s3://results-of-boto3/q/",
    )
    tap.equal(rows, [["n", "u"], ["25", "25"]], "Athena counts what was sent")

    tap.raises(lambda: kinesis.describe_stream(StreamName="none"), "ResourceNotFoundException", "an unknown stream")
    tap.raises(lambda: s3.get_object(Bucket=bucket, Key="none"), "NoSuchKey", "an unknown object")
tap.done()
