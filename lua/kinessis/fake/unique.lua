--- Values that do not repeat within a run, without remembering any: record i gets value number P(i), where
--- P is a permutation of all values that the provider can make (src/gen/draw.h), chosen by the seed.
---
--- So the values must be countable, and different numbers must give different texts. Each operation takes
--- a share of the number, as digits of a number with several bases. In a text at most its last part may have
--- texts of several lengths, unless what follows such a part is a character that it never contains.
local provider = require "kinessis.fake.provider"

local unique = {}

local MOST = 1 << 62

local supported = "integer, one_of, pattern, hex, nanoid and texts made of these"

-- The share of one operation: its count of values, the texts if there are few, and the operation when it
-- is given its divisor.
local function of_words(words)
  local kept, seen = {}, {}
  for _, word in ipairs(words) do
    if not seen[word] then seen[word], kept[#kept + 1] = true, word end
  end
  local length = #tostring(kept[1])
  for _, word in ipairs(kept) do
    if #tostring(word) ~= length then length = nil break end
  end
  return {
    count = #kept, length = length, texts = kept,
    make = function(divisor) return { op = "unique_pick", words = kept, divisor = divisor } end,
  }
end

local function of_characters(characters)
  local words = {}
  for char in characters:gmatch(utf8.charpattern) do words[#words + 1] = char end
  return of_words(words)
end

local function of_integer(node)
  local count = node.max - node.min + 1
  if count <= 0 or count > MOST then count = MOST end
  local low, high = tostring(node.min), tostring(node.max)
  return {
    count = count, length = #low == #high and node.min >= 0 and #low or nil, texts = { "-0123456789" },
    make = function(divisor) return { op = "unique_integer", min = node.min, max = node.max, divisor = divisor } end,
  }
end

local function times(share, n, shares)
  for _ = 1, n do shares[#shares + 1] = share end
end

-- Appends the shares of a node, and literals as strings.
local function add_shares(node, shares)
  if type(node) == "string" then
    shares[#shares + 1] = node
  elseif node.parts then
    for _, part in ipairs(node.parts) do add_shares(part, shares) end
  elseif node.op == "pick" then
    shares[#shares + 1] = of_words(node.words)
  elseif node.op == "integer" then
    shares[#shares + 1] = of_integer(node)
  elseif node.op == "pattern" and node.units then
    for _, unit in ipairs(node.units) do
      shares[#shares + 1] = type(unit) == "string" and unit or of_characters(unit[2])
    end
  elseif node.op == "hex" then
    times(of_characters "0123456789abcdef", node.n, shares)
  elseif node.op == "letters" then
    times(of_words(node.words), node.n, shares)
  elseif node.op == "nanoid" then
    times(of_characters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", node.n, shares)
  else
    provider.refuse("unique cannot count the values of fake.%s: it can those of %s", node.name or node.op or "this",
      supported)
  end
  return shares
end

-- Whether where the share ends can be told from what follows it.
local function delimited(share, after)
  local stop = type(after) == "string" and after:sub(1, 1)
  if not stop then return false end
  for _, text in ipairs(share.texts) do
    if tostring(text):find(stop, 1, true) then return false end
  end
  return true
end

local never_repeat = { uuid = true, uuid7 = true, sequence = true }

--- The provider that makes each value of `value` once.
function unique.new(value)
  if never_repeat[value.op] and not (value.op == "sequence" and (value.jitter > 0 or value.step == 0)) then
    local copy = {}
    for key, item in pairs(value) do copy[key] = item end
    return copy
  end
  local shares, parts, count = add_shares(value, {}), {}, 1
  for i, share in ipairs(shares) do
    if type(share) == "string" then
      parts[i] = share
    else
      if not share.length and i < #shares and not delimited(share, shares[i + 1]) then
        provider.refuse("the parts of a unique text must be of one length, or followed by a character that they do not "
          .. "contain: \"a\" .. \"bc\" and \"ab\" .. \"c\" are the same")
      end
      -- Once there are more values than records, what else is drawn cannot make two texts the same.
      if count > MOST // share.count and count < 1 << 31 then provider.refuse("unique has too many values to count") end
      if count <= MOST // share.count then
        parts[i] = provider.new(share.make(count))
        count = count * share.count
      else
        parts[i] = provider.new(share.make(1))
      end
      parts[i].type, parts[i].text = value.type, true
    end
  end
  local body = provider.new { parts = parts, type = value.type, text = value.text }
  return { op = "unique", n = count, body = body, type = value.type, text = value.text, fails = true }
end

return unique
