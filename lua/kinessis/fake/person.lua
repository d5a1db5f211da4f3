--- People. Values of one record agree: an email is made of the record's first and last name, where it
--- has fields for them.
local provider = require "kinessis.fake.provider"
local words = require "kinessis.fake.en_US"

local person = {}

-- The words as they stand in a mail address, in the same order.
local function plain(list)
  local result = {}
  for i, word in ipairs(list) do result[i] = word:lower():gsub("[^%a]", "") end
  return result
end

local address_first, address_last = plain(words.first_name), plain(words.last_name)

--- first_name(), last_name()
function person.first_name()
  return provider.pick(words.first_name, "first_name")
end

function person.last_name()
  return provider.pick(words.last_name, "last_name")
end

--- name(): first and last name
function person.name()
  return {
    parts = { provider.new(person.first_name()), " ", provider.new(person.last_name()) },
    type = "string", text = true,
  }
end

-- The lower-case form of the record's first or last name.
local function address_part(record, list, role)
  local part = provider.pick(list)
  part.stream = record.stream(role)
  return provider.new(part)
end

--- username(): james.smith42
function person.username()
  return {
    type = "string", text = true,
    resolve = function(record)
      return provider.new {
        parts = {
          address_part(record, address_first, "first_name"), ".",
          address_part(record, address_last, "last_name"),
          provider.new { op = "integer", min = 1, max = 99 },
        },
        type = "string", text = true,
      }
    end,
  }
end

--- email(): james.smith42@example.com; only domains that RFC 2606 reserves, so that no mail reaches
--- anybody.
function person.email()
  return {
    type = "string", text = true,
    resolve = function()
      return provider.new {
        parts = { provider.new(person.username()), "@", provider.new(provider.pick(words.domain)) },
        type = "string", text = true,
      }
    end,
  }
end

return person
