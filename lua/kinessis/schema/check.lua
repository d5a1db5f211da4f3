--- kinessis schema check: what would go wrong between the records and SQL, found before anything is sent.
---
--- Rules are functions (about, add) in the modules below; each looks at what is known about the scenario,
--- its samples, the table and the delivery stream, and adds findings:
---     add { level = "problem" or "note", field =, reason =, remedy = }
--- A problem is data that does not arrive as it was sent, or cannot be queried; a note costs money or
--- surprises. Conversion itself is not guessed: the lake's own converter runs on the samples.
---
--- about: scenario, schema, samples (kinessis.schema.samples), columns ({ name, type, key }), rules (of the
--- JSON reader: hive, case_sensitive, dots_to_underscores), and where it is known: stack, table (a name),
--- partition_keys, parameters, location, prefix, error_prefix (s3://), buffer ({ size, interval }),
--- time_zone, differences and partition_count
--- (kinessis.schema.partitions). The rule "conversion" adds failed: how many samples do not arrive.
local provision = require "kinessis.provision"
local samples = require "kinessis.schema.samples"
local stack = require "kinessis.stack"

local check = {}

local modules = { "columns", "values", "records", "layout" }

-- ---- what is known ----

local function columns_of(input, mappings)
  local columns = {}
  for i, column in ipairs(input.StorageDescriptor.Columns) do
    columns[i] = { name = column.Name, type = column.Type, key = mappings and mappings[column.Name] or nil }
  end
  return columns
end

-- Those that a run makes of the fields: Glue keeps names in lower case.
local function columns_of_fields(scenario)
  local columns = scenario.records:columns()
  for _, column in ipairs(columns) do column.name, column.type = column.name:lower(), column.type:lower() end
  return columns
end

local function take_table(about, input, mappings)
  about.columns = columns_of(input, mappings)
  about.partition_keys = {}
  for i, key in ipairs(input.PartitionKeys or {}) do about.partition_keys[i] = { name = key.Name, type = key.Type } end
  about.parameters = input.Parameters or {}
  about.location = input.StorageDescriptor.Location
end

-- From the scenario alone: what `kinessis run` makes.
local function from_stack(about)
  local scenario = about.scenario
  about.rules = {}
  if #scenario.destinations == 0 then
    about.columns = columns_of_fields(scenario)
    return
  end
  about.stack = stack.of(scenario)
  if not about.stack.delivery_stream then
    about.columns = columns_of_fields(scenario)
    return
  end
  local delivery = about.stack.delivery_stream
  local bucket = "s3://" .. about.stack.bucket .. "/"
  about.prefix, about.error_prefix = bucket .. delivery.prefix, bucket .. delivery.error_prefix
  about.buffer = { size = delivery.buffer_size, interval = delivery.buffer_interval }
  local ok, input = pcall(provision.table_input, about.stack)
  if ok then
    about.table = about.stack.database .. "." .. about.stack.table
    take_table(about, input)
  else -- a field is called as the partition key: a rule says so
    about.columns = columns_of_fields(scenario)
    about.partition_keys = { { name = provision.partition_key, type = "string" } }
  end
end

-- How the delivery stream that exists reads and writes, in place of the stack's own.
local function take_delivery(about, description)
  local s3 = (description.Destinations[1] or {}).ExtendedS3DestinationDescription
  if not s3 then return nil end
  local bucket = "s3://" .. s3.BucketARN:match "([^:]+)$" .. "/"
  about.prefix = bucket .. (s3.Prefix or "")
  about.error_prefix = s3.ErrorOutputPrefix and bucket .. s3.ErrorOutputPrefix
  about.time_zone = s3.CustomTimeZone
  local hints = s3.BufferingHints or {}
  about.buffer = { size = hints.SizeInMBs or 128, interval = hints.IntervalInSeconds or 300 }
  local conversion = s3.DataFormatConversionConfiguration or {}
  local reader = (conversion.InputFormatConfiguration or {}).Deserializer or {}
  local open_x = reader.OpenXJsonSerDe or {}
  about.rules = {
    hive = reader.HiveJsonSerDe ~= nil,
    case_sensitive = open_x.CaseInsensitive == false,
    dots_to_underscores = open_x.ConvertDotsInJsonKeysToUnderscores == true,
  }
  return open_x.ColumnToJsonKeyMappings
end

-- From the target: the table, and the scenario's delivery stream when it exists.
local function from_target(about, name, target)
  local aws = require "kinessis.aws"
  local database, table_name = name:match "^([^.]+)%.([^.]+)$"
  local reply, err = aws.glue(target.config):get_table { DatabaseName = database, Name = table_name }
  if not reply then
    err.message = ("the table %s: %s"):format(name, err.message)
    return nil, err
  end
  local delivery, mappings = about.stack and about.stack.delivery_stream, nil
  if delivery then
    local found, absent = aws.firehose(target.config):describe_delivery_stream { DeliveryStreamName = delivery.name }
    if found then
      mappings = take_delivery(about, found.DeliveryStreamDescription)
    elseif absent.aws_code ~= "ResourceNotFoundException" then
      return nil, absent
    end
  end
  about.table = name
  take_table(about, reply.Table, mappings)
  if #about.partition_keys > 0 and tostring(about.parameters["projection.enabled"]):lower() ~= "true" then
    about.differences, about.partition_count = require("kinessis.schema.partitions").differences(
      aws.glue(target.config), database, table_name, about.columns)
    if not about.differences then return nil, about.partition_count end
  end
  return true
end

-- ---- running the rules ----

--- @param scenario what scenario.load returned
--- @param options { samples = count, table = "db.name", target = from target.open, with table }
--- @return { findings = { { level, rule, field, reason, remedy }, ... }, about = see above }; or nil and an error
function check.run(scenario, options)
  local about = { scenario = scenario, schema = scenario.records }
  from_stack(about)
  if options.table then
    local ok, err = from_target(about, options.table, options.target)
    if not ok then return nil, err end
  end
  about.samples = samples.take(scenario, options.samples)
  local findings = {}
  for _, module in ipairs(modules) do
    for _, rule in ipairs(require("kinessis.schema.rules_" .. module)) do
      rule.check(about, function(finding)
        finding.rule = rule.name
        findings[#findings + 1] = finding
      end)
    end
  end
  return { findings = findings, about = about }
end

--- How many findings are of a level.
function check.count(result, level)
  local n = 0
  for _, finding in ipairs(result.findings) do
    if finding.level == level then n = n + 1 end
  end
  return n
end

local function plural(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end

--- The findings for people, problems first.
function check.text(result)
  local out, about = {}, result.about
  for _, level in ipairs { "problem", "note" } do
    for _, finding in ipairs(result.findings) do
      if finding.level == level then
        out[#out + 1] = ("%-8s %s%s\n         %s\n"):format(level, finding.field and finding.field .. ": " or "",
          finding.reason, finding.remedy)
      end
    end
  end
  local total = #about.samples.texts
  out[#out + 1] = ("%s, %s. Of %s, %d would arrive%s.\n"):format(
    plural(check.count(result, "problem"), "problem"), plural(check.count(result, "note"), "note"),
    plural(total, "sample"), total - about.failed, about.table and " in " .. about.table or "")
  return table.concat(out)
end

--- "db.table" -> itself, for options.
function check.parse_table(text)
  if text:find "^[^.%s]+%.[^.%s]+$" then return text end
  return nil, "a table with its database, such as web.clicks"
end

return check
