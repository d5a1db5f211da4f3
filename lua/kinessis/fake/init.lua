--- fake: providers of values, for the fields of kinessis.schema.
---
---     fake.integer(1, 6), fake.one_of { "a", "b" }, fake.email()
---     local de = fake.locale "de_DE"; de.first_name()
---
--- Each catalogue is a table of declarations (fake/provider.lua says how). Adding a provider is adding
--- one. fake.catalogue() lists them all, as data.
local blame = require "kinessis.blame"
local locale = require "kinessis.locale"
local provider = require "kinessis.fake.provider"

local fake, declared = {}, {}

local catalogues = { "number", "distribution", "choice", "combinator", "block", "text", "identity", "person",
  "place", "internet", "commerce", "time" }
for _, name in ipairs(catalogues) do
  local entries = {}
  for entry, declaration in pairs(require("kinessis.fake." .. name)) do
    assert(not fake[entry], entry)
    fake[entry] = provider.define(entry, declaration)
    entries[#entries + 1] = { name = entry, declaration = declaration }
  end
  table.sort(entries, function(a, b) return a.name < b.name end)
  declared[#declared + 1] = { name = name, entries = entries }
end

--- The catalogues in order: { name =, entries = { { name =, declaration = }, ... } }.
function fake.catalogue() return declared end

-- ---- locales ----

-- Raises: "people.lua:9: there is no locale ..."
local function complain(message)
  local where = blame.where()
  error(where .. (where ~= "" and ": " or "") .. message, 0)
end

-- A list of fields: an address, as a nested object.
local address_fields = { "street_address", "city", "state", "postcode", "country", "country_code" }

local function address_object(catalogue)
  return provider.constructor("address_fields", function(options)
    local fields = {}
    for i, name in ipairs(address_fields) do fields[i] = { name, catalogue[name](options) } end
    return fields
  end)
end

-- Where a value depends on the locale and has none yet, it gets this one.
local function bind(value, found)
  if value.resolve and not value.locale then
    value.locale = found
  end
  for _, inner in ipairs(value.parts or value.cases or { value.body }) do
    if provider.is(inner) then bind(inner, found) end
  end
  return value
end

-- All providers, in a locale.
local function catalogue_of(found)
  local catalogue = {}
  for name, make in pairs(fake) do
    catalogue[name] = provider.constructor(provider.uncalled(make) and name, function(...)
      local value = make(...)
      return provider.is(value) and bind(value, found) or value
    end)
  end
  catalogue.address_fields = address_object(catalogue)
  return setmetatable(catalogue, { __index = getmetatable(fake).__index, locale = found })
end

--- locale("de_DE"): a catalogue whose people and places are of that locale: one of ours, the path of a
--- file beside the script, or a table (docs/locales.md).
local function of_locale(value)
  local found, problem = locale.find(value)
  if not found then complain(problem) end
  return catalogue_of(found)
end

--- locales { de_DE = 3, fr_FR = 1 }: a catalogue whose records are each of one of the locales, by weight;
--- also { { locale, weight }, ... }.
local function of_locales(weights)
  local found, problem = locale.mix(weights)
  if not found then complain(problem) end
  return catalogue_of(found)
end

setmetatable(fake, {
  __index = function(_, name)
    local names = {}
    for known in pairs(fake) do
      if known ~= "catalogue" then names[#names + 1] = known end
    end
    table.sort(names)
    local where = blame.where()
    error(("%s%sfake has no provider %q%s"):format(where, where ~= "" and ": " or "", tostring(name),
      blame.suggestion(tostring(name), names)), 0)
  end,
})

-- Not providers, but of the library's face.
fake.locale, fake.locales = of_locale, of_locales
fake.address_fields = address_object(fake)

return fake
