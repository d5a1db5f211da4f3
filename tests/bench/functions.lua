--- Small functions as fields, beside the same record without them, for function.c. A list of what it is, the
--- function, what it may use in the bare loop (the limit), and the two schemas.
local kinessis = require "kinessis"
local fake = kinessis.fake

local function person(value)
  return kinessis.schema("person", {
    { "uuid",       fake.uuid() },
    { "event_date", fake.now() },
    { "status",     fake.one_of { "Active", "Inactive", "Canceled" } },
    { "name",       fake.first_name() },
    { "last_name",  fake.last_name() },
    { "email",      fake.email() },
    { "extra",      value, type = "string" },
  })
end

local ctx = { index = 0, random = math.random, record = { status = "Active" } }
local without = person "x" -- a constant costs next to nothing

local list = {}
local function add(what, fn) list[#list + 1] = { what, fn, ctx, person(fn), without } end

add("ctx.index * 2", function(c) return c.index * 2 end)
add("ctx.random(1, 100)", function(c) return c.random(1, 100) end)
add("ctx.record.status", function(c) return c.record.status end)

return list
