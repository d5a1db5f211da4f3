--- S3: members that are headers, query parameters and bodies, by a table; replies in XML.
---
---     s3:put_object { Bucket = "b", Key = "a/b.txt", Body = "text", ContentType = "text/plain" }
---     s3:put_object { Bucket = "b", Key = "a/b.gz", File = "b.gz" }  -- read and signed chunk by chunk
---     s3:get_object { Bucket = "b", Key = "a/b.txt" }  -> { Body =, ContentType =, ETag =, ... }
---     s3:list_objects_v2 { Bucket = "b", Prefix = "a/" } -> { Contents = {...}, IsTruncated =, ... }
---
--- A URL with which whoever has it, and nothing else, may do one thing for a while (7 days at most):
---
---     s3:presign { operation = "GetObject", bucket = "b", key = "a/b.txt", expires = 3600 }
---     s3:presign { operation = "PutObject", bucket = "b", key = "k", expires = 60,
---       headers = { ["Content-Type"] = "text/plain" },   -- must then be sent just so
---       query = { ["response-content-type"] = "text/csv" } }
---
--- A Body is held in memory whole, up to 1 GiB; a File is not, and its checksum is compared by S3 (up to
--- 5 GiB). Multipart uploads are not here.
local encoding = require "kinessis.core.encoding"
local options = require "kinessis.options"
local sys = require "kinessis.core.sys"

local s3 = {}

local object_headers = {
  CacheControl = "Cache-Control",
  ContentDisposition = "Content-Disposition",
  ContentEncoding = "Content-Encoding",
  ContentLanguage = "Content-Language",
  ContentType = "Content-Type",
  ContentMD5 = "Content-MD5",
  StorageClass = "x-amz-storage-class",
  ServerSideEncryption = "x-amz-server-side-encryption",
  SSEKMSKeyId = "x-amz-server-side-encryption-aws-kms-key-id",
  Tagging = "x-amz-tagging",
  IfMatch = "If-Match",
  IfNoneMatch = "If-None-Match",
}

local read_headers = {
  Range = "Range",
  IfMatch = "If-Match",
  IfNoneMatch = "If-None-Match",
  IfModifiedSince = "If-Modified-Since",
  IfUnmodifiedSince = "If-Unmodified-Since",
}

local replied_object = {
  AcceptRanges = "accept-ranges",
  CacheControl = "cache-control",
  ContentDisposition = "content-disposition",
  ContentEncoding = "content-encoding",
  ContentLanguage = "content-language",
  ContentLength = "content-length",
  ContentRange = "content-range",
  ContentType = "content-type",
  ETag = "etag",
  LastModified = "last-modified",
  StorageClass = "x-amz-storage-class",
  VersionId = "x-amz-version-id",
}

local replied_put = { ETag = "etag", VersionId = "x-amz-version-id" }

--- Per operation: which members are headers and query parameters, whether Body is taken or given,
--- which headers of the reply become members, whether the reply is XML.
local shapes = {
  CreateBucket = { replied = { Location = "location" } },
  DeleteBucket = {},
  DeleteObject = { query = { VersionId = "versionId" }, replied = { VersionId = "x-amz-version-id" } },
  GetObject = {
    headers = read_headers,
    query = { VersionId = "versionId" },
    replied = replied_object,
    gives_body = true,
  },
  HeadBucket = { replied = { BucketRegion = "x-amz-bucket-region" } },
  HeadObject = { headers = read_headers, query = { VersionId = "versionId" }, replied = replied_object },
  ListBuckets = { xml = true },
  ListObjectsV2 = {
    query = {
      Prefix = "prefix",
      Delimiter = "delimiter",
      MaxKeys = "max-keys",
      StartAfter = "start-after",
      ContinuationToken = "continuation-token",
    },
    fixed = "encoding-type=url", -- names may hold what XML cannot
    xml = true,
  },
  PutObject = { headers = object_headers, metadata = true, takes_body = true, replied = replied_put },
}

local lists = { Contents = true, CommonPrefixes = true }
local inner_lists = { Buckets = "Bucket" }
local integers = { Size = true, KeyCount = true, MaxKeys = true, ContentLength = true }
local booleans = { IsTruncated = true }
local encoded = { Key = true, Prefix = true, Delimiter = true, StartAfter = true }

local function from_text(name, text)
  if integers[name] then return math.tointeger(tonumber(text)) or text end
  if booleans[name] then return text == "true" end
  return text
end

local function to_table(element, url)
  if #element == 0 then
    local text = element.text
    if url and encoded[element.name] then text = encoding.uri_decode((text:gsub("+", " "))) end
    return from_text(element.name, text)
  end
  local t = {}
  for _, child in ipairs(element) do
    local name, value = child.name, to_table(child, url)
    if lists[name] then
      t[name] = t[name] or {}
      table.insert(t[name], value)
    elseif inner_lists[name] then
      t[name] = {}
      for i, item in ipairs(child) do t[name][i] = to_table(item, url) end
    else
      t[name] = value
    end
  end
  return t
end

local function from_xml(operation, text)
  local root, err = encoding.xml(text)
  if not root then return nil, sys.error("malformed", ("s3 %s: the reply is %s"):format(operation, err)) end
  local url = false
  for _, child in ipairs(root) do
    if child.name == "EncodingType" then url = child.text == "url" end
  end
  local value = to_table(root, url)
  return type(value) == "table" and value or {}
end

local function known_members(shape)
  local names = {}
  for _, group in ipairs { shape.headers or {}, shape.query or {} } do
    for name in pairs(group) do names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs { "Bucket", "Key", shape.takes_body and "Body", shape.takes_body and "File",
    shape.metadata and "Metadata" } do
    if name then names[#names + 1] = name end
  end
  return names
end

local function complain(operation, format, ...)
  error(("s3 %s: "):format(operation) .. format:format(...), 0)
end

local function text_of(operation, name, value)
  if type(value) == "number" and math.tointeger(value) then return ("%d"):format(value) end
  if type(value) ~= "string" then complain(operation, "%s: expected a string, got %s", name, type(value)) end
  return value
end

--- Sorts the members into a call of the core.
local function arrange(operation, shape, input)
  local call = { operation = operation, headers = {} }
  local query = { shape.fixed }
  for name, value in pairs(input) do
    local header, parameter = (shape.headers or {})[name], (shape.query or {})[name]
    if name == "Bucket" or name == "Key" then
      call[name:lower()] = text_of(operation, name, value)
    elseif name == "Body" and shape.takes_body then
      call.body = text_of(operation, name, value)
    elseif name == "File" and shape.takes_body then
      call.file = text_of(operation, name, value)
    elseif name == "Metadata" and shape.metadata then
      for key, text in pairs(value) do
        table.insert(call.headers, ("x-amz-meta-%s: %s"):format(key:lower(), text_of(operation, name, text)))
      end
    elseif header then
      table.insert(call.headers, header .. ": " .. text_of(operation, name, value))
    elseif parameter then
      table.insert(query, parameter .. "=" .. encoding.uri_encode(text_of(operation, name, value)))
    else
      complain(operation, "%s is not a member%s", tostring(name),
        options.did_you_mean(tostring(name), known_members(shape)))
    end
  end
  call.query = table.concat(query, "&")
  if call.file then
    if call.body then complain(operation, "Body and File exclude each other") end
    local own = input.ContentEncoding -- aws-chunked is of the transfer: it goes before the content's own
    for i = #call.headers, 1, -1 do
      if call.headers[i]:find "^Content%-Encoding:" then table.remove(call.headers, i) end
    end
    table.insert(call.headers, "Content-Encoding: aws-chunked" .. (own and "," .. own or ""))
  end
  if shape.gives_body then call.max_reply = 1 << 30 end
  return call
end

local function from_headers(shape, headers)
  local result = {}
  for name, header in pairs(shape.replied or {}) do
    if headers[header] then result[name] = from_text(name, headers[header]) end
  end
  for header, value in pairs(headers) do
    local key = header:match "^x%-amz%-meta%-(.+)$"
    if key then
      result.Metadata = result.Metadata or {}
      result.Metadata[key] = value
    end
  end
  return result
end

local presign_fields = { operation = "string", bucket = "string", key = "string", expires = "number", headers = "table",
  query = "table" }

--- The pairs of a table as "name<separator>value", sorted by name.
local function join_pairs(what, given, separator, encode)
  local out = {}
  for name, value in pairs(given or {}) do
    if type(name) ~= "string" then complain("presign", "%s: expected names, got %s", what, type(name)) end
    out[#out + 1] = encode(name) .. separator .. encode(text_of("presign", what .. "." .. name, value))
  end
  table.sort(out)
  return out
end

local function arrange_presign(api, input)
  if type(input) ~= "table" then complain("presign", "expected a table, got %s", type(input)) end
  local names = {}
  for name in pairs(presign_fields) do names[#names + 1] = name end
  table.sort(names)
  for name, value in pairs(input) do
    local expected = presign_fields[name]
    if not expected then
      complain("presign", "%s is not a field%s", tostring(name), options.did_you_mean(tostring(name), names))
    elseif type(value) ~= expected then
      complain("presign", "%s: expected a %s, got %s", name, expected, type(value))
    end
  end
  local known = false
  for _, operation in ipairs(api.operations) do known = known or operation == input.operation end
  if not known then
    complain("presign", "operation: expected one such as GetObject or PutObject, got %s%s", tostring(input.operation),
      options.did_you_mean(tostring(input.operation), api.operations))
  end
  local expires = math.tointeger(input.expires or 3600)
  if not expires or expires < 1 or expires > 604800 then
    complain("presign", "expires: expected 1 to 604800 seconds (7 days), got %s", tostring(input.expires))
  end
  return {
    operation = input.operation,
    bucket = input.bucket,
    key = input.key,
    expires = expires,
    query = table.concat(join_pairs("query", input.query, "=", encoding.uri_encode), "&"),
    headers = join_pairs("headers", input.headers, ": ", function(text) return text end),
  }
end

--- @return the URL; or nil and an error
function s3.presign(client, api, input)
  local ok, call = pcall(arrange_presign, api, input)
  if not ok then error(call, 3) end
  return client:presign(call)
end

--- Sends one operation. A mistake in the input raises.
--- @return the reply as a table; or nil and an error
function s3.call(client, _, operation, input)
  local shape = shapes[operation]
  local ok, call = pcall(arrange, operation, shape, input)
  if not ok then error(call, 2) end
  if operation == "CreateBucket" then
    local region = client:describe().region
    if region ~= "us-east-1" then
      call.body = ('<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        .. "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>"):format(region)
    end
  end
  local reply, err = client:call(call)
  if not reply then return nil, err end
  if shape.xml then return from_xml(operation, reply.body) end
  local result = from_headers(shape, reply.headers)
  if shape.gives_body then result.Body = reply.body end
  return result
end

return s3
