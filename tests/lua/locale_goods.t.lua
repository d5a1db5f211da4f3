--- What work and goods are called: every locale has its own jobs, departments, categories and products; a job's form
--- and what follows a name go with the person's gender; a user's locale takes what it leaves out from its base.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local kinessis = require "kinessis"
local locale = require "kinessis.locale"
local fake = kinessis.fake

local seed = tap.seed()

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

local function set(list)
  local result = {}
  for _, word in ipairs(list) do result[word] = true end
  return result
end

-- Whether the text is the form with a word of a list in the place of each {name}.
local function is_formed(text, form, lists)
  local rests = { text }
  for before, name in (form .. "{}"):gmatch("([^{]*){(.-)}") do
    local left = {}
    for _, rest in ipairs(rests) do
      if rest:sub(1, #before) == before then
        rest = rest:sub(#before + 1)
        for _, word in ipairs(name == "" and { "" } or lists[name]) do
          if rest:sub(1, #word) == word then left[#left + 1] = rest:sub(#word + 1) end
        end
      end
    end
    rests = left
  end
  return set(rests)[""] == true
end

-- ---- each locale ----

local lists = { "product_quality", "product_material", "product_name", "category", "department" }
local english = locale.get "en_US"

-- The first word that a list holds twice.
local function repeated(list)
  local seen = {}
  for _, word in ipairs(list) do
    if seen[word] then return word end
    seen[word] = true
  end
end

for _, name in ipairs(locale.names) do
  local words, catalogue = locale.get(name), fake.locale(name)
  local own = name:sub(1, 2) ~= "en"
  local males, females = words.job_title.male, words.job_title.female
  tap.is(#females, #males, name .. ": titles of both genders")
  tap.ok(not own or #males >= 60, name .. ": enough of them", #males)
  for _, list in ipairs { males, females } do tap.is(repeated(list), nil, name .. ": no title is there twice") end
  for _, key in ipairs(lists) do
    tap.is(repeated(words[key]), nil, name .. ": no " .. key .. " is there twice")
    tap.ok(not own or words[key] ~= english[key], name .. ": its own " .. key)
  end
  local male, female = set(males), set(females)
  local category, department = set(words.category), set(words.department)
  all(records({
    { "job", catalogue.job() }, { "gender", catalogue.gender() }, { "category", catalogue.category() },
    { "department", catalogue.department() }, { "product", catalogue.product() },
  }, 300), function(r)
    local fits = own and (r.gender == words.gender.male and male or female)[r.job]
      or not own and is_formed(r.job, words.job_format,
        { job_level = words.job_level, job_field = words.job_field, job_title = males })
    return fits and category[r.category] and department[r.department]
      and is_formed(r.product, words.product_format, words)
  end, name .. ": work and goods are of the locale, a job's form of the gender")
end

-- ---- what follows a name ----

for _, name in ipairs { "en_US", "fr_FR", "it_IT", "pt_BR" } do
  local words, catalogue = locale.get(name), fake.locale(name)
  local female, seen = set(words.suffix.female), {}
  all(records({ { "gender", catalogue.gender() }, { "suffix", catalogue.suffix() } }, 600), function(r)
    seen[r.suffix] = true
    return r.gender == words.gender.male or female[r.suffix]
  end, name .. ": no woman is called as men are")
  local missing
  for _, word in ipairs(words.suffix.male) do missing = missing or not seen[word] and word or nil end
  tap.is(missing, nil, name .. ": men are")
end
all(records({ { "name", fake.first_name { gender = "female" } }, { "suffix", fake.suffix() } }),
  function(r) return set(english.suffix.female)[r.suffix] end, "a suffix goes with the first name's gender")

-- ---- agreement ----

local de = locale.get "de_DE"
local forms = { ["männlich"] = set(de.job_title.male), weiblich = set(de.job_title.female) }
all(records({
  { "name", fake.locale("de_DE").first_name { gender = "female" } }, { "job", fake.job() },
}), function(r) return forms.weiblich[r.job] end, "a job goes with the first name's locale and gender")
all(records({
  { "gender", fake.gender { group = "boss" } }, { "own", fake.gender() },
  { "text", fake.template("{a}", { a = fake.job { group = "boss" } }) },
}, 200, { locale = "de_DE" }), function(r) return forms[r.gender][r.text] end, "a group's job")
all(records({
  { "first", fake.first_name() }, { "gender", fake.gender() }, { "job", fake.job() },
  { "to", { { "first", fake.first_name() }, { "gender", fake.gender() }, { "job", fake.job() } } },
}, 200, { locale = "de_DE" }), function(r) return forms[r.gender][r.job] and forms[r.to.gender][r.to.job] end,
  "two people, two jobs")

for _, name in ipairs { "de_DE", "ja_JP" } do
  all(records({ { "job", fake.job() }, { "text", fake.template("{job}") } }, 50, { locale = name }),
    function(r) return r.job == r.text end, name .. ": in a text, the job is the record's")
end

local mixed, of_mix = fake.locales { de_DE = 1, en_US = 1 }, { DE = 0, US = 0 }
local departments = { DE = set(de.department), US = set(english.department) }
all(records({ { "country", mixed.country_code() }, { "department", mixed.department() } }, 400), function(r)
  of_mix[r.country] = of_mix[r.country] + 1
  return departments[r.country][r.department]
end, "in a mix, the department is of the record's locale")
tap.ok(of_mix.DE > 0 and of_mix.US > 0, "of either")

local whole = kinessis.schema("t", { { "j", fake.job() }, { "p", fake.product() } }, { locale = "fr_FR" })
tap.is(whole:sample(1, { seed = seed, from = 40 })[1], whole:sample(41, { seed = seed })[41],
  "record 40 alone is the same")

-- ---- a locale of the library with a base ----

package.loaded["kinessis.locales.de_XX"] = { name = "de_XX", base = "de_DE", department = "Amt" }
local based = locale.get "de_XX"
tap.ok(based.department[1] == "Amt" and based.job_title == de.job_title and based.cities == de.cities,
  "what a locale of the library leaves out is of its base")

-- ---- a user's locale ----

all(records({ { "j", fake.job() }, { "d", fake.department() } }, 100, { locale = { name = "xx_XX" } }), function(r)
  return is_formed(r.j, "{a} {b} {c}", { a = english.job_level, b = english.job_field, c = english.job_title.male })
    and set(english.department)[r.d]
end, "what a locale leaves out is English")
all(records({ { "j", fake.job() }, { "g", fake.gender() } }, 100, { locale = { base = "de_DE", department = "A" } }),
  function(r) return forms[r.g][r.j] end, "or of its base")
all(records({ { "j", fake.job() }, { "p", fake.product() }, { "c", fake.category() } }, 100, { locale = {
  job_format = "{job_title}", job_title = "Bäcker|in, Wirt", product_format = "{product_name}!",
  product_name = { "Öl" }, category = { "Ä, B" },
} }), function(r) return (r.j == "Bäcker|in" or r.j == "Wirt") and r.p == "Öl!" and r.c == "Ä, B" end, "its own words")
all(records({ { "g", fake.gender() }, { "j", fake.job() } }, 100, { locale = {
  job_format = "{job_title}", job_title = { male = "M, N", female = "F" },
} }), function(r) return (r.g == "male") == (r.j ~= "F") end, "two lists of titles")

local function refused(given, message)
  tap.raises(function() return fake.locale(given) end, "locale: " .. message, message)
end
refused({ job_title = { male = "A" } }, 'job_title has no list called "female"')
refused({ job_title = {} }, "job_title is empty")
refused({ job_title = 1 }, "job_title must be a list of strings")
refused({ job_format = "{job}" }, "job_format: nothing is called {job}")
refused({ product_format = "{product}" }, "product_format: nothing is called {product}")
refused({ department = { "" } }, "department 1 is empty")

tap.done()
