--- kinessis: the library that scripts use.
---
---     local kinessis = require "kinessis"
---     local fake, pace = kinessis.fake, kinessis.pace
---
--- Each part is a module of its own, loaded when it is first named.
local parts = {
  schema = "kinessis.schema",                   -- schema(name, fields): what a record looks like
  fake = "kinessis.fake",                       -- fake.uuid(), fake.email(), ...: providers of values
  population = "kinessis.population",           -- population(name, size, fields): users, devices, ...
  sessions = "kinessis.sessions",               -- sessions(name, {...}): runs of ordered events
  pace = "kinessis.pace",                       -- pace.rate(n), ...: how fast records arrive
  scenario = "kinessis.scenario",               -- scenario{...}: records, amount, pace, destination
  stream = "kinessis.stream",                   -- stream{...}: a Kinesis stream to send to
  delivery_stream = "kinessis.delivery_stream", -- delivery_stream{...}: a Firehose stream to send to
  s3 = "kinessis.s3",                           -- s3{...}: objects of JSON lines in a bucket
  file = "kinessis.file",                       -- file{...}: a file to write records to
  stdout = "kinessis.stdout",                   -- stdout{}: records as lines on standard output
  null = "kinessis.null",                       -- null{}: nowhere, counted
  start = "kinessis.start",                     -- start(scenario, {...}): a run in the background
  stack = "kinessis.stack",                     -- stack{...}: what must exist for the journey
  aws = "kinessis.aws",                         -- aws.kinesis{...}, aws.s3{...}, ...: API clients
  report = "kinessis.report",                   -- report.table(...): tables in the terminal
}

local kinessis = { version = require("kinessis.core.sys").version }

return setmetatable(kinessis, {
  __index = function(self, name)
    local module = parts[name]
    if not module then return nil end
    local value = require(module)
    self[name] = value
    return value
  end,
  parts = parts, -- for completion
})
