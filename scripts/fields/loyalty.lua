--- A module of one's own: what `require "fields.loyalty"` in a scenario beside this folder gets.
local kinessis = require "kinessis"
local fake = kinessis.fake

local loyalty = {}

--- An object: the level of a member's card, and its points.
function loyalty.card()
  return {
    { "level",  fake.one_of { "bronze", "silver", "gold" } },
    { "points", fake.integer(0, 25000) },
  }
end

return loyalty
