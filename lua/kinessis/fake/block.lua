--- Values made for many records at once.
local blame = require "kinessis.blame"
local context = require "kinessis.context"
local provider = require "kinessis.fake.provider"
local types = require "kinessis.types"

local block = {}

block.per_block = {
  "what the function returns for a block of records: a list of `size` values, one for each of them",
  arguments = {
    { "fn", "any", nil, "a function of ctx: first (index), size, number, random, now" },
    { "type", "string", "string", "the Glue type of a value" },
    { "size", "integer", 1000, "records in a block: those from size * number on", least = 1, most = 100000 },
  },
  type = "as declared",
  example = 'fake.per_block(function(b) local t = {} for i = 1, b.size do t[i] = b.first + i end return t end, "int")',
  shows = "^%d+$",
  make = function(fn, kind, size)
    provider.check_function("fn", fn)
    local parsed = types.parse(kind)
    if not parsed then
      provider.refuse("%s is not a type%s", blame.show(kind), blame.suggestion(kind, types.names()))
    end
    return {
      op = "script", fn = context.block(fn, size), type = types.glue(parsed), empty_array = parsed.kind == "array",
    }
  end,
}

return block
