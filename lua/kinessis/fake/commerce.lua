--- Commerce: products, prices, payment, companies and jobs. Check digits are right; numbers of cards and
--- accounts are random otherwise. A card's type and number agree where a record has both.
local about = require "kinessis.fake.about"
local pattern = require "kinessis.fake.pattern"
local provider = require "kinessis.fake.provider"

local commerce = {}

local function text(parts) return { parts = parts, type = "string", text = true } end
local function pick(list) return provider.new(provider.pick(list)) end

-- ---- goods ----

commerce.product = {
  "the name of a product, as the locale forms it",
  type = "string",
  example = "fake.product()", shows = '^"%u%l+ %u%l+ %u%l+"$',
  make = function()
    return about.words(function(words)
      return text(about.parts(words.product_format, function(name) return pick(words[name]) end))
    end)
  end,
}

commerce.category = {
  "a category of goods",
  type = "string",
  example = "fake.category()", shows = '^"%u[%a &]+"$',
  make = function() return about.words(function(words) return provider.pick(words.category) end) end,
}

commerce.price = {
  "a price that ends with .99, .95, .49 or .00",
  arguments = {
    { "min", "integer", 1, "whole units", least = 0, most = 1000000000 },
    { "max", "integer", 999, "whole units", least = 0, most = 1000000000 },
  },
  type = "decimal(p,s)",
  example = "fake.price(5, 50)", shows = "^%d+%.%d%d$",
  make = function(min, max)
    if min > max then provider.refuse("min %d is greater than max %d", min, max) end
    local cents = provider.new { op = "weighted", words = { "99", "95", "49", "00" }, weights = { 6, 2, 1, 1 },
      type = "string", text = true }
    return {
      parts = { provider.new { op = "integer", min = min, max = max, type = "int" }, ".", cents },
      type = ("decimal(%d,2)"):format(#tostring(max) + 2),
    }
  end,
}

commerce.sku = {
  "a stock-keeping unit",
  type = "string",
  example = "fake.sku()", shows = '^"%u%u%u%-%d%d%d%d%d"$',
  make = function() return pattern.new { "???-#####" } end,
}

local function checked(form, check) return function() return pattern.new({ form }, check, nil, "#=") end end

commerce.ean13 = {
  "an article number of 13 digits, the last one its check digit",
  type = "string",
  example = "fake.ean13()", shows = '^"%d%d%d%d%d%d%d%d%d%d%d%d%d"$',
  make = checked("############=", "ean"),
}

commerce.ean8 = {
  "an article number of 8 digits, the last one its check digit",
  type = "string",
  example = "fake.ean8()", shows = '^"%d%d%d%d%d%d%d%d"$',
  make = checked("#######=", "ean"),
}

commerce.isbn13 = {
  "a book's number, with its check digit",
  type = "string",
  example = "fake.isbn13()", shows = '^"978%-%d%-%d+%-%d+%-%d"$',
  make = checked("978-#-####-####-=", "ean"),
}

commerce.isbn10 = {
  "a book's number in the old form; its check digit may be X",
  type = "string",
  example = "fake.isbn10()", shows = '^"%d%-%d+%-%d+%-[%dX]"$',
  make = checked("#-####-####-=", "isbn10"),
}

-- ---- payment ----

-- Brand, weight, form: the ranges of numbers that each brand has.
local cards = {
  { "Visa", 50, "4###-####-####-###=" }, { "Mastercard", 30, "5!##-####-####-###=" },
  { "American Express", 10, "37##-######-####=" }, { "Discover", 6, "6011-####-####-###=" },
  { "JCB", 2, "3530-####-####-###=" }, { "Diners Club", 2, "36##-######-###=" },
}

local brands, brand_weights, card_forms, plain_forms = {}, {}, {}, {}
for i, card in ipairs(cards) do
  brands[i], brand_weights[i], card_forms[i] = card[1], card[2], card[3]
  plain_forms[i] = card[3]:gsub("%-", "")
end
for _, forms in ipairs { card_forms, plain_forms } do forms[2] = forms[2]:gsub("!", "3") end

commerce.card_type = about.declare {
  "the brand of a payment card; goes with the number",
  attribute = "card_type", role = "card", anchors = { "card" }, type = "string",
  example = "fake.card_type()", shows = '^"%u%a+ ?%a*"$',
  make = function(record)
    return { op = "weighted", words = brands, weights = brand_weights, stream = record.stream("card", "brand") }
  end,
}

commerce.card_number = about.declare {
  "the number of a payment card, its last digit by Luhn's check; of the brand beside it, if there is one",
  attribute = "card_number", role = "card", anchors = { "card" }, type = "string",
  options = { separated = { text = " (true: groups with hyphens; false)", check = about.boolean } },
  example = "fake.card_number()", shows = '^"[345-6]%d+"$',
  make = function(record, _, options)
    local made = pattern.new(options.separated and card_forms or plain_forms, "luhn", brand_weights, "#=")
    made.stream = record.stream("card", "brand")
    return made
  end,
}

commerce.card_expiry = {
  "the month in which a card ends, one to sixty months after the record's time",
  arguments = { { "format", "string", "%m/%y", "as of fake.now" } },
  type = "string",
  example = "fake.card_expiry()", shows = '^"%d%d/%d%d"$',
  make = function(format)
    local made = require("kinessis.fake").future("1826d", format)
    if made.problem then provider.refuse("%s", made.problem) end
    return made
  end,
}

commerce.cvv = {
  "three digits of a card's back",
  type = "string",
  example = "fake.cvv()", shows = '^"%d%d%d"$',
  make = function() return pattern.new { "###" } end,
}

-- The form of each country's IBAN (SWIFT's IBAN registry): letters where it has letters. National check
-- digits within it are not computed.
local ibans = {
  AT = "################", BE = "############", CH = "#################", CY = "########****************",
  CZ = "####################", DE = "##################", DK = "##############", EE = "################",
  ES = "####################", FI = "##############", FR = "##########***********##", GB = "????##############",
  GR = "#######****************", HR = "#################", HU = "########################",
  IE = "????##############", IT = "?##########************", LT = "################", LU = "###*************",
  LV = "????*************", MT = "????#####******************", NL = "????##########", NO = "###########",
  PL = "########################", PT = "#####################", RO = "????****************",
    SE = "####################",
  SI = "###############", SK = "####################",
}

local countries = {}
for country in pairs(ibans) do countries[#countries + 1] = country end
table.sort(countries)

commerce.iban = {
  "an IBAN with its check digits, of a country or of any: " .. table.concat(countries, " "),
  arguments = { { "country", "string", "any" } },
  type = "string",
  example = 'fake.iban("DE")', shows = '^"DE%d+"$',
  make = function(country)
    local forms = {}
    if country ~= "any" and not ibans[country] then
      provider.refuse("country must be one of %s, not %s", table.concat(countries, ", "), country)
    end
    for _, known in ipairs(countries) do
      if country == "any" or country == known then forms[#forms + 1] = known .. "==" .. ibans[known] end
    end
    return pattern.new(forms, "iban", nil, "#?*=")
  end,
}

commerce.bic = {
  "the code of a bank, of eight characters",
  type = "string",
  example = "fake.bic()", shows = '^"%u%u%u%u%u%u%w%w"$',
  make = function()
    local forms = {}
    for i, country in ipairs(countries) do forms[i] = "????" .. country .. "**" end
    local made = pattern.new(forms)
    return made
  end,
}

commerce.payment_method = {
  "a way to pay",
  type = "string",
  example = "fake.payment_method()", shows = '^"%l[%l_]+"$',
  make = function()
    return {
      op = "weighted", words = { "card", "wallet", "bank_transfer", "direct_debit", "invoice", "cash", "gift_card" },
      weights = { 55, 22, 8, 6, 4, 3, 2 }, type = "string", text = true,
    }
  end,
}

commerce.order_status = {
  "where an order is",
  type = "string",
  example = "fake.order_status()", shows = '^"%l+"$',
  make = function()
    return {
      op = "weighted", words = { "pending", "paid", "packed", "shipped", "delivered", "returned", "cancelled" },
      weights = { 6, 8, 6, 15, 58, 3, 4 }, type = "string", text = true,
    }
  end,
}

-- ISO 4217, by their share in the world's trade of currencies
local currencies = {
  { "USD", 44 }, { "EUR", 16 }, { "JPY", 8 }, { "GBP", 6 }, { "CNY", 4 }, { "AUD", 3 }, { "CAD", 3 }, { "CHF", 3 },
  { "HKD", 1.3 }, { "SGD", 1.2 }, { "SEK", 1.1 }, { "KRW", 1 }, { "NOK", 0.8 }, { "NZD", 0.8 }, { "INR", 0.8 },
  { "MXN", 0.8 }, { "BRL", 0.5 }, { "ZAR", 0.5 }, { "DKK", 0.4 }, { "PLN", 0.4 }, { "THB", 0.2 }, { "TRY", 0.2 },
}

commerce.currency = {
  "the code of a currency (ISO 4217), common ones more often; fake.currency_code is that of the record's place",
  type = "string",
  example = "fake.currency()", shows = '^"%u%u%u"$',
  make = function()
    local words, weights = {}, {}
    for i, currency in ipairs(currencies) do words[i], weights[i] = currency[1], currency[2] end
    return { op = "weighted", words = words, weights = weights, type = "string", text = true }
  end,
}

-- ---- companies ----

local company_lists = {
  last_name = function(words) return words.family.last end,
  company_name = function(words) return words.company_name end,
  company_trade = function(words) return words.company_trade end,
  company_suffix = function(words) return words.company_suffix end,
}

commerce.company = {
  "the name of a company, as the locale forms it",
  type = "string",
  example = "fake.company()", shows = '^"%u[%a ]+ %u%a+ [%u&][%a. ]+"$',
  make = function()
    return about.words(function(words)
      return text(about.parts(words.company_format, function(name) return pick(company_lists[name](words)) end))
    end)
  end,
}

commerce.department = {
  "a department of a company",
  type = "string",
  example = "fake.department()", shows = '^"%u[%a ]+"$',
  make = function() return about.words(function(words) return provider.pick(words.department) end) end,
}

-- The title in the person's gender, where the language has two forms of it; the person's own, where it is all of
-- the job.
local function job_title(record, words)
  local titles = words.job_title
  if titles.male == titles.female and words.job_format ~= "{job_title}" then return pick(titles.male) end
  return about.by_gender(record, titles, record.stream("given", "job", true))
end

commerce.job = about.declare {
  "a job; its form goes with the first name where the language has one for each gender",
  attribute = "job", role = "given", type = "string",
  example = "fake.job()", shows = '^"%u[%a ]+"$',
  make = function(record, words)
    return {
      parts = about.parts(words.job_format, function(name)
        return name == "job_title" and job_title(record, words) or pick(words[name])
      end),
    }
  end,
}

return commerce
