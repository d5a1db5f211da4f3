-- The Firehose bindings against the server at the URL given; leaves the delivery stream "deliver", which
-- writes to the bucket "delivered" below records/.
local url = ...
local tap = dofile "tests/lua/tap.lua"
local aws = require("kinessis").aws
local firehose, s3 = aws.firehose { endpoint = url }, aws.s3 { endpoint = url }

local function create(name, prefix)
  return firehose:create_delivery_stream {
    DeliveryStreamName = name,
    DeliveryStreamType = "DirectPut",
    ExtendedS3DestinationConfiguration = {
      RoleARN = "arn:aws:iam::123456789012:role/deliver", BucketARN = "arn:aws:s3:::delivered", Prefix = prefix,
    },
  }
end

assert(s3:create_bucket { Bucket = "delivered" })
tap.ok(assert(create("bindings", "bindings/")).DeliveryStreamARN, "create_delivery_stream")
assert(create("deliver", "records/"))
local described = assert(firehose:describe_delivery_stream { DeliveryStreamName = "bindings" })
tap.is(described.DeliveryStreamDescription.DeliveryStreamStatus, "ACTIVE", "describe_delivery_stream")
tap.is(#assert(firehose:list_delivery_streams()).DeliveryStreamNames, 2, "list_delivery_streams")
tap.ok(assert(firehose:put_record { DeliveryStreamName = "bindings", Record = { Data = "one\0\n" } }).RecordId,
  "put_record")
local reply = assert(firehose:put_record_batch {
  DeliveryStreamName = "bindings", Records = { { Data = "two\n" }, { Data = "three\n" } },
})
tap.ok(reply.FailedPutCount == 0 and #reply.RequestResponses == 2, "put_record_batch")
local bodies = {}
for _, object in ipairs(assert(s3:list_objects_v2 { Bucket = "delivered", Prefix = "bindings/" }).Contents) do
  bodies[#bodies + 1] = assert(s3:get_object { Bucket = "delivered", Key = object.Key }).Body
end
table.sort(bodies)
tap.is(table.concat(bodies), "one\0\ntwo\nthree\n", "the bytes arrive")
tap.ok(firehose:delete_delivery_stream { DeliveryStreamName = "bindings" }, "delete_delivery_stream")
local nothing, err = firehose:describe_delivery_stream { DeliveryStreamName = "bindings" }
tap.ok(nothing == nil and err.aws_code == "ResourceNotFoundException", "it is gone")
tap.done()
