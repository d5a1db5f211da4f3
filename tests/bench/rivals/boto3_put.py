"""Sends the lines of a file to a Kinesis stream with boto3: 500 at a time, or one by one (as many a tutorial does).

    boto3_put.py URL FILE [--one]"""

import json
import sys

import boto3
from botocore.config import Config

STREAM = "r-d-kinesis-stream"


def main():
    url, path, one = sys.argv[1], sys.argv[2], "--one" in sys.argv
    kinesis = boto3.client("kinesis", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    with open(path, "rb") as file:
        records = [{"Data": line, "PartitionKey": json.loads(line)["uuid"]} for line in file.read().splitlines()]
    step = 1 if one else 500
    for at in range(0, len(records), step):
        if one:
            kinesis.put_record(StreamName=STREAM, **records[at])
        elif kinesis.put_records(StreamName=STREAM, Records=records[at : at + step])["FailedRecordCount"]:
            sys.exit("records failed")


main()
