--- Two streams at once, each with a pace of its own: many clicks, few orders. Nothing is sent; with
--- kinessis.stream{...} in place of kinessis.null{} they go to Kinesis.
---
---     kinessis lua scripts/two_paces.lua
local kinessis = require "kinessis"
local fake, pace = kinessis.fake, kinessis.pace

local click = kinessis.schema("click", { { "id", fake.uuid() }, { "at", fake.now() } })
local order = kinessis.schema("order", { { "id", fake.uuid() }, { "cents", fake.integer(100, 99900) } })

local runs = {
  assert(kinessis.start(kinessis.scenario {
    records = click, amount = 900, pace = pace.poisson(900), to = kinessis.null {}, seed = 1,
  })),
  assert(kinessis.start(kinessis.scenario {
    records = order, amount = 20, pace = pace.rate(20), to = kinessis.null {}, seed = 2,
  })),
}

for _, run in ipairs(runs) do run:wait() end
