-- The bindings of AWS clients, without a server: names, members, encodings, what raises.
local tap = dofile "tests/lua/tap.lua"
local aws = require("kinessis").aws
local encoding = require "kinessis.core.encoding"
local json = require "kinessis.aws.json"
local cjson = require "cjson"

local keys = { access_key = "AKID", secret_key = "secret", region = "eu-west-1" }

-- A port that nothing listens on any more is not ours to know: 1 is never served on loopback.
local function unreachable(more)
  local config = { endpoint = "http://127.0.0.1:1", max_attempts = 1 }
  for name, value in pairs(keys) do config[name] = value end
  for name, value in pairs(more or {}) do config[name] = value end
  return config
end

-- configuration
tap.raises(function() aws.kinesis({ regoin = "x" }):list_streams {} end,
  "aws config.regoin: there is no such setting", "an unknown setting raises")
tap.raises(function() aws.kinesis({ region = 1 }):list_streams() end,
  "aws config.region: expected a string, got number",
  "a setting of the wrong type raises")
tap.raises(function() aws.kinesis({ timeout = 0 }):list_streams() end, "aws config.timeout", "a timeout of 0 raises")
local endpoint = assert(aws.s3(keys):endpoint())
tap.is(endpoint.url, "https://s3.eu-west-1.amazonaws.com", "S3 on AWS")
tap.is(endpoint.credentials, "explicit", "where the credentials come from")
tap.is(aws.kinesis { region = "cn-north-1", access_key = "a", secret_key = "b" }:endpoint().url,
  "https://kinesis.cn-north-1.amazonaws.com.cn", "the China partition")
local nothing, err = aws.kinesis { region = "eu-west-1", access_key = "a" }:list_streams()
tap.ok(nothing == nil and err.code == "invalid", "half a key is an error, not a raise")
tap.like(err, "secret_key is missing", "it says what is missing")
nothing, err = aws.lake(keys):flush()
tap.ok(nothing == nil, "AWS has no lake")
tap.like(err, "give the endpoint of a lake", "and that is said")

-- methods
tap.raises(function() return aws.kinesis(keys).put_recordss end,
  "kinesis has no operation 'put_recordss' (did you mean put_records?)", "an unknown operation raises with the nearest")
tap.raises(function() aws.kinesis(keys):put_records "x" end,
  "kinesis PutRecords: expected a table of members, got string", "members come in a table")
for _, method in ipairs { "list_objects_v2", "put_object", "head_bucket" } do
  tap.ok(aws.s3(keys)[method], "s3:" .. method)
end
tap.raises(function() aws.s3(keys):put_object { Bucket = "b", Key = "k", Bodi = "x" } end,
  "s3 PutObject: Bodi is not a member (did you mean Body?)", "an unknown member of S3 raises")
nothing, err = aws.s3(unreachable()):put_object { Bucket = "b", Key = "k", Body = "x", ContentType = "a\r\nX: y" }
tap.ok(nothing == nil and err.code == "invalid", "a header cannot be smuggled in")
nothing, err = aws.s3(unreachable()):get_object { Key = "k" }
tap.ok(nothing == nil and err.code == "invalid", "S3 needs a bucket")
tap.like(err, "s3 GetObject needs a bucket", "a missing bucket is said")

-- presigned URLs (tests/interop/presign.t.py compares them with botocore's)
local s3 = aws.s3(keys)
local url = assert(s3:presign { operation = "GetObject", bucket = "b", key = "k" })
tap.like(url, "https://s3.eu-west-1.amazonaws.com/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&", "a presigned URL")
tap.like(url, "&X-Amz-Expires=3600&", "good for an hour")
tap.raises(function() s3:presign { operation = "GetObjec", bucket = "b", key = "k" } end,
  "s3 presign: operation: expected one such as GetObject or PutObject, got GetObjec (did you mean GetObject?)",
  "an unknown operation raises")
tap.raises(function() s3:presign { operation = "GetObject", buckett = "b" } end,
  "s3 presign: buckett is not a field (did you mean bucket?)", "so does an unknown field")
for _, expires in ipairs { 0, 604801, 1.5 } do
  tap.raises(function() s3:presign { operation = "GetObject", bucket = "b", key = "k", expires = expires } end,
    "expires: expected 1 to 604800 seconds", "nor can it live for " .. expires .. " s")
end
tap.raises(function() s3:presign { operation = "GetObject", bucket = "b", key = "k", headers = { "a: b" } } end,
  "headers: expected names, got number", "headers have names")
nothing, err = s3:presign { operation = "GetObject", bucket = "b" }
tap.ok(nothing == nil and err.code == "invalid", "a missing key is an error")
tap.raises(function() return aws.kinesis(keys).presign end, "kinesis has no operation 'presign'", "only S3 has them")

-- the world's failures
local client = aws.kinesis(unreachable())
nothing, err = client:describe_stream_summary { StreamName = "s" }
tap.ok(nothing == nil and err.code == "network" and err.retryable, "no server: nil and a network error")
tap.like(err, "kinesis DescribeStreamSummary: POST http://127.0.0.1:1/", "it says what and where")
client:close()
client:close()

-- JSON
local function encoded(input, operation, api)
  return json.encode({ name = api or "kinesis" }, operation or "X", input)
end
tap.is(encoded {}, "{}", "no members")
tap.is(encoded { ShardCount = 2, Name = 'a"b' }, '{"Name":"a\\"b","ShardCount":2}', "numbers and text")
tap.is(encoded { N = 9007199254740993, F = 2.0, G = 0.1, B = false },
  '{"B":false,"F":2,"G":0.10000000000000001,"N":9007199254740993}', "64-bit integers are exact")
tap.is(encoded { Columns = {}, Parameters = {}, TagKeys = json.array {}, Mine = json.array {} },
  '{"Columns":[],"Mine":[],"Parameters":{},"TagKeys":[]}', "empty lists and empty objects")
tap.is(encoded { Records = { { Data = "foo\0", PartitionKey = "p" } } },
  '{"Records":[{"Data":"Zm9vAA==","PartitionKey":"p"}]}', "Data is base64 on the wire")
tap.is(encoded({ Data = "foo" }, "X", "glue"), '{"Data":"foo"}', "only where it is bytes")
tap.raises(function() encoded { A = { { F = print } } } end, "kinesis X.A[1].F: a function cannot be sent",
  "what cannot be sent raises with its path")
tap.raises(function() encoded { A = 0 / 0 } end, "kinesis X.A: ", "nor can NaN")
tap.ok(encoded({ QueryString = "q" }, "StartQueryExecution", "athena"):match '"ClientRequestToken":"%x+"',
  "a query gets its token")
local input = { QueryString = "q" }
encoded(input, "StartQueryExecution", "athena")
tap.ok(input.ClientRequestToken == nil, "and the caller's table is left alone")
local reply = json.decode({ name = "kinesis" }, '{"A":1,"B":1.5,"C":null,"D":[{"Data":"Zm9v"}],"E":1e300}')
tap.is(math.type(reply.A), "integer", "whole numbers are integers")
tap.is(reply.B, 1.5, "others are not")
tap.ok(reply.C == nil and reply.C ~= cjson.null, "null is absent")
tap.is(reply.D[1].Data, "foo", "Data is decoded")
tap.is(math.type(reply.E), "float", "what no integer holds stays")
tap.ok(json.decode({ name = "kinesis" }, "<html>") == nil, "what is not JSON is said")

-- XML
local root = assert(encoding.xml '<a:R xmlns:a="u"><K>&lt;k&gt;</K><L/><L>2</L></a:R>')
tap.is(root.name, "R", "the root, without prefix")
tap.is(root[1].text, "<k>", "text")
tap.is(#root, 3, "children in order")
nothing, err = encoding.xml '<!DOCTYPE x [<!ENTITY e "v">]><x>&e;</x>'
tap.ok(nothing == nil and err.code == "malformed", "no document types")

-- what is shown
local pretty = require "kinessis.pretty"
tap.is(pretty(aws.kinesis(keys)), "client of kinesis", "a client is shown without its keys")

-- text
tap.is(encoding.unbase64(encoding.base64 "\0\255"), "\0\255", "base64 both ways")
tap.ok(encoding.unbase64 "?" == nil, "not base64")
tap.is(encoding.uri_encode("a/b c~", true), "a/b%20c~", "URI encoding")
tap.ok(encoding.token() ~= encoding.token() and #encoding.token() == 32, "tokens")

tap.done()
