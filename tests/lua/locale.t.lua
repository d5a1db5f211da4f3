--- A user's own locale: as docs/locales.md says, end to end; mixes; and every mistake.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local fake = kinessis.fake

local seed = tap.seed()

local function line() return debug.getinfo(2, "l").currentline end

local function records(fields, n, options)
  local result = {}
  for i, record in ipairs(kinessis.schema("t", fields, options):sample(n or 200, { seed = seed })) do
    result[i] = cjson.decode(record)
  end
  return result
end

local function all(list, check, name)
  for _, record in ipairs(list) do
    if not check(record) then return tap.ok(false, name, cjson.encode(record)) end
  end
  return tap.ok(#list > 0, name)
end

-- ---- files ----

local folder = os.tmpname()
os.remove(folder)
assert(os.execute(("mkdir -p '%s/locales'"):format(folder)))
local _ <close> = setmetatable({}, { __close = function() os.execute(("rm -rf '%s'"):format(folder)) end })

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

-- Runs a scenario's file in the program: what it prints, and whether it ended well.
local function generate(name)
  local command = ("'%s' generate '%s/%s' -n 300 --seed 5 2>&1"):format(os.getenv "KINESSIS" or "build/kinessis",
    folder, name)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  return text, pipe:close()
end

-- ---- the documentation's example ----

local file = assert(io.open("docs/locales.md"))
local page = file:read("a")
file:close()
local blocks = {}
for block in page:gmatch("```lua\n(.-)```") do blocks[#blocks + 1] = block end
write("locales/de_AT.lua", blocks[1])
write("locales/streets.txt", page:match("```text\n(.-)```"))
write("people.lua", blocks[2])
local text, ended = generate "people.lua"
local seen, bad = {}, nil
for record in text:gmatch("[^\n]+") do
  local ok, r = pcall(cjson.decode, record)
  local city = ok and r.address and r.address:match(", %d%d%d%d (%S+)$")
  local street = ok and r.address and r.address:match("^(.-) %d")
  seen[street or "none"], seen[city or "none"] = true, true
  local area = ({ Wien = "1", Graz = "316", Innsbruck = "512" })[city]
  if not area or not r.phone:match("^%+43" .. area .. "[1-9]%d+$") or not r.name:match("^%S+ %S+$")
    or not r.email:match("^[a-z]+%.[a-z]+%d+@") then
    bad = bad or record
  end
end
tap.is(bad, nil, "the documentation's locale makes its records")
tap.ok(ended and seen["Mozartgasse"] and seen["Am Graben"] and seen["Wien"] and seen["Graz"] and not seen.none,
  "with its streets and cities", text:sub(1, 300))
tap.ok(text:find("Žofia", 1, true) and text:find("zofia.", 1, true) and text:find("mueller", 1, true),
  "and its base's letters in addresses")

write("module.lua", [[
local kinessis = require "kinessis"
local mine = kinessis.fake.locale(require "locales.de_AT")
return kinessis.scenario {
  records = kinessis.schema("t", { { "city", mine.city() }, { "code", mine.country_code() } }),
}
]])
write("locales/de_AT.lua", (blocks[1]:gsub('"streets.txt"', '"locales/streets.txt"')))
text, ended = generate "module.lua"
tap.ok(ended and text:find('"code":"AT"', 1, true) and text:find("Graz", 1, true), "as a module", text:sub(1, 200))
write("broken.lua", [[
local kinessis = require "kinessis"
return kinessis.scenario { records = kinessis.schema("t", { { "n", kinessis.fake.name() } }, {
  locale = "locales/none.lua" }) }
]])
text, ended = generate "broken.lua"
tap.ok(not ended, "a scenario without its locale does not run")
tap.like(text, "broken.lua:2: schema t: locale \"locales/none.lua\": there is no file", "and says why")

-- ---- selection ----

all(records({ { "c", fake.country_code() }, { "e", fake.locale("ja_JP").locale_code() } }, 10, { locale = "fr_FR" }),
  function(r) return r.c == "FR" and r.e == "ja_JP" end, "a schema's locale, and a field's own")
local small = {
  name = "xx_XX", first_name = { male = "Ab", female = "Ba" }, last_name = { "Cé" },
  name_format = "{last_name} {first_name}",
}
all(records { { "name", fake.locale(small).name() }, { "email", fake.email() }, { "city", fake.city() } }, function(r)
  return (r.name == "Cé Ab" or r.name == "Cé Ba") and r.email:match("^[ab]+%.ce%d") and #r.city > 0
end, "a table: the rest is the base's, and an address goes with its name")
local counts = { de_DE = 0, fr_FR = 0, xx_XX = 0, ja_JP = 0 }
local mix = fake.locales { { "de_DE", 3 }, { small, 1 }, { "ja_JP", 0 } }
local people = records({
  { "l", mix.locale_code() }, { "n", mix.name() }, { "e", fake.email() }, { "p", mix.prefix() },
  { "place", { { "country", mix.country_code() }, { "city", mix.city() } } },
}, 4000)
all(people, function(r)
  counts[r.l] = counts[r.l] + 1
  return (r.l == "xx_XX") == (r.n:match("^Cé ") ~= nil) and (r.l == "xx_XX") == (r.e:match("%.ce%d") ~= nil)
    and (r.l == "de_DE") == (r.p:match("^[HF]r?[ea]") ~= nil) and (r.l == "de_DE") == (r.place.country == "DE")
end, "a mix: all of one record is of one locale")
print("# of de_DE: " .. counts.de_DE)
-- six standard deviations
tap.ok(math.abs(counts.de_DE - 3000) < 165 and counts.ja_JP == 0, "by weight")
all(records({ { "c", fake.country_code() } }, 10, { locale = mix }), function(r) return r.c == "DE" or r.c == "US" end,
  "a mix as the schema's locale")
local fields = records({ { "a", fake.locale("it_IT").address_fields() }, { "b", fake.address_fields { group = "b" } } })
all(fields, function(r) return r.a.country_code == "IT" and r.b.country == "United States" end, "address_fields")

-- ---- companies ----

local locale = require "kinessis.locale"
for _, name in ipairs(locale.names) do
  local words, catalogue = locale.get(name), fake.locale(name)
  local lists = { last_name = words.family.last, company_name = words.company_name, company_trade = words.company_trade,
    company_suffix = words.company_suffix }
  -- What is left of the texts when one of the list is taken from their beginning.
  local function taken(texts, list)
    local rest = {}
    for _, whole in ipairs(texts) do
      for _, word in ipairs(list) do
        if whole:sub(1, #word) == word then rest[#rest + 1] = whole:sub(#word + 1) end
      end
    end
    return rest
  end
  local companies, names = {}, 0
  all(records({ { "c", catalogue.company() } }, 300), function(r)
    if not companies[r.c] then companies[r.c], names = true, names + 1 end
    local rest = { r.c }
    for before, key in words.company_format:gmatch("([^{]*){(.-)}") do
      rest = taken(taken(rest, { before }), lists[key])
    end
    for _, left in ipairs(rest) do
      if left == "" then return true end
    end
    return false
  end, name .. ": a company is named as the locale says")
  tap.ok(names > 100, name .. ": many companies", names)
end
all(records({ { "c", fake.company() } }, 50, { locale = "de_DE" }), function(r)
  for _, suffix in ipairs(locale.get("de_DE").company_suffix) do
    if r.c:sub(-#suffix) == suffix then return true end
  end
  return false
end, "the schema's locale names its companies")
local long = ("ä"):rep(5000)
all(records({ { "c", fake.company() } }, 20, { locale = { company_format = "{company_suffix} von {last_name}",
  company_suffix = { long }, last_name = { "Ab" } } }), function(r) return r.c == long .. " von Ab" end,
  "a long name of a company has its room")
local whole = kinessis.schema("t", { { "c", fake.company() } }, { locale = "fr_FR" })
tap.is(whole:sample(1, { seed = seed, from = 40 })[1], whole:sample(41, { seed = seed })[41],
  "record 40 alone has its company")

-- ---- capitals ----

-- Small letters that words begin with, and their capitals.
local capitals = {
  a = "A", z = "Z", ["é"] = "É", ["á"] = "Á", ["ç"] = "Ç", ["ö"] = "Ö", ["ø"] = "Ø", ["þ"] = "Þ", ["ÿ"] = "Ÿ",
  ["ā"] = "Ā",  ["č"] = "Č", ["œ"] = "Œ",
  ["ı"] = "I", ["ł"] = "Ł", ["ň"] = "Ň", ["ő"] = "Ő", ["š"] = "Š", ["ŷ"] = "Ŷ", ["ź"] = "Ź",
  ["ž"] = "Ž", ["ș"] = "Ș", ["ơ"] = "Ơ", ["ư"] = "Ư", ["ấ"] = "Ấ", ["ỹ"] = "Ỹ", ["ɛ"] = "Ɛ",
  ["α"] = "Α", ["ω"] = "Ω", ["ά"] = "Ά", ["έ"] = "Έ", ["ή"] = "Ή", ["ί"] = "Ί", ["ό"] = "Ό", ["ύ"] = "Ύ", ["ώ"] = "Ώ",
  ["σ"] = "Σ", ["ς"] = "Σ", ["ϊ"] = "Ϊ", ["а"] = "А", ["я"] = "Я", ["ё"] = "Ё", ["є"] = "Є", ["ї"] = "Ї", ["ґ"] = "Ґ",
  ["џ"] = "Џ", ["ә"] = "Ә", ["ӂ"] = "Ӂ", ["ӏ"] = "Ӏ", ["ӑ"] = "Ӑ",
  ["É"] = "É", ["Š"] = "Š", ["Я"] = "Я", ["Ω"] = "Ω", ["÷"] = "÷", ["ß"] = "ß", ["朝"] = "朝", ["आ"] = "आ", ["1"] = "1",
}
local letters = {}
for small_letter in pairs(capitals) do letters[#letters + 1] = small_letter .. "éx" end
table.sort(letters)
local wrong
for i, word in ipairs(letters) do
  local one = fake.locale { word = { word } }
  local r = records({ { "s", one.sentence(2) }, { "t", one.title(2) }, { "p", one.paragraph(1) } }, 1)[1]
  local first = word:match(utf8.charpattern)
  local capital = capitals[first] .. "éx"
  if r.s ~= capital .. " " .. word .. "." or r.t ~= capital .. " " .. capital or r.p:find(capital, 1, true) ~= 1 then
    wrong = (wrong or "") .. i .. ": " .. r.s .. " "
  end
end
tap.is(wrong, nil, "sentences, titles and paragraphs begin with a capital: Latin, Greek, Cyrillic; others stay")

-- ---- patterns ----

all(records({ { "n", fake.phone() }, { "h", fake.building_number() }, { "a", fake.address() } }, 100, { locale = {
  phone = { trunk = "", landline = "55 [47]##", mobile = "1" }, building_number = "[12][AB]",
} }), function(r)
  return r.n:match("^%+155[47]%d%d$") and r.h:match("^[12][AB]$") and r.a:find("^[12][AB] ")
end, "a class of a pattern stands for one of its characters")

-- ---- spaces and stops ----

local spaces = { ja_JP = "", zh_CN = "" }
local stops = { ja_JP = "。", zh_CN = "。", hi_IN = "।" }

-- Whether the text is n pieces with ends after them and gaps between, each without a gap or an end inside.
local function is_made_of(paragraph, n, gap, ending)
  local at, pieces = 1, 0
  while true do
    local first, last = paragraph:find(ending, at, true)
    if not first or first == at then break end
    pieces, at = pieces + 1, last + 1
    if paragraph:sub(at, at + #gap - 1) == gap then at = at + #gap end
  end
  return pieces == n and at == #paragraph + 1
end

for _, name in ipairs(locale.names) do
  local catalogue, gap, stop = fake.locale(name), spaces[name] or " ", stops[name] or "."
  all(records({ { "s", catalogue.sentence(4) }, { "w", catalogue.words(3) }, { "t", catalogue.title(3) },
    { "p", catalogue.paragraph(2) } }, 50), function(r)
    local function gaps(value) return select(2, value:gsub(" ", "")) end
    local expected = gap == "" and 0 or nil
    return r.s:sub(-#stop) == stop and is_made_of(r.p, 2, gap, stop)
      and gaps(r.s) == (expected or 3) and gaps(r.w) == (expected or 2) and gaps(r.t) == (expected or 2)
      and (not expected or gaps(r.p) == 0) and not (stop ~= "." and (r.s .. r.p):find(".", 1, true))
  end, name .. ": words and sentences have the script's spaces and stops")
end
all(records({ { "s", fake.sentence(2) }, { "p", fake.paragraph(1) } }, 5, { locale = { word = { "ab" },
  word_separator = "\u{3000}", sentence_end = "!?" } }), function(r)
  return r.s == "Ab\u{3000}ab!?" and r.p:find("^Ab\u{3000}ab\u{3000}ab.*ab!%?$")
end, "a locale's own")

-- ---- mistakes ----

tap.raises(function() fake.locale "de_DD" end,
  ("locale.t.lua:%d: there is no locale \"de_DD\"; did you mean \"de_DE\"?"):format(line() - 1), "an unknown locale")
tap.raises(function() return fake.de end, 'fake has no provider "de"', "a provider that is not there")
tap.raises(function() return fake.locale("de_DE").frist_name() end, 'did you mean "first_name"', "in a catalogue too")
tap.raises(function() return kinessis.schema("t", { { "a", 1 } }, { locale = "xx" }) end,
  'schema t: there is no locale "xx"; there are de_DE, en_GB, en_US, es_ES,', "a schema's unknown locale")
tap.raises(function() return kinessis.schema("t", { { "a", 1 } }, { local_ = "xx" }) end,
  'schema t: a schema has no option string "local_"', "an unknown option of a schema")
tap.raises(function() return kinessis.schema("t", { { "a", 1 } }, "de_DE") end,
  "schema t: the options must be a table", "options that are no table")

local function refused(given, fragment)
  tap.raises(function() return fake.locale(given) end, fragment, fragment)
end
refused(7, "a locale is a name, a path or a table, not 7")
refused({ frist_name = {} }, 'the locale has nothing called string "frist_name"; did you mean "first_name"?')
refused({ name = "me", last_name = 1 }, 'locale "me": last_name must be a list of strings, not 1')
refused({ last_name = {} }, "last_name is empty")
refused({ last_name = " , " }, "last_name is empty")
refused({ last_name = { "a", 2 } }, "last_name 2 must be a string, not 2")
refused({ last_name = { "a", [3] = "c" } }, "last_name must be a list of strings, and has a key 3")
refused({ last_name = { "a", "\xff" } }, "last_name 2 is not valid UTF-8")
refused({ last_name = "a, \xff" }, "last_name is not valid UTF-8")
refused({ last_name = { "Ж" } }, 'last_name 1, "Ж", has letters without an ASCII form')
refused({ last_name = { file = "none.txt" } }, 'there is no file "tests/lua/none.txt"')
refused({ first_name = { male = "A" } }, 'first_name has no list called "female"')
refused({ first_name = { "A" } }, "first_name has nothing called 1")
refused({ first_name = "A" }, "first_name must be a table")
refused({ country = { code = "A", name = "x", phone = "1" } }, "country.code must be two capital letters")
refused({ country = { code = "AA", name = "x" } }, "country.phone is missing")
refused({ currency = "euro" }, "currency must be three capital letters")
refused({ company_format = "{sufix}" }, 'company_format: nothing is called {sufix}')
refused({ sentence_end = "" }, "sentence_end is empty")
refused({ sentence_end = 1 }, "sentence_end must be a string, not 1")
refused({ word_separator = true }, "word_separator must be a string, not")
refused({ word_separator = "\xff" }, "word_separator is not valid UTF-8")
local class = ': a class is letters and digits between [ and ], as [AEIOU]'
refused({ national_id = "1[A-F]" }, 'national_id 1, "1[A-F]"' .. class)
refused({ building_number = { "%", "[]" } }, 'building_number 2, "[]"' .. class)
refused({ phone = { trunk = "", landline = "[1", mobile = "2" } }, 'phone.landline 1, "[1"' .. class)
refused({ phone = { trunk = "", landline = "1", mobile = "[é]" } }, 'phone.mobile 1, "[é]"' .. class)
refused({ cities = { { "Bern", "CA", "3]##", "031", 46, 7 } } }, 'cities 1: the postcode, "3]##"' .. class)
refused({ company_trade = {} }, "company_trade is empty")
refused({ name_format = "{name}" }, "name_format: nothing is called {name}")
refused({ address_format = "{postcod}" }, 'nothing is called {postcod}; did you mean "postcode"?')
refused({ cities = {} }, "cities must be a list of cities")
refused({ cities = { "Bern" } }, "cities 1 must be a table")
refused({ cities = { { "Bern", "CA", "3###", "031", 400, 7 } } }, "cities 1: the latitude must be a number from -90")
refused({ cities = { { "Bern", "CA", "3###", "031", 46, "7" } } }, "cities 1: the longitude must be a number from -180")
refused({ cities = { { "Bern", "CA", 3, "031", 46, 7 } } }, "cities 1: the postcode must be a string, not 3")
refused({ cities = { { "Bern", "BE", "3###", "031", 46, 7 } } }, 'cities 1, "Bern": states has no "BE"')
refused({ states = { CA = 1 } }, "states.CA must be a string, not 1")
refused({ phone = { landline = "1", mobile = "2" } }, "phone.trunk is missing")
refused({ base = "de_DD" }, 'there is no locale "de_DD"')
refused({ base = mix }, "base must be one locale, not a mix")
write("locales/self.lua", ('return { base = "%s/locales/self.lua" }'):format(folder))
refused(folder .. "/locales/self.lua", "has itself as its base")
write("locales/bad.lua", "return {")
refused(folder .. "/locales/bad.lua", "locales/bad.lua:1: unexpected symbol near <eof>")
write("locales/none.lua", "return 1")
refused(folder .. "/locales/none.lua", "must return a table, not 1")
write("locales/names.txt", "a\n\xff\n")
refused({ last_name = { file = folder .. "/locales/names.txt" } }, "is not valid UTF-8")

local function refused_mix(given, fragment)
  tap.raises(function() return fake.locales(given) end, fragment, fragment)
end
refused_mix("de_DE", "locales must be given a table")
refused_mix({}, "the weights of the locales sum to 0")
refused_mix({ de_DE = -1 }, "the weight of locale string \"de_DE\" must be a number from 0, not -1")
refused_mix({ de_DD = 1 }, 'there is no locale "de_DD"')
refused_mix({ "de_DE" }, "locale 1 must be { locale, weight }")
refused_mix({ { mix, 1 } }, "a mix cannot hold a mix")

local function refused_value(make, fragment)
  tap.raises(function() kinessis.schema("t", { { "v", make() } }) end, "schema t.v: " .. fragment, fragment)
end
refused_value(function() return fake.first_name "female" end, 'options are a table, as { group = "friend" }, not')
refused_value(function() return fake.first_name { gender = "woman" } end, 'gender must be "male" or "female", not')
refused_value(function() return fake.first_name { gendr = "male" } end, 'there is no option string "gendr"; did you')
refused_value(function() return fake.name { group = "" } end, "group is empty")
refused_value(function() return fake.name { group = 1 } end, "group must be a string, not 1")
refused_value(function() return fake.password { length = 3 } end, "length must be 4 to 128, not 3")
refused_value(function() return fake.phone { format = "x" } end, 'format must be "e164" or "national"')
refused_value(function() return fake.age { min_age = 9, max_age = 3 } end, "min_age 9 is greater than max_age 3")
refused_value(function() return fake.date_of_birth { max_age = 3 } end, "min_age 18 is greater than max_age 3")
refused_value(function() return fake.age { on = "2025-02-30" } end, 'on must be a day like "2025-01-31"')
refused_value(function() return fake.country { any = 1 } end, "any must be true or false, not 1")
tap.done()
