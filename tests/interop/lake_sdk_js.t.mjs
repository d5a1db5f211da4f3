// The AWS SDK for JavaScript v3 against the lake: its Kinesis client speaks HTTP/2 with prior knowledge, by default.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { done, equal, ok, skipAll, withLake } from "../support/lake.mjs";

const require = createRequire(process.env.BUILD + "/peers/node/");
let sdk;
try {
  sdk = Object.assign({}, ...["kinesis", "s3", "glue", "athena"].map((name) => require(`@aws-sdk/client-${name}`)));
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  skipAll("the AWS SDK for JavaScript is not installed");
}

async function readStream(kinesis, StreamName) {
  const found = [];
  const { Shards } = await kinesis.send(new sdk.ListShardsCommand({ StreamName }));
  for (const { ShardId } of Shards) {
    let { ShardIterator } = await kinesis.send(
      new sdk.GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
    );
    for (;;) {
      const reply = await kinesis.send(new sdk.GetRecordsCommand({ ShardIterator }));
      found.push(...reply.Records.map((r) => [r.PartitionKey, Buffer.from(r.Data).toString("hex")]));
      ShardIterator = reply.NextShardIterator;
      if (reply.Records.length === 0 && reply.MillisBehindLatest === 0) break;
    }
  }
  return found.sort();
}

async function query(athena, QueryString, Database, OutputLocation) {
  const { QueryExecutionId } = await athena.send(
    new sdk.StartQueryExecutionCommand({
      QueryString,
      QueryExecutionContext: { Database },
      ResultConfiguration: { OutputLocation },
    }),
  );
  let state = "QUEUED";
  for (let tries = 0; tries < 400 && ["QUEUED", "RUNNING"].includes(state); tries++) {
    await sleep(25);
    const reply = await athena.send(new sdk.GetQueryExecutionCommand({ QueryExecutionId }));
    state = reply.QueryExecution.Status.State;
  }
  equal(state, "SUCCEEDED", "the query ends well");
  const { ResultSet } = await athena.send(new sdk.GetQueryResultsCommand({ QueryExecutionId }));
  return ResultSet.Rows.map((row) => row.Data.map((cell) => cell.VarCharValue));
}

await withLake(async ({ folder, config }) => {
  const kinesis = new sdk.KinesisClient(config);
  const handler = kinesis.config.requestHandler;
  equal(handler.metadata.handlerProtocol, "h2", "the Kinesis client speaks HTTP/2");
  const StreamName = "orders";
  await kinesis.send(new sdk.CreateStreamCommand({ StreamName, ShardCount: 2 }));
  await sdk.waitUntilStreamExists({ client: kinesis, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { StreamName });

  const sent = Array.from({ length: 400 }, (_, i) => [`key-${i}`, Buffer.alloc(1 + (i * 37) % 5000, i)]);
  const Records = sent.map(([PartitionKey, Data]) => ({ PartitionKey, Data }));
  const reply = await kinesis.send(new sdk.PutRecordsCommand({ StreamName, Records }));
  equal(reply.FailedRecordCount, 0, "every record is taken");
  const expected = sent.map(([key, data]) => [key, data.toString("hex")]).sort();
  equal(await readStream(kinesis, StreamName), expected, "every record is read back");
  const many = await Promise.all(
    sent.slice(0, 50).map(([PartitionKey, Data]) =>
      kinesis.send(new sdk.PutRecordCommand({ StreamName, PartitionKey, Data })),
    ),
  );
  equal(new Set(many.map((r) => r.SequenceNumber)).size, 50, "fifty puts at once on one connection");

  await promisify(execFile)(process.env.KINESSIS, [
    "run", "scripts/quickstart.lua", "--amount", "15", "--data", folder,
  ]);
  const glue = new sdk.GlueClient(config);
  const { DatabaseList } = await glue.send(new sdk.GetDatabasesCommand({}));
  const { TableList } = await glue.send(new sdk.GetTablesCommand({ DatabaseName: DatabaseList[0].Name }));
  const Bucket = TableList[0].StorageDescriptor.Location.split("/")[2];

  const s3 = new sdk.S3Client({ ...config, forcePathStyle: true });
  const { Contents } = await s3.send(new sdk.ListObjectsV2Command({ Bucket }));
  ok(Contents.some((o) => o.Key.endsWith(".parquet")), "Parquet objects are listed");
  await s3.send(new sdk.CreateBucketCommand({ Bucket: "from-js" }));
  await s3.send(new sdk.PutObjectCommand({ Bucket: "from-js", Key: "a b/ü.txt", Body: "text" }));
  const got = await s3.send(new sdk.GetObjectCommand({ Bucket: "from-js", Key: "a b/ü.txt" }));
  equal(await got.Body.transformToString(), "text", "an object with an odd name, there and back");

  const athena = new sdk.AthenaClient(config);
  const rows = await query(
    athena, `SELECT count(DISTINCT uuid) AS n FROM ${TableList[0].Name}`, DatabaseList[0].Name, "s3://from-js/q/",
  );
  equal(rows, [["n"], ["15"]], "Athena counts what was sent");

  let name;
  try {
    await kinesis.send(new sdk.DescribeStreamCommand({ StreamName: "none" }));
  } catch (error) {
    name = error.name;
  }
  equal(name, "ResourceNotFoundException", "an unknown stream");
  for (const client of [kinesis, s3, glue, athena]) client.destroy();
});
done();
