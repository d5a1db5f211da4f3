--- Places.
local provider = require "kinessis.fake.provider"
local words = require "kinessis.fake.en_US"

local place = {}

--- city(): a city of the United States
function place.city()
  return provider.pick(words.city)
end

--- country(): the English name of a country
function place.country()
  return provider.pick(words.country)
end

return place
