"""What the tests of the lake's Firehose share: clients, objects, rows, configurations."""

import io
import json
import time
import urllib.request

import pyarrow.parquet as parquet

ROLE = "arn:aws:iam::000000000000:role/firehose"


class World:
    """Clients of one lake, and what the tests do with them."""

    def __init__(self, pond):
        self.pond = pond
        self.connect()

    def connect(self):
        self.firehose = self.pond.client("firehose")
        self.kinesis = self.pond.client("kinesis")
        self.s3 = self.pond.client("s3")
        self.glue = self.pond.client("glue")

    def flush(self, **arguments):
        """KinessisLake.Flush; raises urllib's HTTPError."""
        request = urllib.request.Request(
            self.pond.url,
            json.dumps(arguments).encode(),
            {"X-Amz-Target": "KinessisLake.Flush", "Content-Type": "application/x-amz-json-1.1"},
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def keys(self, bucket, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def get(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def parquet(self, bucket, key):
        return parquet.ParquetFile(io.BytesIO(self.get(bucket, key)))

    def rows(self, bucket, prefix=""):
        return [row for key in self.keys(bucket, prefix) for row in self.parquet(bucket, key).read().to_pylist()]

    def table(self, name, columns):
        try:
            self.glue.create_database(DatabaseInput={"Name": "db"})
        except self.glue.exceptions.AlreadyExistsException:
            pass
        self.glue.create_table(
            DatabaseName="db",
            TableInput={
                "Name": name,
                "StorageDescriptor": {"Columns": [{"Name": n, "Type": t} for n, t in columns]},
                "PartitionKeys": [{"Name": "datehour", "Type": "string"}],
            },
        )


def destination(bucket, **more):
    return {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}", **more}


def source(stream):
    return {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {
            "KinesisStreamARN": f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}",
            "RoleARN": ROLE,
        },
    }


def conversion(table, database="db", deserializer=None, compression=None):
    return {
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": database, "TableName": table},
        "InputFormatConfiguration": {"Deserializer": deserializer or {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {
            "Serializer": {"ParquetSerDe": {"Compression": compression} if compression else {}}
        },
    }


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
