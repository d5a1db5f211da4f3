--- kinessis demo: the tutorial's journey on one machine, each step done for real and checked against what was
--- sent. Because record i is a pure function of the seed and i, what should arrive is made again, not remembered.
local cli = require "kinessis.cli"
local options = require "kinessis.options"
local query = require "kinessis.commands.query"
local report = require "kinessis.report"
local sql = require "kinessis.sql"
local stack = require "kinessis.stack"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local file = "scripts/quickstart.lua"

local function expect(condition, format, ...)
  if not condition then error(sys.error("state", "demo: " .. format:format(...)), 0) end
end

local function say(format, ...)
  io.stdout:write(format:format(...), "\n")
end

--- @param same what the step is on AWS
local function step(number, title, same)
  say("\n%d. %s", number, title)
  say("   On AWS: %s\n", same)
  io.stdout:flush()
end

local function run_records(demo)
  step(2, "Ten fake people, from a Lua file, through signed HTTP requests, into a Kinesis stream",
    ("kinessis run %s --target aws"):format(file))
  say("$ kinessis run %s", file)
  io.stdout:flush()
  local code = cli.main { "run", file, "--seed", tostring(demo.seed), "--data", demo.folder }
  expect(code == 0, "the run ended with %s", tostring(code))
end

local function list_objects(demo)
  step(3, "Firehose has turned the stream into Parquet on S3, under year/month/day/hour",
    "the same, once Firehose's buffering interval (60 s in terraform/) is over; here a run flushes at its end")
  local listed = assert(demo.aws.s3(demo.lake.config):list_objects_v2 {
    Bucket = demo.stack.bucket, Prefix = demo.stack.delivery_stream.prefix,
  })
  local rows = {}
  for i, object in ipairs(listed.Contents or {}) do
    rows[i] = { object.Key, object.Size }
    expect(object.Key:find "/%d%d%d%d/%d%d/%d%d/%d%d/[^/]+%.parquet$", "unexpected object %s", object.Key)
  end
  expect(#rows > 0, "no Parquet object in %s", demo.stack.bucket)
  io.stdout:write(report.table({ "object in " .. demo.stack.bucket, "bytes" }, rows))
end

local function show_columns(demo)
  step(4, "Glue has the table: its columns come from the Lua schema",
    "terraform/ makes it from the same columns (kinessis schema tfvars)")
  local reply = assert(demo.aws.glue(demo.lake.config):get_table {
    DatabaseName = demo.stack.database, Name = demo.stack.table,
  })
  local rows = {}
  for i, column in ipairs(reply.Table.StorageDescriptor.Columns) do
    rows[i] = { column.Name, column.Type }
    local own = demo.stack.columns[i]
    expect(own and own.name == column.Name and own.type == column.Type, "column %s is not the schema's", column.Name)
  end
  expect(#rows == #demo.stack.columns, "%d columns, not %d", #rows, #demo.stack.columns)
  for _, key in ipairs(reply.Table.PartitionKeys) do rows[#rows + 1] = { key.Name .. " (partition)", key.Type } end
  io.stdout:write(report.table({ "column", "type" }, rows))
end

local function ask(demo, statement)
  say("$ kinessis query %q", statement)
  io.stdout:flush()
  local result = assert(sql.run(demo.lake, statement, { database = demo.stack.database }))
  io.stdout:write(query.draw(result))
  return result.rows
end

local function run_queries(demo)
  step(5, "Athena answers SQL over the Parquet files",
    "kinessis query --target aws --workgroup kinessis --database kinessis ...")
  local name, amount = demo.stack.table, demo.scenario.amount
  local sum = 0
  local counts = ask(demo, ("SELECT status, count(*) AS n FROM %s GROUP BY status ORDER BY status"):format(name))
  for _, row in ipairs(counts) do sum = sum + tonumber(row[2]) end
  expect(sum == amount, "the counts add up to %d, not %d%s", sum, amount,
    demo.used and (": the lake in %s was there before; give a new folder"):format(demo.folder) or "")

  local sent = {}
  for _, record in ipairs(demo.scenario.records:sample(amount, { seed = demo.seed })) do
    sent[record:match '"uuid":"([^"]+)"'] = true
  end
  local rows = ask(demo, ("SELECT * FROM %s LIMIT 10"):format(name))
  expect(#rows == amount, "%d rows, not %d", #rows, amount)
  for _, row in ipairs(rows) do
    expect(sent[row[1]], "the uuid %s was not sent, or came twice", tostring(row[1]))
    sent[row[1]] = nil
  end
  expect(next(sent) == nil, "the uuid %s did not arrive", tostring(next(sent)))
end

local function go(folder)
  local scenario = assert(require("kinessis.scenario").load(file))
  local demo = {
    folder = folder,
    used = io.open(folder .. "/lake.db") ~= nil,
    seed = math.random(0, 2 ^ 31) // 1,
    scenario = scenario,
    stack = stack.of(scenario),
    aws = require "kinessis.aws",
  }
  step(1, "The lake: Kinesis, Firehose, S3, Glue and Athena in this process",
    "terraform -chdir=terraform apply makes the same stack")
  demo.lake = assert(target.open("lake", { data = folder }))
  local _ <close> = demo.lake
  say("Serving %s", demo.lake.describe)
  run_records(demo)
  list_objects(demo)
  show_columns(demo)
  run_queries(demo)
  say("\nAll %d records arrived, each once: the counts and the uuids are those that were sent.", scenario.amount)
  return 0
end

return {
  description = "Runs " .. file .. " on a lake in a fresh temporary folder, which is removed at the end, and\n"
    .. "checks every step against what was sent. Exits 1 when anything differs.\n",
  options = {
    { "--data", "DIR", "use this folder, and keep it", parse = options.text },
  },
  run = function(_, given)
    if given.data then return go(given.data) end
    local folder <const> = assert(sys.temporary_folder())
    local _ <close> = setmetatable({}, { __close = function() sys.remove_tree(folder) end })
    return go(folder)
  end,
}
