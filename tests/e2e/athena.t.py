"""Glue and Athena of the lake, by boto3, over Parquet that an independent writer made."""

import datetime
import decimal
import io
import json
import os
import sys
import time

sys.path.insert(0, "tests/support")
import lake  # noqa: E402
import tap  # noqa: E402

try:
    import pyarrow
    import pyarrow.parquet
    from botocore.exceptions import ClientError
except ImportError as error:
    tap.skip_all(f"boto3 or pyarrow is not installed: {error}")

PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
JSON = {"SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}}
PEOPLE = [
    ("id", "bigint"),
    ("name", "string"),
    ("price", "decimal(10,2)"),
    ("made", "timestamp"),
    ("tags", "array<string>"),
    ("st", "struct<x:int,y:string>"),
    ("d", "double"),
    ("ok", "boolean"),
    ("day", "date"),
    ("later", "map<string,int>"),  # not in the file
]


def people():
    """The bytes of a Parquet file: three rows, a column of each kind."""
    kinds = {
        "id": pyarrow.int64(),
        "Name": pyarrow.string(),
        "price": pyarrow.decimal128(12, 2),
        "made": pyarrow.timestamp("us"),
        "tags": pyarrow.list_(pyarrow.string()),
        "st": pyarrow.struct([("x", pyarrow.int32()), ("y", pyarrow.string())]),
        "d": pyarrow.float64(),
        "ok": pyarrow.bool_(),
        "day": pyarrow.date32(),
    }
    made, day = datetime.datetime, datetime.date
    rows = [
        (1, "Ann", "9.50", made(2022, 2, 2, 15, 17, 7, 123000), ["a", "b"], {"x": 1, "y": "q"}, 1e10, True, day(2022, 2, 2)),
        (2, None, "-0.05", None, None, None, 0.1, None, None),
        (3, 'Zoë "Q", x', "0.00", made(1969, 12, 31, 23, 59, 59), [], {"x": None, "y": ""}, -1.5, False, day(1969, 12, 31)),
    ]
    table = [dict(zip(kinds, row), price=decimal.Decimal(row[2])) for row in rows]
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table, pyarrow.schema(list(kinds.items()))), out)
    return out.getvalue()


def columns(pairs):
    return [{"Name": name, "Type": kind} for name, kind in pairs]


class Journey:
    def __init__(self, pond):
        self.pond = pond
        self.connect()

    def connect(self):
        self.s3, self.glue, self.athena = (self.pond.client(name) for name in ("s3", "glue", "athena"))

    def table(self, name, pairs, location, kind=PARQUET, keys=(), **parameters):
        self.glue.create_table(
            DatabaseName="db",
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": columns(keys),
                "Parameters": {k.replace("__", "."): v for k, v in parameters.items()},
                "StorageDescriptor": {"Columns": columns(pairs), "Location": location, **kind},
            },
        )

    def start(self, text, database="db", **more):
        options = {"ResultConfiguration": {"OutputLocation": "s3://results/out"}, **more}
        return self.athena.start_query_execution(
            QueryString=text, QueryExecutionContext={"Database": database}, **options
        )["QueryExecutionId"]

    def wait(self, query):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            execution = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(0.005)
        raise RuntimeError("the query does not end")

    def run(self, text, **more):
        execution = self.wait(self.start(text, **more))
        if execution["Status"]["State"] != "SUCCEEDED":
            return execution["Status"].get("StateChangeReason", "no reason")
        return self.rows(execution["QueryExecutionId"])

    def rows(self, query):
        found = self.athena.get_query_results(QueryExecutionId=query)
        return [[d.get("VarCharValue") for d in row["Data"]] for row in found["ResultSet"]["Rows"]]


def catalog(j):
    tap.raises(lambda: j.glue.get_database(Name="nope"), "EntityNotFoundException", "no such database")
    j.glue.create_database(DatabaseInput={"Name": "DB", "Description": "d"})
    tap.equal(j.glue.get_database(Name="db")["Database"]["Description"], "d", "database, in lower case")
    tap.raises(
        lambda: j.glue.create_database(DatabaseInput={"Name": "db"}), "AlreadyExistsException", "database again"
    )
    j.table("People", PEOPLE, "s3://data/people/")
    table = j.glue.get_table(DatabaseName="DB", Name="PEOPLE")["Table"]
    tap.equal((table["Name"], table["VersionId"]), ("people", "0"), "table, in lower case")
    tap.equal(table["StorageDescriptor"]["Columns"], columns(PEOPLE), "columns as they were sent")
    tap.equal(table["StorageDescriptor"]["SerdeInfo"], PARQUET["SerdeInfo"], "serde as it was sent")
    tap.raises(lambda: j.table("people", PEOPLE, "s3://x/"), "AlreadyExistsException", "table again")
    j.glue.update_table(
        DatabaseName="db",
        TableInput={k: table[k] for k in ("Name", "StorageDescriptor", "Parameters")} | {"Description": "two"},
    )
    tap.equal(j.glue.get_table(DatabaseName="db", Name="people")["Table"]["VersionId"], "1", "a new version")
    tap.equal(j.glue.get_partition_indexes(DatabaseName="db", TableName="people")["PartitionIndexDescriptorList"], [], "no indexes")
    for i in range(5):
        j.table(f"many{i}", [("a", "int")], "s3://data/many/")
    pages = [
        [t["Name"] for t in page["TableList"]]
        for page in j.glue.get_paginator("get_tables").paginate(
            DatabaseName="db", Expression="many.*", PaginationConfig={"PageSize": 2}
        )
    ]
    tap.equal(pages, [["many0", "many1"], ["many2", "many3"], ["many4"]], "tables by pages and expression")
    errors = j.glue.batch_delete_table(DatabaseName="db", TablesToDelete=[f"many{i}" for i in range(6)])["Errors"]
    tap.equal([e["TableName"] for e in errors], ["many5"], "a batch of deletions")
    j.glue.tag_resource(ResourceArn="arn:aws:glue:us-east-1:000000000000:database/db", TagsToAdd={"a": "1", "b": "2"})
    j.glue.untag_resource(ResourceArn="arn:aws:glue:us-east-1:000000000000:database/db", TagsToRemove=["b"])
    tap.equal(j.glue.get_tags(ResourceArn="arn:aws:glue:us-east-1:000000000000:database/db")["Tags"], {"a": "1"}, "tags")


def types(j):
    query = j.start("SELECT * FROM people ORDER BY id")
    execution = j.wait(query)
    tap.equal(execution["Status"]["State"], "SUCCEEDED", "select *") or print("#", execution["Status"])
    tap.ok(execution["Statistics"]["DataScannedInBytes"] > 0, "bytes scanned")
    tap.equal(execution["ResultConfiguration"]["OutputLocation"], f"s3://results/out/{query}.csv", "where the result is")
    result = j.athena.get_query_results(QueryExecutionId=query)["ResultSet"]
    info = [(c["Name"], c["Type"]) for c in result["ResultSetMetadata"]["ColumnInfo"]]
    expected = ["bigint", "varchar", "decimal", "timestamp", "array", "row", "double", "boolean", "date", "map"]
    tap.equal(info, list(zip([name for name, _ in PEOPLE], expected)), "column types")
    rows = j.rows(query)
    tap.equal(rows[0], [name for name, _ in PEOPLE], "the header comes first")
    tap.equal(
        rows[1],
        ["1", "Ann", "9.50", "2022-02-02 15:17:07.123", "[a, b]", "{x=1, y=q}", "1.0E10", "true", "2022-02-02", None],
        "values as Athena prints them",
    )
    tap.equal(rows[2], ["2", None, "-0.05", None, None, None, "0.1", None, None, None], "NULL is no member")
    tap.equal(rows[3][1:6], ['Zoë "Q", x', "0.00", "1969-12-31 23:59:59.000", "[]", "{x=null, y=}"], "odd values")
    body = j.s3.get_object(Bucket="results", Key=f"out/{query}.csv")["Body"].read().decode()
    tap.equal(
        body.splitlines()[2], '"2",,"-0.05",,,,"0.1",,,', "the CSV: every field quoted, NULL nothing"
    )
    tap.ok('"Zoë ""Q"", x"' in body, "quotes inside fields")
    j.s3.head_object(Bucket="results", Key=f"out/{query}.csv.metadata")


def queries(j):
    tap.equal(j.run("SELECT count(*) FROM people"), [["_col0"], ["3"]], "count, and its column's name")
    tap.equal(
        j.run('SELECT ok, count(*) AS n, sum(id) FROM "awsdatacatalog"."db"."people" GROUP BY ok ORDER BY ok'),
        [["ok", "n", "_col2"], ["false", "1", "3"], ["true", "1", "1"], [None, "1", "2"]],
        "group by, a table with three names",
    )
    tap.equal(j.run("SELECT id FROM db.people WHERE name = 'Ann';", database="default"), [["id"], ["1"]], "db.table")
    tap.equal(j.run("WITH people AS (SELECT 7 AS x) SELECT x FROM people"), [["x"], ["7"]], "WITH hides a table")
    tap.equal(j.run('SELECT id, "$path" FROM people WHERE id = 1')[1][1], "s3://data/people/p.parquet", "$path")
    tap.equal(j.run("SELECT 7/2, st.x, element_at(tags, 1) FROM people WHERE id=1")[1:], [["3", "1", "a"]], "Trino's ways")
    tap.equal(
        j.run("SELECT date_format(made, '%Y-%m-%d %H:%i'), date_add('day', 1, day), date_diff('day', date '2022-01-01', date '2022-01-03'), "
              "json_extract_scalar('{\"a\": {\"b\": 5}}', '$.a.b'), regexp_like(name, '^A') "
              "FROM people WHERE id=1")[1:],
        [["2022-02-02 15:17", "2022-02-03", "2", "5", "true"]],
        "functions of Trino",
    )
    tap.equal(
        j.run("SELECT id FROM people WHERE name = ? AND id < ?", ExecutionParameters=["'Ann'", "5"]),
        [["id"], ["1"]],
        "execution parameters",
    )
    tap.equal(j.run("SHOW TABLES"), [["people"]], "show tables")
    tap.equal(j.run("SHOW DATABASES LIKE 'd*'"), [["db"]], "show databases")
    tap.equal(j.run("DESCRIBE db.people")[0][0].split(), ["id", "bigint"], "describe")
    tap.equal(j.run("CREATE DATABASE IF NOT EXISTS `other` COMMENT 'x'"), [], "create database")
    tap.equal(j.glue.get_database(Name="other")["Database"]["Description"], "x", "it is in Glue")
    tap.equal(j.run("SELECT * FROM other.t"), "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.other.t' does not exist", "no such table")
    tap.equal(j.run("DROP DATABASE other"), [], "drop database")


def formats(j):
    j.s3.put_object(Bucket="data", Key="lines/a.json", Body=b'{"a": 1, "b": {"c": "x"}}\n{"a": null}\n')
    j.s3.put_object(Bucket="data", Key="lines/_hidden", Body=b"no JSON")
    j.table("lines", [("a", "int"), ("b", "struct<c:string>"), ("z", "string")], "s3://data/lines", JSON)
    tap.equal(j.run("SELECT * FROM lines ORDER BY a")[1:], [["1", "{c=x}", None], [None, None, None]], "JSON lines")
    j.s3.put_object(Bucket="data", Key="csv/a.csv", Body=b'h,h\n1,"x, y"\n2,z\n')
    serde = {"SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"}}
    j.table("csv", [("a", "int"), ("b", "string")], "s3://data/csv/", serde, skip__header__line__count="1")
    tap.equal(j.run("SELECT * FROM csv ORDER BY a")[1:], [["1", "x, y"], ["2", "z"]], "CSV")
    j.table("empty", [("a", "int")], "s3://data/empty/")
    tap.equal(j.run("SELECT * FROM empty"), [["a"]], "a table without objects")


def names(j):
    """An object's name that looks like a pattern stands for itself, and errors name objects, not files."""
    keys = ["a*", "a1", "[x]", "x", "q?", "qq", "back\\slash", "back\\*[s]", "it's", "{a,b}", "**", "s/**/z", "s/[a-z]/y", "s/b/y"]
    for n, key in enumerate(keys):
        j.s3.put_object(Bucket="data", Key=f"names/{key}.json", Body=b'{"n": %d}\n' % n)
    j.table("names", [("n", "int")], "s3://data/names/", JSON)
    tap.equal(j.run("SELECT n FROM names ORDER BY n")[1:], [[str(n)] for n in range(len(keys))], "names like patterns")
    j.s3.put_object(Bucket="data", Key="damaged/x.json", Body=b"nonsense {")
    j.table("damaged", [("n", "int")], "s3://data/damaged/", JSON)
    reason = j.wait(j.start("SELECT n FROM damaged"))["Status"]["StateChangeReason"]
    tap.ok("s3://data/damaged/x.json" in reason and j.pond.folder not in reason, "a damaged object is named as such", reason)


def partitions(j):
    for key, value in (("2022/02/02/15", 1), ("2022/02/02/16", 2), ("1999/01/01/00", 3)):
        j.s3.put_object(Bucket="data", Key=f"events/{key}/x.json", Body=json.dumps({"a": value}).encode())
    projection = {
        "projection__enabled": "true",
        "projection__datehour__type": "date",
        "projection__datehour__format": "yyyy/MM/dd/HH",
        "projection__datehour__range": "2021/01/01/00,NOW",
        "storage__location__template": "s3://data/events/${datehour}/",
    }
    j.table("events", [("a", "int")], "s3://data/events/", JSON, [("datehour", "string")], **projection)
    tap.equal(
        j.run("SELECT * FROM events ORDER BY a")[1:],
        [["1", "2022/02/02/15"], ["2", "2022/02/02/16"]],
        "projected partitions, and none outside of the range",
    )
    tap.equal(j.run("SELECT a FROM events WHERE datehour >= '2022/02/02/16'")[1:], [["2"]], "a predicate on them")
    j.table("stored", [("a", "int")], "s3://data/events/", JSON, [("y", "int"), ("w", "string")])
    storage = {"Columns": columns([("a", "int")]), **JSON}
    inputs = [
        {"Values": ["2022", "it's"], "StorageDescriptor": {**storage, "Location": "s3://data/events/2022/02/02/15/"}},
        {"Values": ["1999", "b"], "StorageDescriptor": {**storage, "Location": "s3://data/events/1999/"}},
    ]
    j.glue.batch_create_partition(DatabaseName="db", TableName="stored", PartitionInputList=inputs)
    tap.equal(
        j.run("SELECT * FROM stored ORDER BY a")[1:], [["1", "2022", "it's"], ["3", "1999", "b"]], "stored partitions"
    )
    again = j.glue.batch_create_partition(DatabaseName="db", TableName="stored", PartitionInputList=inputs[:1])
    tap.equal(again["Errors"][0]["ErrorDetail"]["ErrorCode"], "AlreadyExistsException", "a partition again")
    found = j.glue.get_partitions(DatabaseName="db", TableName="stored", Expression="y > 2000 AND w LIKE 'it%'")
    tap.equal([p["Values"] for p in found["Partitions"]], [["2022", "it's"]], "partitions by expression")
    tap.raises(
        lambda: j.glue.get_partitions(DatabaseName="db", TableName="stored", Expression="nonsense >"),
        "InvalidInputException",
        "a wrong expression",
    )
    tap.raises(
        lambda: j.glue.create_partition(DatabaseName="db", TableName="stored", PartitionInput={"Values": ["1"]}),
        "InvalidInputException",
        "too few values",
    )
    j.glue.delete_partition(DatabaseName="db", TableName="stored", PartitionValues=["1999", "b"])
    tap.equal(j.run("SHOW PARTITIONS stored"), [["y=2022/w=it's"]], "show partitions")


def paging(j):
    query = j.start("SELECT i, CASE WHEN i = 2 THEN NULL ELSE 'v' || i END FROM UNNEST(sequence(1, 2500)) AS t(i)")
    tap.equal(j.wait(query)["Status"]["State"], "SUCCEEDED", "2500 rows")
    sizes, values, token = [], [], {}
    while True:
        page = j.athena.get_query_results(QueryExecutionId=query, **token)
        rows = page["ResultSet"]["Rows"]
        sizes.append(len(rows))
        values += [row["Data"][0]["VarCharValue"] for row in rows]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    tap.equal(sizes, [1000, 1000, 501], "pages of 1000, the header among them")
    tap.equal(values, ["i"] + [str(i) for i in range(1, 2501)], "every row once, in order")
    small = j.athena.get_query_results(QueryExecutionId=query, MaxResults=3)
    tap.equal([r["Data"][1] for r in small["ResultSet"]["Rows"]], [{"VarCharValue": "_col1"}, {"VarCharValue": "v1"}, {}], "MaxResults")
    tap.raises(lambda: j.athena.get_query_results(QueryExecutionId=query, MaxResults=1001), "InvalidRequest", "MaxResults at most 1000")
    tap.raises(lambda: j.athena.get_query_results(QueryExecutionId=query, NextToken="x"), "InvalidRequest", "a wrong token")


def failures(j):
    tap.raises(lambda: j.start("SELECT 1 FORM t"), "line 1:15", "a syntax error is told at once, with its place")
    tap.raises(lambda: j.start("SELECT 1; SELECT 2"), "Only one sql statement", "one statement")
    tap.raises(lambda: j.start("COPY people TO 'x'"), "COPY is not supported", "COPY")
    tap.raises(lambda: j.start("ATTACH 'x'"), "ATTACH is not supported", "ATTACH")
    tap.equal(j.run("ALTER TABLE people ADD COLUMNS (x int)"), "NOT_SUPPORTED: ALTER TABLE is not supported by the lake", "ALTER")
    tap.ok(j.run("SELECT nope FROM people").startswith('COLUMN_NOT_FOUND: line 1:8: Referenced column "nope"'), "no such column")
    tap.equal(j.run("SELECT 1 FROM nope.t"), "SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist", "no such database")
    tap.ok(j.run("SELECT * FROM read_text('/etc/passwd')").startswith("PERMISSION_DENIED"), "files are out of reach")
    status = j.wait(j.start("SELECT cast('x' AS integer)"))["Status"]
    tap.equal((status["State"], status["AthenaError"]["ErrorCategory"]), ("FAILED", 2), "a failing query")
    tap.ok(status["StateChangeReason"].startswith("INVALID_CAST_ARGUMENT"), "and why")
    tap.raises(lambda: j.athena.start_query_execution(QueryString="SELECT 1"), "No output location provided", "no output location")
    tap.raises(lambda: j.start("SELECT 1", ResultConfiguration={"OutputLocation": "s3://none/x"}), "output bucket none", "no such bucket")
    tap.raises(lambda: j.athena.get_query_execution(QueryExecutionId="x"), "was not found", "no such execution")


def cancelling(j):
    endless = "SELECT sum(a * b) FROM UNNEST(sequence(1, 3000000)) AS s(a) CROSS JOIN UNNEST(sequence(1, 3000000)) AS t(b)"
    many = [j.start(endless) for _ in range(3)]  # two threads: one stays queued
    while j.athena.get_query_execution(QueryExecutionId=many[0])["QueryExecution"]["Status"]["State"] == "QUEUED":
        time.sleep(0.01)
    tap.raises(lambda: j.athena.get_query_results(QueryExecutionId=many[0]), "not yet finished", "no result yet")
    for query in reversed(many):
        j.athena.stop_query_execution(QueryExecutionId=query)
    states = [j.wait(query)["Status"]["State"] for query in many]
    tap.equal(states, ["CANCELLED"] * 3, "running and queued queries are cancelled")
    tap.equal(j.run("SELECT 1")[1:], [["1"]], "and others run")


def workgroups(j):
    tap.equal([w["Name"] for w in j.athena.list_work_groups()["WorkGroups"]], ["primary"], "primary is there")
    j.athena.create_work_group(
        Name="team", Configuration={"ResultConfiguration": {"OutputLocation": "s3://results/team/"}}, Tags=[{"Key": "a", "Value": "1"}]
    )
    query = j.athena.start_query_execution(QueryString="SELECT 1", WorkGroup="team")["QueryExecutionId"]
    tap.equal(j.wait(query)["ResultConfiguration"]["OutputLocation"], f"s3://results/team/{query}.csv", "its output location")
    tap.equal(j.athena.list_query_executions(WorkGroup="team")["QueryExecutionIds"], [query], "executions by workgroup")
    j.athena.update_work_group(WorkGroup="team", State="DISABLED")
    tap.raises(lambda: j.start("SELECT 1", WorkGroup="team"), "is disabled", "a disabled workgroup")
    tap.equal(
        j.athena.list_tags_for_resource(ResourceARN="arn:aws:athena:us-east-1:000000000000:workgroup/team")["Tags"],
        [{"Key": "a", "Value": "1"}],
        "its tags",
    )
    j.athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    tap.raises(lambda: j.athena.get_work_group(WorkGroup="team"), "is not found", "a deleted workgroup")
    newest = j.athena.list_query_executions(MaxResults=2)
    tap.equal(len(newest["QueryExecutionIds"]), 2, "a page of executions")
    tap.equal(j.athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"][0]["Name"], "db", "databases")
    meta = j.athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="db", TableName="people")
    tap.equal(meta["TableMetadata"]["Columns"], columns(PEOPLE), "table metadata")


def persistence(j):
    token = "t" * 40
    first = j.start("SELECT 42", ClientRequestToken=token)
    tap.equal(j.start("SELECT 42", ClientRequestToken=token), first, "the same token, the same execution")
    tap.raises(lambda: j.start("SELECT 43", ClientRequestToken=token), "Idempotent", "the token for another query")
    j.wait(first)
    running = j.start("SELECT sum(a * b) FROM UNNEST(sequence(1, 3000000)) AS s(a), UNNEST(sequence(1, 3000000)) AS t(b)")
    j.pond.kill()
    j.pond.start()
    j.connect()
    tap.equal(j.rows(first), [["_col0"], ["42"]], "results survive kill -9")
    status = j.wait(running)["Status"]
    tap.equal(status["State"], "FAILED", "what ran then has failed")
    tap.equal(j.start("SELECT 42", ClientRequestToken=token), first, "tokens survive")
    tap.equal(j.run("SELECT count(*) FROM people"), [["_col0"], ["3"]], "the catalog survives")


with lake.Lake() as pond:
    journey = Journey(pond)
    for bucket in ("data", "results"):
        journey.s3.create_bucket(Bucket=bucket)
    journey.s3.put_object(Bucket="data", Key="people/p.parquet", Body=people())
    for part in (catalog, types, queries, formats, names, partitions, paging, failures, cancelling, workgroups, persistence):
        part(journey)
tap.done()
