-- Prints the objects below a prefix, one after the other.
local url, bucket, prefix = ...
local s3 = require("kinessis").aws.s3 { endpoint = url }

for _, object in ipairs(assert(s3:collect("list_objects_v2", { Bucket = bucket, Prefix = prefix }, "Contents"))) do
  io.write(assert(s3:get_object { Bucket = bucket, Key = object.Key }).Body)
end
