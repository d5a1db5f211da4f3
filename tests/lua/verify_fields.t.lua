--- kinessis.verify.fields: what a sample tells of a scenario's fields, and how large the sample is.
local kinessis = require "kinessis"
local fields = require "kinessis.verify.fields"
local tap = dofile "tests/lua/tap.lua"
local fake = kinessis.fake

local calls
local seed = tap.seed()

local function found(length, amount, options)
  local scenario = kinessis.scenario {
    records = kinessis.schema("v", {
      { "id", fake.uuid() },
      { "at", fake.now() },
      { "city", fake.one_of { "Rom", "Bonn" } },
      { "n", fake.sequence() },
      { "body", function()
        calls = calls + 1
        return ("x"):rep(length)
      end },
    }),
    to = kinessis.stream { name = "v", partition_key = "id" },
  }
  calls = 0
  local of = fields.of(scenario, { seed = seed, first = 5, amount = amount, start = options and options.start,
    step = 0.001 })
  local shown = {}
  for _, list in ipairs { of.volatile, of.candidates } do
    local names = {}
    for i, path in ipairs(list) do names[i] = fields.show(path) end
    shown[#shown + 1] = table.concat(names, " ")
  end
  return table.concat(shown, "; ")
end

tap.is(found(10), "at; id n", "what follows the wall clock, and what tells records apart")
tap.is(calls, 400, "200 records are looked at, made twice")
tap.is(found(10, nil, { start = 1 }), "; id n", "with a simulated clock nothing follows the wall clock")
tap.is(found(10, 30), "at; id n", "of a short run")
tap.is(calls, 60, "no more records than it has")
tap.is(found(900000, 1000000), "at; id n", "of long records")
tap.ok(calls <= 2 * ((32 << 20) // 900000 + 1), "so many as are 32 MiB", calls)

tap.done()
