--- Nowhere, counted: to = kinessis.null {}. For measuring, and for trying a pace.
local check = require "kinessis.check"

local rules = {
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  given = given or {}
  check("null", given, rules, 3)
  return { kind = "null", service = "null", label = "nowhere", name = "null", pace = given.pace }
end
