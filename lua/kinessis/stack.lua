--- The stack: what must exist so that records travel from the stream to SQL.
---
---     stack = kinessis.stack {
---       stream = { name = "clicks", shards = 2 },
---       delivery_stream = { name = "clicks-to-s3", prefix = "clicks/", buffer_size = 64, buffer_interval = 60 },
---       bucket = "my-clicks", database = "web", table = "clicks", workgroup = "web",
---       role_arn = "arn:aws:iam::...:role/...",   -- Firehose's role; needed on AWS only
---     }
---
--- Every field may be left out: the rest follows from the scenario's destinations and schema. With
--- delivery_stream = false only the stream is made. Of several destinations the first stream feeds the
--- delivery stream; the other streams, and the buckets of kinessis.s3, are made beside it. Where records
--- go to a delivery stream directly, that is the one that is made.
---
--- Objects lie under <prefix>yyyy/MM/dd/HH/ (UTC, arrival), and the table projects its partitions on
--- that layout: one string key, datehour, as in AWS's own example for Firehose. Error objects and
--- query results lie outside the table's location. kinessis.provision makes what is absent.
local check = require "kinessis.check"

local stack = {}

local function folder(value)
  if type(value) ~= "string" or not value:find "^[^/].*/$" then return "a folder such as clicks/ is expected" end
  if value:find("!{", 1, true) then return "a plain folder is expected: the date and the hour are put below it" end
end

local stream_rules = {
  name = { check.text("^[%w_.-]+$", 128, "a stream name: 1 to 128 of a-z A-Z 0-9 _ . -") },
  shards = { check.integer(1, 10000) },
}
local delivery_rules = {
  name = { check.text("^[%w_.-]+$", 64, "a delivery stream name: 1 to 64 of a-z A-Z 0-9 _ . -") },
  prefix = { folder },
  error_prefix = { folder },
  buffer_size = { check.integer(64, 128) },    -- MiB; below 64 Firehose refuses to convert
  buffer_interval = { check.integer(0, 900) }, -- seconds
}
local glue_name = check.text("^[%l%d_]+$", 255, "a Glue name: 1 to 255 of a-z 0-9 _")
local rules = {
  stream = { check.type_of "table" },
  delivery_stream = { function(value) return value ~= false and check.type_of "table"(value) or nil end },
  bucket = { check.text("^[%l%d][%l%d.-]+[%l%d]$", 63, "a bucket name: 3 to 63 of a-z 0-9 . -") },
  database = { glue_name },
  table = { glue_name },
  workgroup = { check.text("^[%w_.-]+$", 128, "a workgroup name: 1 to 128 of a-z A-Z 0-9 _ . -") },
  role_arn = { check.text("^arn:[^:]+:iam::%d+:role/.+$", 2048, "the ARN of a role") },
}

local methods = {}
local metatable = { __index = methods, __name = "kinessis.stack" }

--- Makes what is absent; see kinessis.provision.
function methods:ensure(target, options)
  return require("kinessis.provision").ensure(self, target, options)
end

-- ---- what follows from the scenario ----

local function glue_word(name)
  return (name:lower():gsub("[^%l%d_]", "_"))
end

local function bucket_word(name)
  local word = name:lower():gsub("[^%l%d-]", "-"):sub(1, 63):gsub("^%-+", ""):gsub("%-+$", "")
  return #word >= 3 and word or word .. "-data"
end

--- A deep copy of defaults, with what is given put over it.
local function merge(defaults, given)
  local out = {}
  for key, value in pairs(defaults) do
    out[key] = type(value) == "table" and merge(value, {}) or value
  end
  for key, value in pairs(given) do
    local both = type(value) == "table" and type(out[key]) == "table"
    out[key] = both and merge(out[key], value) or value
  end
  return out
end

local function names_of(scenario, service, field)
  local names, seen = {}, {}
  for _, to in ipairs(scenario.destinations or { scenario.to }) do
    if to.service == service and not seen[to[field]] then
      seen[to[field]] = true
      names[#names + 1] = to[field]
    end
  end
  return names
end

--- The whole stack of a scenario: its own, completed. Beside its fields: streams and buckets, lists of
--- the names that are more than the one stream and the one bucket.
--- @param scenario { records = schema, destinations = list (or to = one), stack = what was declared }
function stack.of(scenario)
  local given = scenario.stack or {}
  local schema = scenario.records
  local streams, buckets = names_of(scenario, "kinesis", "name"), names_of(scenario, "s3", "bucket")
  local direct = names_of(scenario, "firehose", "name")[1]
  local named = given.stream and given.stream.name
  local whole = streams[1] or direct or named -- else there are only buckets
  local base = named or streams[1] or direct or buckets[1] or schema.name
  local table_name = given.table or glue_word(schema.name)
  local complete = merge({
    stream = not direct and whole and { name = base, shards = 1 } or false,
    delivery_stream = whole and {
      name = direct or base:sub(1, 64),
      prefix = table_name .. "/",
      error_prefix = "errors/" .. table_name .. "/",
      buffer_size = 64,
      buffer_interval = 60,
    } or false,
    bucket = bucket_word(base),
    database = glue_word(base),
    table = table_name,
    workgroup = base,
  }, given)
  complete.streams, complete.buckets = {}, {}
  for _, name in ipairs(streams) do
    if not complete.stream or name ~= complete.stream.name then table.insert(complete.streams, name) end
  end
  for _, name in ipairs(buckets) do
    if not complete.delivery_stream or name ~= complete.bucket then table.insert(complete.buckets, name) end
  end
  complete.columns = schema:columns()
  return setmetatable(complete, metatable)
end

return setmetatable(stack, {
  __call = function(_, given)
    check("stack", given, rules, 3)
    if given.stream then check("stack.stream", given.stream, stream_rules, 3) end
    if given.delivery_stream then check("stack.delivery_stream", given.delivery_stream, delivery_rules, 3) end
    return setmetatable(merge(given, {}), metatable)
  end,
})
