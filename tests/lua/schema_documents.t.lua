--- kinessis schema show, ddl, glue, json-schema, tfvars: the texts. That the JSON Schema is right is
--- shown in tests/e2e/schema_json.t.py.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local documents = require "kinessis.schema.table"
local json_schema = require "kinessis.schema.json_schema"
local provision = require "kinessis.provision"
local show = require "kinessis.schema.show"
local stack = require "kinessis.stack"
local fake = kinessis.fake

local function scenario(given)
  return kinessis.scenario {
    records = kinessis.schema("Click", {
      { "Id", fake.uuid() }, { "n", fake.integer(1, 9) }, { "it's`odd", fake.decimal(0, 10, 2) },
      { "where", { { "city", fake.city() } } },
      { "f", function() return 1 end, type = "int" },
    }),
    to = kinessis.stream { name = "My.clicks-1", partition_key = "Id" },
    stack = given,
  }
end

-- ---- ddl and glue: one source, provision.table_input ----

local one = scenario()
local input = provision.table_input(stack.of(one))

-- A value as cjson decodes it.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local text = assert(documents.glue(one))
tap.ok(same(cjson.decode(text), input), "glue is the TableInput that a run creates", text)

local ddl = assert(documents.ddl(one))
tap.like(ddl, "CREATE EXTERNAL TABLE `my_clicks_1`.`click` (\n  `id` string,\n  `n` int,\n  `it's``odd` decimal(4,2),\n"
  .. "  `where` struct<city:string>,\n  `f` int\n)", "the columns of the table, quoted")
tap.like(ddl, "PARTITIONED BY (\n  `datehour` string\n)", "its partition key")
tap.like(ddl, "LOCATION 's3://my-clicks-1/click/'", "its location")
for name, value in pairs(input.Parameters) do
  if name ~= "EXTERNAL" then tap.like(ddl, ("'%s' = '%s'"):format(name, value), "its parameter " .. name) end
end
for _, value in ipairs { input.StorageDescriptor.InputFormat, input.StorageDescriptor.OutputFormat,
  input.StorageDescriptor.SerdeInfo.SerializationLibrary } do
  tap.like(ddl, "'" .. value .. "'", value)
end
tap.is(select(2, ddl:gsub(";\n", "")), 1, "one statement")

local odd = kinessis.stack { delivery_stream = { prefix = "it's/" } }
tap.like(documents.ddl(scenario(odd)), [['s3://my-clicks-1/it\'s/']],
  "a quote in a prefix")

local _, err = documents.ddl(scenario(kinessis.stack { delivery_stream = false }))
tap.like(err, "ends at the stream, without a table", "a stack without delivery has no table")
_, err = documents.glue(kinessis.scenario { records = kinessis.schema("x", { { "a", 1 } }) })
tap.like(err, "the scenario has no `to`", "nor has a scenario that goes nowhere")

-- ---- show ----

local shown = kinessis.schema("s", {
  { "choice", fake.weighted { b = 1, ["a-c"] = 2 } },
  { "list", fake.one_of { true, false } },
  { "maybe", fake.optional(fake.integer(1, 6), 0.25) },
  { "text", fake.template("{name}: \"{x}\"", { x = fake.word() }) },
  { "constant", "US" },
  { "long", fake.one_of { ("é"):rep(90) } },
  { "deep", { { "er", { { "est", fake.now "epoch" } } } } },
  { "fn", function() return 1 end, type = "int" },
})
local rows = show.of(shown, 2, { seed = 1 })
for _, fragment in ipairs {
  'fake.weighted { ["a-c"] = 2, b = 1 }', "fake.one_of { true, false }", "fake.optional(fake.integer(1, 6), 0.25)",
  [[fake.template("{name}: \"{x}\"", { x = fake.word() })]], 'fake.constant("US")', "deep.er.est",
  'fake.now("epoch")', "function (schema_documents.t.lua:", "object",
} do
  tap.like(rows, fragment, "show has " .. fragment)
end
tap.like(rows, "é ...", "a long list of arguments is cut between characters")
local _, records = rows:gsub("\n{[^\n]+}", "")
tap.is(records, 2, "then come the records")

-- ---- json-schema ----

local document = cjson.decode(json_schema.of(shown))
tap.is(document.properties.maybe.type[2], "null", "an optional field may be null")
tap.is(document.properties.maybe.maximum, 6, "and has its range")
tap.is(document.properties.long.enum[1], ("é"):rep(90), "a constant is the only choice")
tap.is(document.properties.deep.properties.er.properties.est.type, "integer", "objects nest")
tap.is(#document.required, 8, "every field is required")
tap.is(document.additionalProperties, false, "and no other is there")
local many = {}
for i = 1, 65 do many[i] = "w" .. i end
document = cjson.decode(json_schema.of(kinessis.schema("m", { { "a", fake.one_of(many) } })))
tap.is(document.properties.a.enum, nil, "more than 64 choices are not listed")

-- ---- the command ----

local function run(action, file)
  local pipe = io.popen(("%s schema %s %s 2>&1"):format(os.getenv "KINESSIS", action, file))
  local out = pipe:read "a"
  local _, _, code = pipe:close()
  return out, code
end
for _, action in ipairs { "show", "ddl", "glue", "tfvars", "json-schema" } do
  local out, code = run(action, "scripts/quickstart.lua")
  tap.is(code, 0, "schema " .. action .. " ends well")
  tap.like(out, "event_date", "and prints the schema")
end
local out, code = run("dll", "scripts/quickstart.lua")
tap.is(code, 2, "an unknown action is exit code 2")
tap.like(out, "did you mean ddl?", "with the nearest")
out, code = run("ddl", "scripts/nosuch.lua")
tap.is(code, 1, "no file is exit code 1")
tap.like(out, "scripts/nosuch.lua: No such file", "and is named")
tap.done()
