--- Locales: what people and places are called somewhere. A locale is one Lua table (kinessis/locales/
--- holds ours, docs/locales.md says how to write one); this module finds, checks and completes it.
local blame = require "kinessis.blame"
local sys = require "kinessis.core.sys"

local locale = {}

local Locale = { __name = "kinessis.locale" }

--- The locales that the library carries.
locale.names = {
  "de_DE", "en_GB", "en_US", "es_ES", "fr_FR", "hi_IN", "it_IT", "ja_JP", "pt_BR", "zh_CN",
}

-- Stops checking: what is wrong, without the locale's name.
local Problem = { __tostring = function(self) return self.text end }
local function refuse(...)
  error(setmetatable({ text = select("#", ...) > 1 and string.format(...) or (...) }, Problem), 0)
end

-- ---- files beside the script ----

-- The folder of the user's file that is running, with its slash, or "".
local function caller_folder()
  local file = blame.where():match("^(.*):%d+$")
  return file and file:match("^(.*/)[^/]*$") or ""
end

local function read_file(path, folder)
  local name = path:sub(1, 1) == "/" and path or folder .. path
  local file = io.open(name, "rb")
  if not file then
    local text = sys.embedded(name)
    if text then return text, name end
    refuse("there is no file %q", name)
  end
  local text = file:read("a")
  file:close()
  if not text then refuse("%q cannot be read", name) end
  return text, name
end

-- ---- checking ----

local function check_text(value, path)
  if type(value) ~= "string" then refuse("%s must be a string, not %s", path, blame.show(value)) end
  if not utf8.len(value) then refuse("%s is not valid UTF-8", path) end
  if value == "" then refuse("%s is empty", path) end
  return value
end

local function split(text, separator)
  local result = {}
  for word in text:gmatch("[^" .. separator .. "]+") do
    word = word:match("^%s*(.-)%s*$")
    if word ~= "" then result[#result + 1] = word end
  end
  return result
end

-- A text that may be empty.
local function check_maybe_empty(value, path)
  return value == "" and value or check_text(value, path)
end

-- A list of texts: a table of them, one string with commas or lines, or { file = "names.txt" }.
local function check_list(value, path, folder)
  if type(value) == "string" then
    if not utf8.len(value) then refuse("%s is not valid UTF-8", path) end
    value = split(value, ",\n")
  elseif type(value) == "table" and value.file ~= nil then
    check_text(value.file, path .. ".file")
    local text, name = read_file(value.file, folder)
    if not utf8.len(text) then refuse("%s: %q is not valid UTF-8", path, name) end
    value = split(text, "\r\n")
  elseif type(value) ~= "table" then
    refuse("%s must be a list of strings, not %s", path, blame.show(value))
  end
  local result = {}
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 or key > #value then
      refuse("%s must be a list of strings, and has a key %s", path, blame.show(key))
    end
  end
  for i, word in ipairs(value) do result[i] = check_text(word, ("%s %d"):format(path, i)) end
  if #result == 0 then refuse("%s is empty", path) end
  return result
end

-- What a pattern's [class] holds is one byte each, and nothing that JSON or CSV writes otherwise.
local function check_pattern(value, path)
  if value:gsub("%[%w+%]", ""):find "[%[%]]" then
    refuse('%s, "%s": a class is letters and digits between [ and ], as [AEIOU]', path, value)
  end
  return value
end

local function check_patterns(value, path, folder)
  local result = check_list(value, path, folder)
  for i, text in ipairs(result) do check_pattern(text, ("%s %d"):format(path, i)) end
  return result
end

local function check_keys(value, path, known)
  if type(value) ~= "table" then refuse("%s must be a table, not %s", path, blame.show(value)) end
  for key in pairs(value) do
    if not known[key] then
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      table.sort(names)
      refuse("%s has nothing called %s%s", path, blame.show(key),
        type(key) == "string" and blame.suggestion(key, names) or "")
    end
  end
end

-- { male = list, female = list }
local function check_gendered(value, path, folder)
  check_keys(value, path, { male = true, female = true })
  local result = {}
  for _, gender in ipairs { "male", "female" } do
    if value[gender] == nil then refuse("%s has no list called %q", path, gender) end
    result[gender] = check_list(value[gender], path .. "." .. gender, folder)
  end
  return result
end

-- The same; or one list for both genders: then the two are one table.
local function check_maybe_gendered(value, path, folder)
  if type(value) == "table" and (value.male ~= nil or value.female ~= nil) then
    return check_gendered(value, path, folder)
  end
  local list = check_list(value, path, folder)
  return { male = list, female = list }
end

-- A rule for a text that matches a pattern.
local function matching(pattern, what)
  return function(value, path)
    check_text(value, path)
    if not value:match(pattern) then refuse("%s must be %s, not %q", path, what, value) end
    return value
  end
end

-- A rule for a table whose members have rules.
local function members(rules)
  return function(value, path, folder)
    check_keys(value, path, rules)
    local result = {}
    for name, rule in pairs(rules) do
      if value[name] == nil then refuse("%s.%s is missing", path, name) end
      result[name] = rule(value[name], path .. "." .. name, folder)
    end
    return result
  end
end

-- A rule for a text with {names}.
local function format(...)
  local known = { ... }
  return function(value, path)
    check_text(value, path)
    for name in value:gmatch("{(.-)}") do
      local found
      for _, other in ipairs(known) do found = found or other == name end
      if not found then refuse("%s: nothing is called {%s}%s", path, name, blame.suggestion(name, known)) end
    end
    return value
  end
end

local function check_number(value, path, most)
  if type(value) ~= "number" or not (value >= -most and value <= most) then
    refuse("%s must be a number from %d to %d, not %s", path, -most, most, blame.show(value))
  end
  return value
end

-- A map of texts to texts.
local function check_map(value, path)
  if type(value) ~= "table" then refuse("%s must be a table, not %s", path, blame.show(value)) end
  for key, text in pairs(value) do
    check_text(key, "a key of " .. path)
    if type(text) ~= "string" or not utf8.len(text) then
      refuse("%s.%s must be a string, not %s", path, key, blame.show(text))
    end
  end
  return value
end

-- Rows { city, state's code, postcode pattern, area code, latitude, longitude, time zone or nil }.
local function check_cities(value, path)
  if type(value) ~= "table" or #value == 0 then
    refuse("%s must be a list of cities, not %s", path, blame.show(value))
  end
  local texts = { "the name", "the state's code", "the postcode", "the area code", nil, nil, "the time zone" }
  for i, row in ipairs(value) do
    local which = ("%s %d"):format(path, i)
    if type(row) ~= "table" then refuse("%s must be a table, not %s", which, blame.show(row)) end
    for at = 1, 7 do
      local what = texts[at] and ("%s: %s"):format(which, texts[at])
      if what and (at < 7 or row[at] ~= nil) then check_text(row[at], what) end
    end
    check_pattern(row[3], which .. ": the postcode")
    check_number(row[5], which .. ": the latitude", 90)
    check_number(row[6], which .. ": the longitude", 180)
  end
  return value
end

local rules = {
  name = check_text,
  country = members {
    code = matching("^%u%u$", "two capital letters (ISO 3166)"),
    name = check_text,
    phone = matching("^%d%d?%d?$", "a country calling code"),
  },
  currency = matching("^%u%u%u$", "three capital letters (ISO 4217)"),
  time_zone = check_text,
  first_name = check_gendered,
  last_name = check_list,
  prefix = check_gendered,
  suffix = check_maybe_gendered,
  gender = members { male = check_text, female = check_text },
  name_format = format("first_name", "last_name", "second_last_name"),
  ascii = check_map,
  domain = check_list,
  street_name = check_list,
  street_suffix = check_list,
  street_format = format("street_name", "street_suffix"),
  building_number = check_patterns,
  street_address_format = format("street", "building_number"),
  address_format = format("street_address", "postcode", "city", "state", "state_code", "country"),
  states = check_map,
  cities = check_cities,
  phone = members {
    trunk = check_maybe_empty,
    landline = check_patterns,
    mobile = check_patterns,
  },
  national_id = check_patterns,
  company_format = format("last_name", "company_name", "company_trade", "company_suffix"),
  company_name = check_list,
  company_trade = check_list,
  company_suffix = check_list,
  product_format = format("product_quality", "product_material", "product_name"),
  product_quality = check_list,
  product_material = check_list,
  product_name = check_list,
  category = check_list,
  department = check_list,
  job_format = format("job_level", "job_field", "job_title"),
  job_level = check_list,
  job_field = check_list,
  job_title = check_maybe_gendered,
  word = check_list,
  word_separator = check_maybe_empty,
  sentence_end = check_text,
}

-- ---- ASCII ----

-- Letters of Latin scripts, for addresses. A locale's own `ascii` comes first.
local latin = {
  a = "àáâãäåāăąÀÁÂÃÄÅĀĂĄ", ae = "æÆ", c = "çćčÇĆČ", d = "ďđðĎĐÐ", e = "èéêëēėęěÈÉÊËĒĖĘĚ", g = "ğĞ",
  i = "ìíîïīįıÌÍÎÏĪĮİ", l = "łľĺŁĽĹ", n = "ñńňÑŃŇ", o = "òóôõöøōőÒÓÔÕÖØŌŐ", oe = "œŒ", r = "řŕŘŔ",
  s = "śšşșŚŠŞȘ", ss = "ß", t = "ťţțŤŢȚ", th = "þÞ", u = "ùúûüūůűųÙÚÛÜŪŮŰŲ", y = "ýÿÝŸ", z = "źżžŹŻŽ",
}
local to_ascii = {}
for plain, letters in pairs(latin) do
  for _, code in utf8.codes(letters) do to_ascii[utf8.char(code)] = plain end
end

-- A list of names as { text }, and as they stand in addresses. A name may bring its own:
-- "佐藤|sato".
local function with_addresses(list, path, own)
  local texts, addresses = {}, {}
  for i, name in ipairs(list) do
    local text, address = name:match("^(.-)|(.*)$")
    text = text or name
    address = address or text:gsub(utf8.charpattern, function(letter) return own[letter] or to_ascii[letter] end)
    address = address:gsub("[%c%p%s]", ""):lower()
    if not address:match("^%w+$") or text == "" then
      refuse('%s %d, %q, has letters without an ASCII form for addresses: write "%s|ascii", or name them in `ascii`',
        path, i, name, text)
    end
    texts[i], addresses[i] = text, address
  end
  return texts, addresses
end

-- ---- completing ----

local function concat_lists(a, b)
  local result = table.move(a, 1, #a, 1, {})
  return table.move(b, 1, #b, #a + 1, result)
end

-- Adds what the providers draw from. Lists of one kind have the same order and length, so that the
-- same draw takes what belongs together.
local function complete(words)
  local male, female = words.first_name.male, words.first_name.female
  local first = { first = {}, address = {}, gender = {} }
  for gender, list in pairs { male = male, female = female } do
    first.first[gender], first.address[gender] =
      with_addresses(list, "first_name." .. gender, words.ascii)
    first.gender[gender] = {}
    for i = 1, #list do first.gender[gender][i] = words.gender[gender] end
  end
  words.given, words.male = {}, #male
  for form, lists in pairs(first) do
    words.given[form] = { male = lists.male, female = lists.female, any = concat_lists(lists.male, lists.female) }
  end
  words.family = {}
  words.family.last, words.family.address = with_addresses(words.last_name, "last_name", words.ascii)

  local place = { city = {}, state = {}, state_code = {}, postcode = {}, area = {}, latitude = {}, longitude = {},
    time_zone = {} }
  for i, row in ipairs(words.cities) do
    local state = words.states[row[2]]
    if not state then
      local codes = {}
      for code in pairs(words.states) do codes[#codes + 1] = code end
      table.sort(codes)
      refuse("cities %d, %q: states has no %q%s", i, row[1], row[2], blame.suggestion(row[2], codes))
    end
    place.city[i], place.state[i], place.state_code[i] = row[1], state, row[2]
    place.postcode[i], place.area[i] = row[3], row[4]
    place.latitude[i], place.longitude[i] = row[5], row[6]
    place.time_zone[i] = row[7] or words.time_zone
  end
  words.place = place
  return setmetatable(words, Locale)
end

local function new(given, label, folder, base)
  local words = {}
  for key, value in pairs(base or {}) do words[key] = value end
  local known = { base = true }
  for key in pairs(rules) do known[key] = true end
  check_keys(given, "the locale", known)
  for key, rule in pairs(rules) do
    if given[key] ~= nil then
      words[key] = rule(given[key], key, folder)
    elseif words[key] == nil then
      refuse("%s is missing", key)
    end
  end
  if base and given.ascii then words.ascii = setmetatable(given.ascii, { __index = base.ascii }) end
  words.label = label
  return complete(words)
end

-- ---- finding ----

local built_in = {} -- name -> locale
local loading = {}  -- paths whose base is being found

local find

local function from_table(given, label, folder)
  local base
  if given.base == nil then
    base = locale.get "en_US"
  else
    base = find(given.base, folder)
    if base.mix then refuse "base must be one locale, not a mix" end
  end
  return new(given, label, folder, base)
end

local function from_path(path, folder)
  local text, name = read_file(path, folder)
  if loading[name] then refuse("%q has itself as its base", name) end
  local chunk, problem = load(text, "@" .. name, "t")
  if not chunk then refuse("%s", problem) end
  loading[name] = true
  local _ <close> = setmetatable({}, { __close = function() loading[name] = nil end })
  local given = chunk()
  if type(given) ~= "table" then refuse("%q must return a table, not %s", name, blame.show(given)) end
  if getmetatable(given) == Locale then return given end
  return from_table(given, name, name:match("^(.*/)[^/]*$") or "")
end

function find(value, folder)
  if type(value) == "string" then
    if value:find("/", 1, true) or value:find("%.lua$") then return from_path(value, folder) end
    for _, name in ipairs(locale.names) do
      if name == value then return locale.get(name) end
    end
    local nearest = blame.suggestion(value, locale.names)
    refuse("there is no locale %q%s", value, nearest ~= "" and nearest or "; there are "
      .. table.concat(locale.names, ", ") .. ", and files and tables of your own")
  elseif type(value) == "table" then
    local meta = getmetatable(value)
    if meta == Locale then return value end
    if meta and meta.locale then return meta.locale end -- a catalogue, kinessis.fake
    return from_table(value, type(value.name) == "string" and value.name or "of this script", folder)
  end
  refuse("a locale is a name, a path or a table, not %s", blame.show(value))
end

--- One of the library's own, by its name.
function locale.get(name)
  local found = built_in[name]
  if not found then
    local given = require("kinessis.locales." .. name)
    found = new(given, name, "", name ~= "en_US" and locale.get(given.base or "en_US") or nil)
    built_in[name] = found
  end
  return found
end

local function describe(value)
  if type(value) == "string" then return ("locale %q: "):format(value) end
  local name = type(value) == "table" and rawget(value, "name")
  return type(name) == "string" and ("locale %q: "):format(name) or "locale: "
end

local function protect(value, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) ~= Problem then error(result, 0) end
  return nil, (result.text:find("^there is no locale") and "" or describe(value)) .. result.text
end

--- The locale that a script means: the name of one of ours, the path of a file beside the script (with
--- a slash or .lua), a table, or a catalogue of fake.locale. Returns nil and what is wrong with it.
function locale.find(value)
  return protect(value, find, value, caller_folder())
end

-- weights: { de_DE = 3, fr_FR = 1 } or { { locale, weight }, ... }
local function new_mix(weights, folder)
  if type(weights) ~= "table" then refuse("locales must be given a table, not %s", blame.show(weights)) end
  local pairs_of, sum = {}, 0
  for i, pair in ipairs(weights) do
    if type(pair) ~= "table" then refuse("locale %d must be { locale, weight }, not %s", i, blame.show(pair)) end
    pairs_of[i] = pair
  end
  if #pairs_of == 0 then
    for name, weight in pairs(weights) do pairs_of[#pairs_of + 1] = { name, weight } end
    table.sort(pairs_of, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
  end
  for _, pair in ipairs(pairs_of) do
    local weight = pair[2]
    if type(weight) ~= "number" or not (weight >= 0 and weight < math.huge) then
      refuse("the weight of locale %s must be a number from 0, not %s", blame.show(pair[1]), blame.show(weight))
    end
    sum = sum + weight
  end
  if sum == 0 then refuse "the weights of the locales sum to 0" end
  local mix = {}
  for i, pair in ipairs(pairs_of) do
    local one = find(pair[1], folder)
    if one.mix then refuse "a mix cannot hold a mix" end
    mix[i] = { locale = one, weight = pair[2] }
  end
  return setmetatable({ mix = mix, label = "a mix" }, Locale)
end

--- A mix: each record is of one of the locales, by weight.
function locale.mix(weights)
  return protect(nil, new_mix, weights, caller_folder())
end

return locale
