// Kinesis in CBOR, as AWS's SDKs for Java speak it, with an independent encoder and decoder (the one of kinesalite).
import { createRequire } from "node:module";
import { done, equal, ok, skipAll, withLake } from "../support/lake.mjs";

const require = createRequire(process.env.BUILD + "/peers/node/");
let cbor;
try {
  cbor = require("cbor");
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  skipAll("the package cbor is not installed");
}

await withLake(async ({ url }) => {
  const type = "application/x-amz-cbor-1.1";
  async function call(operation, input) {
    const body = cbor.Encoder.encodeOne(input, { highWaterMark: 1 << 20 });
    const headers = { "Content-Type": type, "X-Amz-Target": "Kinesis_20131202." + operation };
    const reply = await fetch(url, { method: "POST", headers, body });
    const answer = Buffer.from(await reply.arrayBuffer());
    equal(reply.headers.get("content-type"), type, operation + ": answered in kind");
    return { status: reply.status, ...cbor.decodeFirstSync(answer, { tags: { 1: (ms) => new Date(ms) } }) };
  }
  const StreamName = "orders";
  const before = Date.now();
  equal((await call("CreateStream", { StreamName, ShardCount: 1 })).status, 200, "a stream is made");
  const described = (await call("DescribeStreamSummary", { StreamName })).StreamDescriptionSummary;
  equal(described.StreamStatus, "ACTIVE", "and described");
  ok(Math.abs(described.StreamCreationTimestamp - before) < 60000, "its creation is a moment", described);

  const all = Array.from({ length: 256 }, (_, i) => Buffer.alloc(i, i));
  const put = await call("PutRecords", {
    StreamName,
    Records: all.map((Data, i) => ({ Data, PartitionKey: "key " + i })),
  });
  equal(put.FailedRecordCount, 0, "256 records are kept");
  ok(put.Records.length === 256 && put.Records.every((r) => /^\d{56}$/.test(r.SequenceNumber)), "each has its number");
  const odd = await call("PutRecords", {
    StreamName,
    Records: [{ Data: Buffer.from("ä"), PartitionKey: "Zoë\0𐍈", ExplicitHashKey: "17" }],
  });
  equal(odd.FailedRecordCount, 0, "with letters beyond ASCII, and a hash key");
  equal((await call("PutRecord", { StreamName, PartitionKey: "k", Data: Buffer.from([0]) })).status, 200, "PutRecord");

  async function read(place) {
    const where = { StreamName, ShardId: "shardId-000000000000", ...place };
    const { ShardIterator } = await call("GetShardIterator", where);
    return (await call("GetRecords", { ShardIterator })).Records;
  }
  const records = await read({ ShardIteratorType: "TRIM_HORIZON" });
  equal(records.length, 258, "all are read");
  ok(all.every((data, i) => data.equals(records[i].Data)), "byte by byte");
  equal([records[256].PartitionKey, records[256].Data.toString()], ["Zoë\0𐍈", "ä"], "letters, too");
  ok(Math.abs(records[0].ApproximateArrivalTimestamp - before) < 60000, "arrival is a moment");
  const moment = new cbor.Tagged(1, records[0].ApproximateArrivalTimestamp.getTime());
  equal((await read({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: moment })).length, 258, "and may be asked for");

  const failed = await call("PutRecords", { StreamName: "none", Records: [{ Data: all[1], PartitionKey: "k" }] });
  equal([failed.status, failed.__type], [400, "ResourceNotFoundException"], "errors are CBOR");
});
done();
