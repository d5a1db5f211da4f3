--- kinessis schema check: each rule finds its mistake, says where, and is silent otherwise. That its
--- predictions are what Firehose does is shown in tests/e2e/schema_check.t.lua.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local check = require "kinessis.schema.check"
local samples = require "kinessis.schema.samples"
local fake = kinessis.fake

local function run(fields, more)
  more = more or {}
  local _ <close> = samples.trap()
  if type(fields) == "function" then fields = fields() end
  return assert(check.run(kinessis.scenario {
    records = kinessis.schema(more.name or "click", fields),
    to = more.to or kinessis.stream { name = "clicks", partition_key = more.key or fields[1][1] },
    stack = more.stack, pace = more.pace, amount = more.amount,
  }, { samples = more.samples or 50 }))
end

local function find(result, rule)
  for _, finding in ipairs(result.findings) do
    if finding.rule == rule then return finding end
  end
  return {}
end

-- One finding, and only of this rule (others may be allowed).
local function finds(result, rule, level, field, fragment)
  local finding = find(result, rule)
  tap.is(finding.level, level, ("%s: a %s"):format(rule, level))
  tap.is(finding.field, field, ("%s: of %s"):format(rule, tostring(field)))
  tap.like(("%s; %s"):format(finding.reason, finding.remedy), fragment, ("%s: says %s"):format(rule, fragment))
end

local id = { "id", fake.uuid() }
do
  local line = debug.getinfo(1, "l").currentline + 1
  local function of_no_kind() return print end
  local made, err = pcall(run, { id, { "f", of_no_kind } })
  local text = tostring(err)
  tap.ok(not made and text:find(("schema_check.t.lua:%d: the function returned a function"):format(line), 1, true)
    and not text:find("samples.lua", 1, true), "what a function returns is blamed on it", text)
end
local good = run { id, { "at", fake.now() }, { "n", fake.integer(1, 9) }, { "d", fake.decimal(0, 9, 2) },
  { "o", { { "b", fake.boolean() } } }, { "maybe", fake.optional(fake.integer(1, 2), 0.5) },
  { "f", function(ctx) return ctx.random(9) end, type = "int" } }
tap.is(#good.findings, 0, "a good schema has no findings", check.text(good))
tap.is(good.about.failed, 0, "and every sample arrives")
tap.like(check.text(good), "0 problems, 0 notes. Of 50 samples, 50 would arrive in clicks.click.", "as the text says")

-- ---- odd names ----

local function of_rule(result, rule)
  local n = 0
  for _, finding in ipairs(result.findings) do n = n + (finding.rule == rule and 1 or 0) end
  return n
end

do
  local odd = run { id, { "dateHour", "x" }, { "userName", 1 }, { "oNe", { { "Two", 1 } } } }
  tap.is(find(odd, "partition column").field, "dateHour", "a field called as the partition key")
  tap.is(of_rule(odd, "partition column"), 1, "once")
  for _, rule in ipairs { "no column", "no field", "other type" } do
    tap.is(of_rule(odd, rule), 0, "and no finding of others: " .. rule, check.text(odd))
  end
  local dotted = run { id, { "s", { { "x.y", 1 } } } }
  tap.is(find(dotted, "type").field, "s", "a type that is none")
  tap.is(dotted.about.failed, 50, "and no sample arrives")
  tap.is(of_rule(dotted, "other type"), 0, "and it is not told to differ from itself")
  finds(run { id, { 'a"b', 1 } }, "characters", "note", 'a"b', 'write "a""b" in SELECT and `a"b` in DDL')
  finds(run { id, { "a`b", 1 } }, "characters", "note", "a`b", 'write "a`b" in SELECT and `a``b` in DDL')
end

-- ---- values: what does not convert ----

local function value(text) return function() return text end end

for _, case in ipairs {
  { "timestamp", "2022-02-02T15:17:07+01:00", "offsets are not read" },
  { "timestamp", "2022-02-02T15:17:07.123", "T without Z is not read" },
  { "timestamp", 1643815027123456, "microseconds need a bigint column" },
  { "timestamp", "2022-02-02", "make the column date" },
  { "timestamp", "Feb 2, 2022", "write 2022-02-02T15:17:07Z" },
  { "int", 3000000000, "declare it bigint" },
  { "tinyint", 128, "declare it bigint" },
  { "int", 1.5, "declare it double" },
  { "int", "many", "declare it string" },
  { "int", { a = 1 }, "it is an object or a list" },
  { "bigint", "9223372036854775808", "decimal(38,0)" },
  { "decimal(4,2)", 100, "widen the precision" },
  { "date", "2022-02-02T00:00:00Z", "for a time as well declare timestamp" },
  { "boolean", "yes", "only true and false are read" },
  { "struct<a:int>", "x", "it is no object" },
  { "array<int>", { a = 1 }, "an object" },
} do
  local kind, given, fragment = table.unpack(case)
  local result = run { id, { "v", value(given), type = kind } }
  finds(result, "conversion", "problem", "v", fragment)
  tap.is(result.about.failed, 50, ("%s: no record with %s arrives"):format(kind, tostring(given)))
end
local some = run({ id, { "v", fake.one_of { 1, 2, 3000000000 } }, { "w", value "x", type = "string" } })
tap.is(#some.findings, 0, "a list of numbers finds its own type")
some = run({ id, { "o", { { "n", function(ctx) return ctx.index % 4 == 0 and 1 << 40 or 1 end, type = "int" } } } },
  { samples = 100 })
finds(some, "conversion", "problem", "o.n", "25 of 100 samples")
tap.is(some.about.failed, 25, "the others arrive")
tap.like(check.text(some), "Of 100 samples, 75 would arrive", "as the text says")

-- ---- values: what converts to something else ----

finds(run { id, { "v", value { a = 1 } } }, "text of a structure", "note", "v", "json_extract")
finds(run { id, { "v", value(1.234), type = "decimal(4,2)" } }, "rounded", "note", "v", "rounds 1.234")
tap.is(#run({ id, { "v", value(1.25), type = "decimal(4,2)" } }).findings, 0, "what fits is not rounded")
finds(run { id, { "v", value(1.5) } }, "function's type", "note", "v", 'declare type = "double"')
finds(run { id, { "o", { { "v", value(true) } } } }, "function's type", "note", "o.v", 'declare type = "boolean"')
finds(run { id, { "v", value "12", type = "int" } }, "function's type", "note", "v", "return a number")

-- ---- names ----

finds(run { id, { "DateHour", fake.uuid() } }, "partition column", "problem", "DateHour", "rename the field")
finds(run { id, { "userId", fake.uuid() }, { "userid", fake.uuid() } }, "same key", "problem", "userid", "userId")
finds(run { id, { "o", { { "A", 1 }, { "a", 2 } } } }, "same key", "problem", "o.a", "one of the two is lost")
finds(run { id, { "a.b", 1 } }, "dots", "problem", "a.b", "a_b")
finds(run { id, { "a b", 1 } }, "characters", "note", "a b", "rename it to a_b")
finds(run { id, { "Timestamp", fake.now() } }, "keyword", "note", "Timestamp", '"timestamp" in SELECT')
finds(run({ id }, { name = "order" }), "keyword", "note", nil, "the table's name, order")
finds(run { id, { "o", { { "a b", 1 } } } }, "type", "problem", "o", "names of letters, digits")

-- ---- records ----

local long = kinessis.delivery_stream { name = "d" }
finds(run({ id, { "v", value(("x"):rep(1 << 20)) } }, { to = long, samples = 1 }), "size", "problem", nil, "1,000 KiB")
finds(run({ id, { "v", value(("x"):rep(1 << 20)) } }, { samples = 1 }), "size", "problem", nil, "1 MiB")
finds(run({ { "v", fake.one_of { "", "a" } } }, {}), "partition key", "problem", "v", "samples is empty")
finds(run({ { "v", value(("é"):rep(257)) } }, {}), "partition key", "problem", "v",
  "in 50 of 50 samples is longer than the 256 characters")
tap.is(#run({ { "v", value(("é"):rep(256)) } }, {}).findings, 0, "256 characters, of two bytes, are no mistake")
finds(run({ id }, { key = function(ctx) return ctx.index % 2 == 0 and "" or "k" end }), "partition key", "problem",
  "to.partition_key", "in 25 of 50 samples is empty")
finds(run({ id }, { key = function() return math.random(9) end }), "purity", "problem", "to.partition_key",
  "math.random")
finds(run({ id }, { to = kinessis.stream { name = "s", partition_key = "id",
  explicit_hash_key = function(ctx) return -ctx.index end } }), "partition key", "problem", "to.explicit_hash_key",
  "is the explicit hash key, and in 49 of 50 samples is no explicit hash key")
local two = fake.one_of { "a", "b" }
local shards = function(n) return kinessis.stack { stream = { shards = n } } end
finds(run({ { "v", two } }, { stack = shards(4) }), "partition key", "problem", "v", "2 values for 4 shards")
finds(run({ { "v", two } }, { stack = shards(2) }), "partition key", "note", "v", "uneven")
finds(run({ { "v", fake.optional(fake.uuid(), 0.3) } }, { stack = shards(3), samples = 200 }), "partition key", "note",
  "v", "is null in ")
tap.is(#run({ { "v", two } }, { stack = shards(1) }).findings, 0, "one shard takes any key")
tap.is(#run({ id }, { stack = shards(100) }).findings, 0, "an id is good for any number of shards")

finds(run { id, { "v", function() return os.time() end, type = "bigint" } }, "purity", "problem", "v", "calls os.time")
finds(run { id, { "o", { { "v", function() return math.random(9) end, type = "int" } } } }, "purity", "problem", "o.v",
  "use ctx.random")
finds(run { id, { "v", fake.array_of(fake.derive(function() return os.clock() end, "double"), 2) } }, "purity",
  "problem", "v", "calls os.clock")
finds(run(function()
  local kept = math.random
  return { id, { "v", function() return kept(9) end, type = "int" } }
end), "purity", "problem", "v", "calls math.random")
tap.is(#run({ id, { "v", function() return os.date("!%Y", 0) .. os.time { year = 2000, month = 1, day = 1 } end } })
  .findings, 0, "what is given its time is pure")
local count = 0
finds(run { id, { "o", { { "n", function() count = count + 1 return count end, type = "int" } } } }, "purity",
  "problem", "o.n", "must not remember other records")
tap.is(math.random, require("math").random, "the traps are taken away")

-- ---- places, from the stack ----

finds(run({ id }, { stack = kinessis.stack { delivery_stream = { prefix = "a/", error_prefix = "a/errors/" } } }),
  "error prefix", "problem", nil, "queries read them as data")
finds(run({ id }, { pace = 100 }), "small files", "note", nil, "raise the delivery stream's buffer_interval")
tap.is(#run({ id }, { pace = 100000 }).findings, 0, "a fast pace fills its objects")

-- ---- places, of a table that exists ----

local rules = {}
for _, module in ipairs { "columns", "layout" } do
  for _, rule in ipairs(require("kinessis.schema.rules_" .. module)) do rules[rule.name] = rule.check end
end

-- What the rule says of a table like those that a run makes, with something changed.
local function on(rule, change)
  local about = run({ id, { "userId", fake.uuid() }, { "n", fake.integer(1, 9) } }).about
  change(about)
  local found = {}
  rules[rule](about, function(finding)
    finding.rule = rule
    found[#found + 1] = finding
  end)
  return { findings = found }
end
local function parameter(name, text)
  return function(about) about.parameters[name] = text end
end
local hourly = "s3://clicks/click/!{timestamp:yyyy/MM/dd/HH}/"

for _, rule in ipairs { "location", "template", "range", "partitions", "error prefix", "no column", "no field",
  "other type" } do
  tap.is(#on(rule, function() end).findings, 0, rule .. ": nothing is wrong with one's own table")
end
tap.is(#on("template", function(about) about.prefix = hourly end).findings, 0, "the same prefix as an expression")
finds(on("location", function(about) about.prefix = "s3://clicks/other/" end), "location", "problem", nil,
  "queries find nothing")
finds(on("template", function(about) about.prefix = "s3://clicks/click/!{timestamp:yyyy/M/dd/HH}/" end), "template",
  "problem", nil, "s3://clicks/click/2023/4/05/06/")
finds(on("template", parameter("projection.datehour.format", "yyyy-MM-dd-HH")), "template", "problem", nil,
  "2023-04-05-06")
finds(on("template", parameter("storage.location.template", "s3://clicks/click/")), "template", "problem", "datehour",
  "does not name")
finds(on("template", parameter("projection.datehour.type", nil)), "template", "problem", "datehour",
  "without projection")
local function by_parts(digits)
  return function(about)
    about.partition_keys = { { name = "year" }, { name = "month" } }
    about.parameters = {
      ["projection.enabled"] = "true", ["projection.year.type"] = "integer", ["projection.month.type"] = "integer",
      ["projection.month.digits"] = digits,
      ["storage.location.template"] = "s3://clicks/click/${year}/${month}/",
    }
    about.prefix = "s3://clicks/click/!{timestamp:yyyy/MM}/"
  end
end
tap.is(#on("template", by_parts "2").findings, 0, "months of two digits")
finds(on("template", by_parts(nil)), "template", "problem", nil, "s3://clicks/click/2023/4/")
tap.is(#on("template", function(about)
  about.partition_keys[1].name = "customer"
  about.parameters = { ["projection.enabled"] = "true", ["projection.customer.type"] = "injected",
    ["storage.location.template"] = "s3://clicks/click/${customer}/" }
end).findings, 0, "what cannot be told is not guessed")
finds(on("range", parameter("projection.datehour.range", "2021/01/01/00,2022/01/01/00")), "range", "problem",
  "datehour", "2021/01/01/00,NOW")
finds(on("range", parameter("projection.datehour.range", "2999/01/01/00,NOW")), "range", "problem", "datehour",
  "does not hold today")
finds(on("partitions", parameter("projection.enabled", "false")), "partitions", "note", nil,
  "ALTER TABLE ADD PARTITION")
finds(on("time zone", function(about) about.time_zone = "Europe/Berlin" end), "time zone", "note", nil, "NOW+1DAYS")
finds(on("no column", function(about) about.columns = { { name = "id", type = "string" }, { name = "n", type = "int" } }
end), "no column", "problem", "userId", "add a column userid string")
finds(on("no column", function(about) about.rules.case_sensitive = true end), "no column", "problem", "userId",
  "ColumnToJsonKeyMappings")
tap.is(#on("no column", function(about)
  about.rules.case_sensitive, about.columns[2].key = true, "userId"
end).findings, 0, "a mapping names the key")
finds(on("no field", function(about) about.columns[4] = { name = "more", type = "date" } end), "no field", "note",
  "more", "NULL in every row")
finds(on("other type", function(about) about.columns[3].type = "string" end), "other type", "note", "n",
  "the schema makes it int, the column is string")
finds(on("partition column", function(about) about.columns[4] = { name = "datehour", type = "string" } end),
  "partition column", "problem", "datehour", "remove it from the columns")

-- ---- the command ----

local function command(words)
  local pipe = io.popen(("%s schema check %s 2>&1"):format(os.getenv "KINESSIS", words))
  local out = pipe:read "a"
  local _, _, code = pipe:close()
  return out, code
end
local path = os.tmpname()
local file = assert(io.open(path, "w"))
file:write [[
local kinessis = require "kinessis"
local random = math.random
return kinessis.scenario {
  records = kinessis.schema("s", { { "n", function() return random(9) end, type = "int" } }),
}
]]
file:close()
local out, code = command(path)
tap.is(code, 1, "problems are exit code 1")
tap.like(out, "problem  n: its function calls math.random", "and are told")
out, code = command "scripts/quickstart.lua --samples 10"
tap.is(code, 0, "none is exit code 0")
tap.like(out, "Of 10 samples, 10 would arrive in kinessis.person.", "with the count that was asked for")
out, code = command "scripts/quickstart.lua --table person"
tap.is(code, 2, "a table without its database is a mistake")
tap.like(out, "a table with its database, such as web.clicks", "that is explained")
os.remove(path)
tap.done()
