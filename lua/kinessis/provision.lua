--- Makes what a stack needs and what is absent, through the API, on the lake as on AWS.
---
---     assert(provision.ensure(stack, target, { provision = true }))
---
--- Idempotent. What exists is left as it is, but for one thing: columns that the schema has gained are
--- added to the table. A column whose type has changed is refused, because files already written
--- have the old type. Elsewhere than on the lake nothing at all is called unless `provision` is set.
--- What was made is said in log lines.
local sys = require "kinessis.core.sys"

local provision = {}

local account = "000000000000" -- of the lake
local wait_seconds = 120       -- for a stream to become ACTIVE

local function log(format, ...)
  sys.log("info", format:format(...))
end

--- The call's reply; or nil when the error has one of the codes; or nil and the error.
local function unless(codes, reply, err)
  if reply then return reply end
  for _, code in ipairs(codes) do
    if err.aws_code == code or err.status == code then return nil end
  end
  return nil, err
end

--- Asks until the status is ACTIVE.
local function wait_active(what, ask)
  local deadline = sys.monotonic() + wait_seconds
  local pause = 0.01
  while true do
    local status, err = ask()
    if status == "ACTIVE" then return true end
    if not status then return nil, err end
    if status ~= "CREATING" then return nil, sys.error("aws", ("%s is %s"):format(what, status)) end
    if sys.monotonic() > deadline then
      return nil, sys.error("timeout", ("%s is not ACTIVE after %d s"):format(what, wait_seconds))
    end
    sys.sleep(pause)
    pause = math.min(pause * 2, 2)
  end
end

-- ---- the table ----

local partition_key = "datehour"

--- The table's partition key: the hour, as a folder.
provision.partition_key = partition_key

local function location(stack)
  return ("s3://%s/%s"):format(stack.bucket, stack.delivery_stream.prefix)
end

local function glue_columns(stack)
  local columns = {}
  for i, column in ipairs(stack.columns) do
    if column.name:lower() == partition_key then
      error(("stack: a field is called %s, as the table's partition key: rename it"):format(partition_key), 0)
    end
    columns[i] = { Name = column.name:lower(), Type = column.type }
  end
  return columns
end

--- The TableInput of Glue: Parquet, one projected partition key.
function provision.table_input(stack)
  local projection = "projection." .. partition_key .. "."
  return {
    Name = stack.table,
    TableType = "EXTERNAL_TABLE",
    PartitionKeys = { { Name = partition_key, Type = "string" } },
    Parameters = {
      EXTERNAL = "TRUE",
      classification = "parquet",
      ["projection.enabled"] = "true",
      [projection .. "type"] = "date",
      [projection .. "format"] = "yyyy/MM/dd/HH",
      [projection .. "range"] = "2021/01/01/00,NOW",
      [projection .. "interval"] = "1",
      [projection .. "interval.unit"] = "HOURS",
      ["storage.location.template"] = location(stack) .. "${" .. partition_key .. "}/",
    },
    StorageDescriptor = {
      Columns = glue_columns(stack),
      Location = location(stack),
      InputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
      OutputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
      SerdeInfo = {
        SerializationLibrary = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        Parameters = { ["serialization.format"] = "1" },
      },
    },
  }
end

--- What GetTable answers, as UpdateTable takes it back. Empty tables are left out: once decoded, an
--- empty list cannot be told from an empty object.
local input_members = { "Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys",
  "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable" }

local function without_empty(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, inner in pairs(value) do out[key] = without_empty(inner) end
  return next(out) ~= nil and out or nil
end

local function update_columns(stack, api, present)
  local columns = present.StorageDescriptor.Columns
  local types, gained = {}, {}
  for _, column in ipairs(columns) do types[column.Name] = column.Type end
  for _, column in ipairs(glue_columns(stack)) do
    local type_now = types[column.Name]
    if not type_now then
      columns[#columns + 1] = column
      gained[#gained + 1] = column.Name
    elseif type_now ~= column.Type then
      return nil, sys.error("state", (
        "the table %s.%s has the column %s as %s, the schema makes it %s: files already written have the old "
        .. "type, so rename the field or name another table in the scenario's stack"):format(
        stack.database, stack.table, column.Name, type_now, column.Type))
    end
  end
  if #gained == 0 then return true end
  local input = {}
  for _, member in ipairs(input_members) do input[member] = without_empty(present[member]) end
  local reply, err = api.glue:update_table { DatabaseName = stack.database, TableInput = input }
  if not reply then return nil, err end
  log("Added to the table %s.%s: %s.", stack.database, stack.table, table.concat(gained, ", "))
  return true
end

-- ---- the delivery stream ----

local function delivery_request(stack, region, role)
  local delivery = stack.delivery_stream
  local partition, own = role:match "^arn:([^:]+):iam::(%d+):"
  return {
    DeliveryStreamName = delivery.name,
    DeliveryStreamType = stack.stream and "KinesisStreamAsSource" or "DirectPut",
    KinesisStreamSourceConfiguration = stack.stream and {
      KinesisStreamARN = ("arn:%s:kinesis:%s:%s:stream/%s"):format(partition, region, own, stack.stream.name),
      RoleARN = role,
    } or nil,
    ExtendedS3DestinationConfiguration = {
      RoleARN = role,
      BucketARN = ("arn:%s:s3:::%s"):format(partition, stack.bucket),
      Prefix = delivery.prefix, -- Firehose puts yyyy/MM/dd/HH/ after it
      ErrorOutputPrefix = delivery.error_prefix
        .. "!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/",
      BufferingHints = { SizeInMBs = delivery.buffer_size, IntervalInSeconds = delivery.buffer_interval },
      CompressionFormat = "UNCOMPRESSED",
      DataFormatConversionConfiguration = {
        Enabled = true,
        InputFormatConfiguration = { Deserializer = { OpenXJsonSerDe = {} } },
        OutputFormatConfiguration = { Serializer = { ParquetSerDe = { Compression = "SNAPPY" } } },
        SchemaConfiguration = {
          RoleARN = role,
          DatabaseName = stack.database,
          TableName = stack.table,
          Region = region,
          VersionId = "LATEST",
        },
      },
    },
  }
end

-- ---- the parts, in the order in which they need one another ----

-- How to find and make a stream or a bucket of this name.

local function stream_part(name, shards)
  return {
    title = function() return "the stream " .. name end,
    absent = { "ResourceNotFoundException" },
    raced = { "ResourceInUseException" },
    find = function(_, api) return api.kinesis:describe_stream_summary { StreamName = name } end,
    create = function(_, api) return api.kinesis:create_stream { StreamName = name, ShardCount = shards } end,
    status = function(_, api)
      local reply, err = api.kinesis:describe_stream_summary { StreamName = name }
      return reply and reply.StreamDescriptionSummary.StreamStatus, err
    end,
  }
end

local function bucket_part(name)
  return {
    title = function() return "the bucket " .. name end,
    absent = { "NoSuchBucket", "NotFound", 404 },
    raced = { "BucketAlreadyOwnedByYou" },
    find = function(_, api) return api.s3:head_bucket { Bucket = name } end,
    create = function(_, api) return api.s3:create_bucket { Bucket = name } end, -- in the client's region
  }
end

-- What a delivery stream needs, and it. absent: the error codes that mean there is none;
-- raced: those of create that mean somebody else was faster.
local delivery_parts = {
  {
    title = function(stack) return "the database " .. stack.database end,
    absent = { "EntityNotFoundException" },
    raced = { "AlreadyExistsException" },
    find = function(stack, api) return api.glue:get_database { Name = stack.database } end,
    create = function(stack, api)
      -- kinessis query finds its workgroup by this parameter
      return api.glue:create_database {
        DatabaseInput = { Name = stack.database, Parameters = { [provision.workgroup_parameter] = stack.workgroup } },
      }
    end,
  },
  {
    title = function(stack) return ("the table %s.%s"):format(stack.database, stack.table) end,
    absent = { "EntityNotFoundException" },
    raced = { "AlreadyExistsException" },
    find = function(stack, api)
      local reply, err = api.glue:get_table { DatabaseName = stack.database, Name = stack.table }
      return reply and reply.Table, err
    end,
    create = function(stack, api)
      return api.glue:create_table { DatabaseName = stack.database, TableInput = provision.table_input(stack) }
    end,
    update = update_columns,
  },
  {
    title = function(stack) return "the delivery stream " .. stack.delivery_stream.name end,
    absent = { "ResourceNotFoundException" },
    raced = { "ResourceInUseException" },
    find = function(stack, api)
      return api.firehose:describe_delivery_stream { DeliveryStreamName = stack.delivery_stream.name }
    end,
    create = function(stack, api, region, role)
      return api.firehose:create_delivery_stream(delivery_request(stack, region, role))
    end,
    status = function(stack, api)
      local reply, err = api.firehose:describe_delivery_stream { DeliveryStreamName = stack.delivery_stream.name }
      return reply and reply.DeliveryStreamDescription.DeliveryStreamStatus, err
    end,
  },
  {
    title = function(stack) return "the workgroup " .. stack.workgroup end,
    absent = { "InvalidRequestException" }, -- so Athena says that a workgroup "is not found"
    raced = {},
    find = function(stack, api) return api.athena:get_work_group { WorkGroup = stack.workgroup } end,
    create = function(stack, api)
      return api.athena:create_work_group {
        Name = stack.workgroup,
        Configuration = {
          EnforceWorkGroupConfiguration = true,
          ResultConfiguration = { OutputLocation = ("s3://%s/athena-results/"):format(stack.bucket) },
        },
      }
    end,
  },
}

-- All that the stack asks for.
local function parts_of(stack)
  local parts = {}
  if stack.stream then parts[1] = stream_part(stack.stream.name, stack.stream.shards) end
  for _, name in ipairs(stack.streams) do parts[#parts + 1] = stream_part(name, 1) end
  for _, name in ipairs(stack.buckets) do parts[#parts + 1] = bucket_part(name) end
  if stack.delivery_stream then
    parts[#parts + 1] = bucket_part(stack.bucket)
    table.move(delivery_parts, 1, #delivery_parts, #parts + 1, parts)
  end
  return parts
end

--- The parameter of a Glue database that names its Athena workgroup.
provision.workgroup_parameter = "kinessis.workgroup"

local function ensure_part(part, stack, api, region, role)
  local title = part.title(stack)
  local present, err = unless(part.absent, part.find(stack, api))
  if err then return nil, err end
  if present then
    if part.update then return part.update(stack, api, present) end
  else
    local _, create_err = unless(part.raced, part.create(stack, api, region, role))
    if create_err then return nil, create_err end
    log("Created %s.", title)
  end
  if not part.status then return true end
  return wait_active(title, function() return part.status(stack, api) end)
end

--- @param stack from stack.of(scenario)
--- @param target from target.open()
--- @param options { provision = true: elsewhere than on the lake too }
--- @return true, or nil and an error
function provision.ensure(stack, target, options)
  options = options or {}
  if target.kind ~= "lake" and not options.provision then return true end
  local role = stack.role_arn
  if target.kind == "lake" then
    role = role or ("arn:aws:iam::%s:role/firehose"):format(account)
  elseif stack.delivery_stream and not role then
    return nil, sys.error("invalid", "the stack has no role_arn: Firehose needs the ARN of a role that may read the "
      .. "stream and the table and write the bucket (role_arn in the scenario's stack)")
  end
  local aws = require "kinessis.aws"
  local api = setmetatable({}, {
    __index = function(self, service)
      self[service] = aws[service](target.config)
      return self[service]
    end,
  })
  local reached, unreached = api.kinesis:endpoint()
  if not reached then return nil, unreached end
  for _, part in ipairs(parts_of(stack)) do
    local ok, err = ensure_part(part, stack, api, reached.region, role)
    if not ok then
      err.message = ("%s: %s"):format(part.title(stack), err.message)
      return nil, err
    end
  end
  return true
end

return provision
