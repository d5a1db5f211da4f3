--- Texts that match a regular expression: compiles a bounded subset into providers.
---
--- literals, ., [classes], \d \w \s \D \W \S, \t \n \r, groups ( ) and (?: ), alternatives |, and
--- ? * + {m} {m,} {m,n}; ^ at the beginning and $ at the end say nothing here. What has no upper bound
--- is repeated up to `most` times more than its lower bound. Characters of ., \D, [^...] and the like are the
--- printable ones of ASCII. Left out on purpose: what needs memory or looking around.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local regex = {}

local MAX_DEPTH, MAX_REPEAT, MAX_CLASS = 16, 1000, 4096

local function range(from, to)
  local set = {}
  for code = from, to do set[code] = true end
  return set
end

local function union(...)
  local set = {}
  for _, other in ipairs { ... } do
    for code in pairs(other) do set[code] = true end
  end
  return set
end

local function complement(set)
  local result = {}
  for code = 32, 126 do
    if not set[code] then result[code] = true end
  end
  return result
end

local digit = range(48, 57)
local word = union(digit, range(65, 90), range(97, 122), { [95] = true })
local space = { [32] = true }
local escapes = { d = digit, w = word, s = space, D = complement(digit), W = complement(word), S = complement(space) }
local controls = { t = 9, n = 10, r = 13 }

local function chars_of(set)
  local codes = {}
  for code in pairs(set) do codes[#codes + 1] = code end
  table.sort(codes)
  for i, code in ipairs(codes) do codes[i] = utf8.char(code) end
  return codes
end

local Reader = {}
Reader.__index = Reader

function Reader:refuse(what)
  provider.refuse("the expression %s, at character %d: %s", what, self.at,
    blame.show(utf8.char(table.unpack(self.codes, math.max(1, self.at - 8), math.min(#self.codes, self.at + 8)))))
end

-- The next character, or nil; the expression is read by code points.
function Reader:peek()
  local code = self.codes[self.at]
  return code and utf8.char(code)
end

function Reader:next()
  local char = self:peek()
  self.at = self.at + 1
  return char
end

function Reader:accept(char)
  if self:peek() ~= char then return false end
  self.at = self.at + 1
  return true
end

-- After a backslash: a set, or the code of one character.
function Reader:escape()
  local char = self:next()
  if not char then self:refuse "ends with a backslash" end
  if escapes[char] then return escapes[char] end
  if controls[char] then return nil, controls[char] end
  if char:find "^%w$" then self:refuse(("has \\%s, which is not supported"):format(char)) end
  return nil, utf8.codepoint(char)
end

function Reader:class()
  local set, negated = {}, self:accept "^"
  local first, size = true, 0
  while first or self:peek() ~= "]" do
    first = false
    local char = self:next()
    if not char then self:refuse "has a [ without ]" end
    if char == "[" and self:peek() == ":" then
      self:refuse "has [:, a class by name, which is not supported; write its characters, as [a-z], or \\["
    end
    local several, low
    if char == "\\" then several, low = self:escape() else low = utf8.codepoint(char) end
    if several then
      set = union(set, several)
    elseif self:peek() == "-" and self.codes[self.at + 1] and self.codes[self.at + 1] ~= 93 then
      self.at = self.at + 1
      char = self:next()
      local high = utf8.codepoint(char)
      if char == "\\" then
        several, high = self:escape()
        if several then self:refuse "has a range that ends with a class" end
      end
      if low > high then self:refuse "has a range that ends before it begins" end
      size = size + high - low + 1
      if size > MAX_CLASS then self:refuse(("has a class of more than %d characters"):format(MAX_CLASS)) end
      for code = low, high do
        if code < 0xD800 or code > 0xDFFF then set[code] = true end
      end
    else
      set[low] = true
    end
  end
  self.at = self.at + 1
  if negated then set = complement(set) end
  if next(set) == nil then self:refuse "has a class without characters" end
  return set
end

-- {m}, {m,}, {m,n} after the brace, or nil when it is none.
function Reader:braces()
  local text, at = "", self.at
  while self.codes[at] and self.codes[at] ~= 125 and at - self.at < 12 do
    text = text .. utf8.char(self.codes[at])
    at = at + 1
  end
  local low, comma, high = text:match "^(%d+)(,?)(%d*)$"
  if not low or self.codes[at] ~= 125 then self:refuse "has a { that is no {m}, {m,} or {m,n}; write \\{" end
  self.at = at + 1
  low = tonumber(low)
  return low, comma == "" and low or tonumber(high) or low + self.most
end

-- How often: least, most.
function Reader:quantifier()
  local low, high = 1, 1
  if self:accept "?" then
    low, high = 0, 1
  elseif self:accept "*" then
    low, high = 0, self.most
  elseif self:accept "+" then
    low, high = 1, 1 + self.most
  elseif self:accept "{" then
    low, high = self:braces()
  else
    return low, high
  end
  self:accept "?" -- lazy or not, the texts are the same
  if low > high then self:refuse(("repeats %d to %d times"):format(low, high)) end
  if high > MAX_REPEAT then self:refuse(("repeats more than %d times"):format(MAX_REPEAT)) end
  local more = self:peek()
  if more == "*" or more == "+" or more == "{" then self:refuse "repeats what is repeated already" end
  return low, high
end

local function text_of(parts) return provider.new { parts = parts, type = "string", text = true } end

-- A set of characters, low to high times.
local function of_set(set, low, high)
  local chars = chars_of(set)
  if low == high then
    if low == 1 and #chars == 1 then return chars[1] end
    return provider.new { op = "letters", n = low, words = chars, type = "string", text = true }
  end
  return nil, provider.new { op = "pick", words = chars, type = "string", text = true }
end

function Reader:atom(depth)
  local char = self:next()
  if char == "." then return range(32, 126) end
  if char == "[" then return self:class() end
  if char == "\\" then
    local set, code = self:escape()
    return set or { [code] = true }
  end
  if char == "(" then
    if self:accept "?" and not self:accept ":" then self:refuse "has a (?, of which only (?: is supported" end
    local group = self:alternatives(depth + 1)
    if not self:accept ")" then self:refuse "has a ( without )" end
    return nil, group
  end
  if char == "*" or char == "+" or char == "?" or char == "{" then self:refuse "repeats nothing" end
  if char == "^" or char == "$" then self:refuse(("has a %s that is not at an end"):format(char)) end
  return { [utf8.codepoint(char)] = true }
end

function Reader:sequence(depth)
  local parts = {}
  while self:peek() and self:peek() ~= "|" and self:peek() ~= ")" do
    local set, group = self:atom(depth)
    local low, high = self:quantifier()
    local part
    if set then part, group = of_set(set, low, high) end
    if not part then
      part = group
      if low ~= 1 or high ~= 1 then
        part = provider.new { op = "repeat", min = low, max = high, separator = 0, body = group, type = "string",
          text = true, apart = true }
      end
    end
    parts[#parts + 1] = part
  end
  return text_of(parts)
end

function Reader:alternatives(depth)
  if depth > MAX_DEPTH then self:refuse(("is nested deeper than %d"):format(MAX_DEPTH)) end
  local cases, words = {}, {}
  repeat
    cases[#cases + 1], words[#words + 1] = self:sequence(depth), ""
  until not self:accept "|"
  if #cases == 1 then return cases[1] end
  return provider.new { op = "choose", words = words, cases = cases, type = "string", text = true }
end

--- The provider for an expression.
function regex.new(expression, most)
  local codes = { utf8.codepoint(expression, 1, -1) }
  if codes[1] == 94 then table.remove(codes, 1) end
  if codes[#codes] == 36 and codes[#codes - 1] ~= 92 then table.remove(codes) end
  local reader = setmetatable({ codes = codes, at = 1, most = most }, Reader)
  local made = reader:alternatives(1)
  if reader:peek() then reader:refuse "has a ) without (" end
  return made
end

return regex
