--- Texts of literal characters and classes of characters, for the operation "pattern" (src/gen/ops_text.c):
--- what fake.pattern reads, and what card numbers, IBANs and the like are declared by.
local core = require "kinessis.core.plan"
local provider = require "kinessis.fake.provider"

local pattern = {}

local digits, capitals, small = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"

-- A class's character: its byte in the operation, and the characters it stands for.
local classes = {
  ["#"] = { "\xF5", digits },
  ["!"] = { "\xF6", "123456789" },
  ["?"] = { "\xF7", capitals },
  ["@"] = { "\xF8", small },
  ["~"] = { "\xF9", "0123456789abcdef" },
  ["*"] = { "\xFA", digits .. capitals },
  ["="] = { "\xFC" }, -- the check digit
}

--- The checks of the operation.
pattern.checks = { none = 0, luhn = 1, ean = 2, isbn10 = 3, iban = 4 }

-- Reads a form into units: literal texts, and classes as tables. A backslash takes away a class's meaning.
local function read(form, known)
  local units, literal, at = {}, "", 1
  while at <= #form do
    local char = form:sub(at, at)
    local class = known:find(char, 1, true) and classes[char]
    if char == "\\" and at < #form then
      at = at + 1
      literal = literal .. form:sub(at, at)
    elseif class then
      if literal ~= "" then units[#units + 1], literal = literal, "" end
      units[#units + 1] = class
    else
      literal = literal .. char
    end
    at = at + 1
  end
  if literal ~= "" then units[#units + 1] = literal end
  return units
end

--- A value of one of the forms, by their weights. known: the class characters that have their meaning
--- ("#?*" by default); check: a name of pattern.checks.
function pattern.new(forms, check, weights, known)
  local words, units = {}, nil
  for i, form in ipairs(forms) do
    units = read(form, known or "#?*")
    local bytes = {}
    for k, unit in ipairs(units) do
      bytes[k] = type(unit) == "table" and unit[1] or core.escape(unit):sub(2, -2)
    end
    words[i] = table.concat(bytes)
  end
  return provider.new {
    op = "pattern", words = words, raw = true, weights = weights, check = pattern.checks[check or "none"],
    units = #forms == 1 and not check and units or nil, type = "string", text = true,
  }
end

return pattern
