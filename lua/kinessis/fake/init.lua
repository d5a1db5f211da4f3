--- fake: providers of values, for the fields of kinessis.schema.
---
---     fake.integer(1, 6), fake.one_of { "a", "b" }, fake.email()
---
--- Each catalogue is a table of declarations (fake/provider.lua says how). Adding a provider is adding
--- one. fake.catalogue() lists them all, as data.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local fake, declared = {}, {}

local catalogues = { "number", "choice", "combinator", "text", "identity", "person", "place",
  "time" }
for _, name in ipairs(catalogues) do
  local entries = {}
  for entry, declaration in pairs(require("kinessis.fake." .. name)) do
    assert(not fake[entry], entry)
    if type(declaration) == "function" then
      declaration = { "", arguments = { { "..." } }, make = declaration, type = "string", example = "fake." .. entry .. "()" }
    end
    fake[entry] = provider.define(entry, declaration)
    entries[#entries + 1] = { name = entry, declaration = declaration }
  end
  table.sort(entries, function(a, b) return a.name < b.name end)
  declared[#declared + 1] = { name = name, entries = entries }
end

--- The catalogues in order: { name =, entries = { { name =, declaration = }, ... } }.
function fake.catalogue() return declared end

return setmetatable(fake, {
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
