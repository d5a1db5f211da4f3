--- A field as a Lua function: a sale whose total follows from the fields before it.
---
---     kinessis generate scripts/function.lua -n 5
---
--- A function costs what a Lua call costs; the other fields stay compiled. ctx.random is the record's
--- own generator: with it, the same seed makes the same sales.
local kinessis = require "kinessis"
local fake = kinessis.fake

local sale = kinessis.schema("sale", {
  { "sale_id",  fake.uuid() },
  { "sold_at",  fake.now() },
  { "quantity", fake.integer(1, 5) },
  { "cents",    fake.integer(199, 9999) },
  { "total", function(ctx)
    return ctx.record.quantity * ctx.record.cents / 100
  end, type = "double" },
  { "coupon", function(ctx)
    if ctx.random() < 0.1 then return "WELCOME" .. ctx.random(5, 20) end
    return "NONE"
  end },
})

return kinessis.scenario {
  records = sale,
  amount  = 1000,
  to      = kinessis.stream { name = "sales", partition_key = "sale_id" },
}
