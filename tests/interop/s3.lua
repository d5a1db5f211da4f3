-- The S3 bindings against the server at the URL given.
local url = ...
local tap = dofile "tests/lua/tap.lua"
local s3 = require("kinessis").aws.s3 { endpoint = url }
local bucket = "bindings"

local nothing, err = s3:head_bucket { Bucket = bucket }
tap.ok(nothing == nil and err.status == 404 and err.aws_code == "NotFound", "no bucket yet")
tap.ok(s3:create_bucket { Bucket = bucket }, "create_bucket")
tap.ok(s3:head_bucket { Bucket = bucket }, "head_bucket")
local names = {}
for _, b in ipairs(assert(s3:list_buckets()).Buckets) do names[b.Name] = true end
tap.ok(names[bucket], "list_buckets")
local listed = assert(s3:list_objects_v2 { Bucket = bucket })
tap.ok(listed.Contents == nil and listed.KeyCount == 0 and listed.IsTruncated == false, "an empty listing")

local bytes = "\0\255 bytes"
local key = "a b/ü+&=%?#/<k>.txt"
local put = assert(s3:put_object {
  Bucket = bucket, Key = key, Body = bytes, ContentType = "text/x-test", Metadata = { Colour = "blue" },
})
tap.ok(put.ETag, "put_object")
local got = assert(s3:get_object { Bucket = bucket, Key = key })
tap.is(got.Body, bytes, "get_object: the bytes")
tap.is(got.ContentType, "text/x-test", "the type")
tap.is(got.ETag, put.ETag, "the tag")
tap.is(got.ContentLength, #bytes, "the length, an integer")
tap.is(got.Metadata.colour, "blue", "the metadata")
local head = assert(s3:head_object { Bucket = bucket, Key = key })
tap.ok(head.ContentLength == #bytes and head.Body == nil, "head_object")
tap.is(assert(s3:get_object { Bucket = bucket, Key = key, Range = "bytes=2-3" }).Body, bytes:sub(3, 4), "a range")
tap.is(assert(s3:put_object { Bucket = bucket, Key = "empty" }) and
  assert(s3:get_object { Bucket = bucket, Key = "empty" }).Body, "", "an empty object")

-- A file goes in signed chunks, with its checksum behind it.
local path = os.tmpname()
for _, size in ipairs { 0, 1, 65536, 200001 } do
  local content = ("0123456789"):rep(size // 10 + 1):sub(1, size)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content) and file:close())
  local sent = s3:put_object { Bucket = bucket, Key = "file", File = path, ContentType = "text/x-file" }
  got = s3:get_object { Bucket = bucket, Key = "file" }
  tap.ok(sent and got and got.Body == content, ("a file of %d bytes"):format(size))
end
tap.is(got.ContentType, "text/x-file", "its type")
tap.ok(not (got.ContentEncoding or ""):find "aws%-chunked", "the chunks were of the transfer only")
os.remove(path)
nothing, err = s3:put_object { Bucket = bucket, Key = "file", File = path }
tap.ok(nothing == nil and err.code == "io", "a file that is absent")
tap.like(err, path, "... is named")
tap.raises(function() s3:put_object { Bucket = bucket, Key = "file", File = path, Body = "x" } end,
  "Body and File exclude each other", "one of the two")
assert(s3:delete_object { Bucket = bucket, Key = "file" })

for i = 1, 5 do assert(s3:put_object { Bucket = bucket, Key = "list/" .. i, Body = ("x"):rep(i) }) end
local page = assert(s3:list_objects_v2 { Bucket = bucket, Prefix = "list/", MaxKeys = 2 })
tap.is(#page.Contents, 2, "a page")
tap.is(page.Contents[2].Size, 2, "sizes are integers")
tap.is(page.IsTruncated, true, "there is more")
page = assert(s3:list_objects_v2 { Bucket = bucket, Prefix = "list/", ContinuationToken = page.NextContinuationToken })
tap.is(page.Contents[1].Key, "list/3", "the next page")
tap.is(#assert(s3:collect("list_objects_v2", { Bucket = bucket, Prefix = "list/", MaxKeys = 2 }, "Contents")), 5,
  "all pages joined")
page = assert(s3:list_objects_v2 { Bucket = bucket, Delimiter = "/" })
tap.is(#page.CommonPrefixes, 2, "common prefixes")
tap.is(page.Contents[1].Key, "empty", "and what has none")
tap.is(assert(s3:list_objects_v2 { Bucket = bucket, Prefix = "a b/" }).Contents[1].Key, key, "a name as it was put")

nothing, err = s3:get_object { Bucket = bucket, Key = "none" }
tap.ok(nothing == nil and err.aws_code == "NoSuchKey" and err.status == 404, "no such key")
nothing, err = s3:delete_bucket { Bucket = bucket }
tap.ok(nothing == nil and err.aws_code == "BucketNotEmpty", "the bucket is not empty")
for _, object in ipairs(assert(s3:collect("list_objects_v2", { Bucket = bucket }, "Contents"))) do
  assert(s3:delete_object { Bucket = bucket, Key = object.Key })
end
tap.ok(s3:delete_bucket { Bucket = bucket }, "delete_object, delete_bucket")
tap.done()
