--- The first letter of a word as a capital: Latin, Greek and Cyrillic letters of UTF-8, by the order that
--- Unicode gives them (the simple case mappings of its UnicodeData.txt). Letters of other scripts
--- have no capitals and stay.
--- Left out on purpose: polytonic Greek, letters of no living language, and "ß", whose capital would be
--- two letters and which begins no word.

-- Ranges of small letters, in the order of their codes: first, last, how far their capital is, and 2
-- where only each second letter is small (its capital is before it).
local ranges = {
  { 0x61, 0x7A, -32, 1 },       -- a to z
  { 0xE0, 0xF6, -32, 1 },       -- à to ö
  { 0xF8, 0xFE, -32, 1 },       -- ø to þ
  { 0xFF, 0xFF, 121, 1 },       -- ÿ
  { 0x101, 0x12F, -1, 2 },      -- ā to į
  { 0x131, 0x131, -232, 1 },    -- ı, whose capital is I
  { 0x133, 0x137, -1, 2 },      -- ĳ to ķ
  { 0x13A, 0x148, -1, 2 },      -- ĺ to ň
  { 0x14B, 0x177, -1, 2 },      -- ŋ to ŷ
  { 0x17A, 0x17E, -1, 2 },      -- ź to ž
  { 0x192, 0x192, -1, 1 },      -- ƒ
  { 0x199, 0x199, -1, 1 },      -- ƙ
  { 0x1A1, 0x1A5, -1, 2 },      -- ơ to ƥ
  { 0x1B0, 0x1B0, -1, 1 },      -- ư
  { 0x1B4, 0x1B6, -1, 2 },      -- ƴ, ƶ
  { 0x1CE, 0x1DC, -1, 2 },      -- ǎ to ǜ
  { 0x1DD, 0x1DD, -79, 1 },     -- ǝ
  { 0x1DF, 0x1EF, -1, 2 },      -- ǟ to ǯ
  { 0x1F5, 0x1F5, -1, 1 },      -- ǵ
  { 0x1F9, 0x21F, -1, 2 },      -- ǹ to ȟ
  { 0x223, 0x233, -1, 2 },      -- ȣ to ȳ
  { 0x253, 0x253, -210, 1 },    -- ɓ
  { 0x254, 0x254, -206, 1 },    -- ɔ
  { 0x256, 0x257, -205, 1 },    -- ɖ, ɗ
  { 0x25B, 0x25B, -203, 1 },    -- ɛ
  { 0x263, 0x263, -207, 1 },    -- ɣ
  { 0x3AC, 0x3AC, -38, 1 },     -- ά
  { 0x3AD, 0x3AF, -37, 1 },     -- έ to ί
  { 0x3B1, 0x3C1, -32, 1 },     -- α to ρ
  { 0x3C2, 0x3C2, -31, 1 },     -- ς, at the end of words
  { 0x3C3, 0x3CB, -32, 1 },     -- σ to ϋ
  { 0x3CC, 0x3CC, -64, 1 },     -- ό
  { 0x3CD, 0x3CE, -63, 1 },     -- ύ, ώ
  { 0x430, 0x44F, -32, 1 },     -- а to я
  { 0x450, 0x45F, -80, 1 },     -- ѐ to џ
  { 0x461, 0x481, -1, 2 },      -- of old Slavonic
  { 0x48B, 0x4BF, -1, 2 },      -- ҋ to ҿ
  { 0x4C2, 0x4CE, -1, 2 },      -- ӂ to ӎ
  { 0x4CF, 0x4CF, -15, 1 },     -- ӏ
  { 0x4D1, 0x52F, -1, 2 },      -- ӑ to ԯ
  { 0x1E01, 0x1E95, -1, 2 },    -- ḁ to ẕ
  { 0x1EA1, 0x1EFF, -1, 2 },    -- ạ to ỿ: Vietnamese
}

local function capital(code)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then
      return (code - range[1]) % range[4] == 0 and code + range[3] or code
    end
  end
  return code
end

--- The word with a capital for its first letter.
return function(word)
  if word == "" then return word end
  return utf8.char(capital(utf8.codepoint(word))) .. word:sub(utf8.offset(word, 2))
end
