--- kinessis schema infer, of files: what it makes of a schema's own records has the same types and close
--- statistics; bad files are named by line. Tables and Parquet: tests/e2e/schema_infer.t.py.
local tap = dofile "tests/lua/tap.lua"
local kinessis = require "kinessis"
local infer = require "kinessis.schema.infer"
local cjson = require "cjson"
local json = require "kinessis.json"
local profile = require "kinessis.schema.profile"
local readers = require "kinessis.schema.readers"
local fake = kinessis.fake

local seed = tap.seed()
local base = os.tmpname()

-- Calls use(path) with a file that holds the text.
local function with_file(ending, text, use)
  local path = base .. "." .. ending
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local results = table.pack(use(path))
  os.remove(path)
  return table.unpack(results, 1, results.n)
end

local function infer_text(ending, text, options)
  options = options or {}
  return with_file(ending, text, function(path)
    return infer.run(path, { samples = options.samples or 10000, name = options.name or "s" })
  end)
end

local function load_text(text) return assert(load(text, "=inferred"))() end

-- The fields of an inferred schema of rows: a list of JSON objects.
local function of_lines(lines, options)
  local text = assert(infer_text("jsonl", table.concat(lines, "\n") .. "\n", options))
  return text, load_text(text)
end

-- ---- days and times in other forms: from 1990-01-01T12:00:00Z on, of eight hours of each third day ----

do
  local forms = { eu = "%d.%m.%Y", uk = "%d/%m/%Y", us = "%m/%d/%Y", dashed = "%d-%m-%Y", slashed = "%Y/%m/%d",
    clock = "%H:%M:%S", minutes = "%H:%M" }
  local lines, no_days = {}, {}
  for i = 0, 299 do
    local fields = {}
    local seconds = 631195200 + i * 3 * 86400 + i * 97 % 28800
    for name, form in pairs(forms) do
      fields[#fields + 1] = ('"%s":"%s"'):format(name, os.date("!" .. form, seconds))
    end
    lines[#lines + 1] = "{" .. table.concat(fields, ",") .. "}"
    no_days[#no_days + 1] = ('{"code":"%02d.%02d.%04d","clock":"%02d:%02d:%02d"}'):format(i % 97, i % 53, 1000 + i,
      i % 89, i % 83, i % 79)
  end
  local text, made = of_lines(lines)
  for name, form in pairs(forms) do
    tap.like(text, ('{ "%s", fake.between("'):format(name), "a field as " .. form)
  end
  local again = made.records:sample(500, { seed = seed })
  local wrong
  local function day(d, m, y) return ("%s-%s-%s"):format(y, m, d) end
  for _, record in ipairs(again) do
    local r = cjson.decode(record)
    local a, b, c = r.us:match "^(%d%d)/(%d%d)/(%d%d%d%d)$"
    for _, iso in ipairs {
      day(r.eu:match "^(%d%d)%.(%d%d)%.(%d%d%d%d)$"), day(r.uk:match "^(%d%d)/(%d%d)/(%d%d%d%d)$"), day(b, a, c),
      day(r.dashed:match "^(%d%d)%-(%d%d)%-(%d%d%d%d)$"), (r.slashed:gsub("/", "-")),
    } do
      local ok = iso >= "1990-01-01" and iso <= "1992-06-17" and kinessis.schema("t", { { "d", fake.date(iso, iso) } })
      if not ok then wrong = record end
    end
    if not (r.clock >= "12:00:00" and r.clock < "20:00:00" and r.minutes >= "12:00" and r.minutes < "20:00") then
      wrong = record
    end
  end
  tap.is(wrong, nil, "days that there are, in the range that was seen")
  tap.like(text, "days of 1990-01-01 to 1992-06-16, as %d.%m.%Y", "what was guessed")
  local codes = of_lines(no_days)
  tap.like(codes, '{ "code", fake.regex(', "what only looks like days")
  tap.like(codes, '{ "clock", fake.regex(', "or times")
end

do
  local _, made = of_lines { '{"v":1.5e308}', '{"v":-1.5e308}' }
  local sound = 0
  for _, record in ipairs(made.records:sample(100, { seed = seed })) do
    local v = cjson.decode(record).v
    sound = sound + (v >= -1.5e308 and v <= 1.5e308 and 1 or 0)
  end
  tap.is(sound, 100, "a range that is more than a number")
end

-- ---- before 1970 ----

do
  local lines = {}
  for i = 0, 299 do
    local day = ("%d-%02d-%02d"):format(1931 + i * 37 % 70, 1 + i % 12, 1 + i % 28)
    lines[#lines + 1] = ('{"day":"%s","instant":"%sT01:02:03Z","ms":"%sT01:02:03.123Z","sql":"%s 01:02:03",'
      .. '"us":"%sT01:02:03.123456Z","rising":"19%02d-01-01T00:00:00Z","zero":"0000-01-%02d"}'):format(day, day, day,
        day, day, i // 5, 1 + i % 28)
  end
  local text, made = of_lines(lines)
  tap.like(text, '{ "day", fake.date("1931-', "dates of birth")
  tap.ok(made.start == nil, "times before 1970 are no clock", text)
  local wrong
  for _, record in ipairs(made.records:sample(200, { seed = seed })) do
    local r = cjson.decode(record)
    local ok = r.day >= "1931-01-01" and r.day < "2001" and r.instant >= "1931" and r.instant < "2001"
      and r.ms:find "^[12][90]%d%d%-.*Z$" and r.sql:find "^[12][90]" and r.us:find "^[12][90]" and r.rising < "1960"
    if not ok then wrong = record end
  end
  tap.ok(not wrong, "records of the inferred scenario are of the same times", wrong, text)
end

-- ---- the same types, close statistics ----

local function statistics(records)
  local root = profile.new()
  for _, record in ipairs(records) do profile.add(root, assert(json.read(record)), "") end
  return root
end

-- How far two samples are from each other: the largest distance of their distribution functions.
local function distance(a, b)
  local left, right = table.move(a, 1, #a, 1, {}), table.move(b, 1, #b, 1, {})
  table.sort(left)
  table.sort(right)
  local i, j, far = 1, 1, 0
  while i <= #left and j <= #right do
    local at = math.min(left[i], right[j])
    while i <= #left and left[i] == at do i = i + 1 end
    while j <= #right and right[j] == at do j = j + 1 end
    far = math.max(far, math.abs((i - 1) / #left - (j - 1) / #right))
  end
  return far
end

local function compare(a, b, path, wrong)
  local function differ(what, x, y) wrong[#wrong + 1] = ("%s: %s: %s, inferred %s"):format(path, what, x, y) end
  if next(a.kinds) ~= next(b.kinds) then return differ("kind", next(a.kinds), next(b.kinds)) end
  local nulls = a.null / a.seen - b.null / b.seen
  if math.abs(nulls) > 0.05 then differ("nulls", a.null / a.seen, b.null / b.seen) end
  if a.numbers and #a.numbers.sample > 100 then
    local far = distance(a.numbers.sample, b.numbers.sample)
    if far > 0.12 and not a.numbers.step then differ("distribution", far, "") end
    if a.numbers.scale ~= b.numbers.scale then differ("scale", a.numbers.scale, b.numbers.scale) end
  end
  if a.trues and math.abs(a.trues / a.seen - b.trues / b.seen) > 0.05 then differ("trues", a.trues, b.trues) end
  if a.strings then
    for form, n in pairs(a.strings.is) do
      if n == a.strings.n and b.strings.is[form] ~= b.strings.n then differ("form", form, "none") end
    end
  end
  if a.counts and a.strings and #a.order <= 50 then
    for text, n in pairs(a.counts) do
      local other = (b.counts or {})[text] or 0
      if math.abs(n / a.seen - other / b.seen) > 0.06 then differ("share of " .. text, n / a.seen, other / b.seen) end
    end
  end
  for _, name in ipairs(a.names or {}) do
    local other = b.fields[name]
    if other then compare(a.fields[name], other, path .. "." .. name, wrong)
    else differ("field " .. name, "there", "absent") end
  end
  if a.items then compare(a.items, b.items, path .. "[]", wrong) end
end

local function round_trip(chance, name, schema, n, clock)
  local lines = schema:sample(n, { seed = chance, start = clock.start, step = clock.step })
  local text, made = of_lines(lines)
  local again = made.records:sample(n, { seed = chance + 1, start = made.start, step = made.step })
  local wrong = {}
  compare(statistics(lines), statistics(again), name, wrong)
  tap.ok(#wrong == 0, name .. ": close statistics", table.concat(wrong, "\n"), text)
  for i, column in ipairs(schema:columns()) do
    local other = made.records:columns()[i]
    -- 98.72 may be either; decimals are exact.
    if column.type == "double" and other.type:find "^decimal" then other.type = "double" end
    tap.is(other.name .. " " .. other.type, column.name .. " " .. column.type, name .. ": the same column")
  end
  return text, made
end

local everything = kinessis.schema("everything", {
  { "id", fake.uuid() }, { "at", fake.now() }, { "n", fake.sequence(100, 5) }, { "small", fake.integer(1, 6) },
  { "wide", fake.integer(-5000000000, 5000000000) }, { "price", fake.decimal(0.5, 99.99, 2) },
  { "status", fake.weighted { Active = 7, Inactive = 2, Canceled = 1 } }, { "sure", fake.boolean(0.2) },
  { "mail", fake.email() }, { "constant", "EU" }, { "code", fake.one_of { 200, 301, 404 } },
  { "maybe", fake.optional(fake.integer(0, 100000), 0.7) },
  { "place", { { "city", fake.city() }, { "deep", { { "x", fake.decimal(0, 1, 3) } } } } },
  { "tags", fake.array_of(fake.one_of { "a", "b", "c" }, 0, 4) },
  { "items", fake.array_of(fake.object { { "sku", fake.word() }, { "qty", fake.integer(1, 3000) } }, 1, 3) },
  { "day", function(ctx) return os.date("!%Y-%m-%d", ctx.random(0, 1 << 30)) end, type = "date" },
  { "order", function(ctx) return ("ORD-%05d/%s"):format(ctx.random(0, 99999), string.char(ctx.random(97, 122))) end },
  { "uneven", fake.weighted { { fake.integer(0, 999), 3 }, { fake.integer(50000, 99999), 1 } } },
})
-- A distribution that is one is not recognised once in thousands of times (schema/fit.lua).
tap.likely(seed, function(chance)
  local text, made = round_trip(chance, "everything", everything, 3000, { start = 1643760000, step = 2 })
  for _, fragment in ipairs {
    '{ "id", fake.uuid() }', '{ "at", fake.now() }', '{ "n", fake.sequence(100, 5) }',
    '{ "small", fake.integer(1, 6) }', '{ "constant", fake.constant("EU") }',
    '{ "code", fake.one_of { 200, 301, 404 } }', '{ "mail", fake.email() }',
    'fake.weighted { { "Active", ', "fake.optional(fake.integer(", 'fake.regex("ORD-[0-9]{5}/[a-z]")',
    "-- uneven, like no distribution that has a name here: quantiles",
    "of 3,000 are null or absent", "--- Inferred from", ": 3,000 records.", 'partition_key = "id"', "amount  = 3000",
    '{ "deep", {',
  } do
    tap.like(text, fragment, "the script has " .. fragment)
  end
  tap.is(made.start, 1643760000.0, "its clock starts where the times do")
  tap.is(made.step, 2.0, "and goes on as they do")
end)

for _, name in ipairs { "quickstart", "extended", "function", "wave" } do
  local scenario = assert(require("kinessis.scenario").load("scripts/" .. name .. ".lua"))
  tap.likely(seed, function(chance)
    round_trip(chance, name, scenario.records, 2000, { start = 1643760000, step = 1 })
  end)
end

-- The same file gives the same script.
local lines = everything:sample(1500, { seed = 1, start = 0, step = 1 })
tap.is((of_lines(lines)), (of_lines(lines)), "nothing is of chance")

-- ---- CSV ----

local csv = everything:sample(2000, { seed = seed, start = 1643760000, step = 2, format = "csv" })
local text = assert(infer_text("csv", everything:csv_header() .. "\n" .. table.concat(csv, "\n")))
local made = load_text(text)
local types = {}
for _, column in ipairs(made.records:columns()) do types[column.name] = column.type end
for name, kind in pairs { id = "string", at = "timestamp", small = "int", price = "decimal(4,2)", sure = "boolean",
  status = "string", maybe = "int", day = "date", place = "struct<city:string,deep:struct<x:decimal(4,3)>>" } do
  tap.is(types[name], kind, "CSV: the type of " .. name)
end
local cell = '"x; ""y""\nz"'
text = assert(infer_text("csv", (("a;b\r\n#;1\r\n#;2\r\n\r\n#;3\n;4\n#;5\n#;6"):gsub("#", cell))))
tap.like(text, [[fake.optional(fake.constant("x; \"y\"\nz"), 0.8333)]],
  "CSV: quotes, line ends inside of them, semicolons, no last line end")
text = infer_text("csv", "zip;n\n01234;1\n12345;1\n00501;1\n")
tap.like(text, 'fake.regex("[0-9]{5}")', "CSV: codes with leading zeros are text")
text = infer_text("tsv", "\xEF\xBB\xBFa\tb\n1\t\n2\t\n")
tap.like(text, '{ "a", fake.integer(1, 2) }', "CSV: tabs, a byte order mark")
tap.like(text, '{ "b", fake.optional("", 0) }', "CSV: a column that is always empty")

-- ---- guesses ----

local function one(values, fragment, name)
  local rows = {}
  for i = 1, 100 do rows[i] = ('{"v":%s}'):format(values[(i - 1) % #values + 1]) end
  tap.like((of_lines(rows)), fragment, name)
end
one({ "1", "2.5", "3" }, "fake.one_of { 1, 2.5, 3 }", "whole and other numbers are one type")
one({ "1e300", "2.5" }, "{ 2.5, 1e+300 }", "large numbers")
one({ '"a\\"b\\nc\\\\"', '"\\u0000"' }, [[fake.one_of { "\0", "a\"b\nc\\" }]], "text is quoted")
one({ "null" }, 'fake.optional("", 0)', "always null")
one({ "[]" }, 'fake.array_of("", 0)', "always an empty list")
one({ "{}" }, "return {}", "always an empty object")
one({ "null", "[null,1]" }, "fake.optional(fake.array_of(fake.optional(", "nulls in lists")
one({ '"2022-02-02 10:00:00"', '"2022-02-03 10:00:00"' }, '"timestamp"', "times with a space")
one({ '"2022-02-02 10:00:00.125"', '"2022-02-03 10:00:00.250"' },
  'fake.between("2022-02-02T10:00:00.125Z", "2022-02-03T10:00:00.250Z", "sql")', "and with milliseconds")
one({ '"2022-02-03T10:00:00Z"', '"2022-02-02T10:00:00Z"' },
  'fake.between("2022-02-02T10:00:00Z", "2022-02-03T10:00:00Z", "iso_seconds")', "instants")
one({ '"2022-02-03T10:00:00.000Z"', '"2022-02-02T10:00:00.999Z"' },
  'fake.between("2022-02-02T10:00:00.999Z", "2022-02-03T10:00:00.000Z")', "instants with milliseconds")
one({ '"2022-02-03"', '"2022-02-02"' }, 'fake.date("2022-02-02", "2022-02-03")', "dates")
-- Values that differ: # stands for their number.
local function many(form, fragment, name)
  local values = {}
  for i = 1, 100 do values[i] = '"' .. form:gsub("#", i) .. '"' end
  one(values, fragment, name)
end
many("10.0.0.#", "fake.ipv4()", "IPv4 addresses")
many("1.22.#", [[fake.regex("1\\.22\\.[0-9]{2}")]], "but no versions")
many("2001:db8:0:0:1:2:3:#", "fake.ipv6()", "IPv6 addresses")
many("10:#:#", 'fake.regex("10:[0-9]{2}:[0-9]{2}")', "but no times of day")
many("02:f1:89:5d:#:c4", 'fake.regex("02:f1:89:5d:[0-9]{2}:c4")', "nor what is no MAC address")
many("https://a.example.com/x?y=#&z=1#z", "fake.url()", "addresses of pages")
many("https://a.example.com/x y #", "fake.sentence(", "but no text with one")
one({ '"2022-02-02T10:00:00+01:00"', '"2022-02-03T11:00:00+01:00"' }, "Firehose reads no offsets", "times with offsets")
one({ '"2022-02-30"', '"2022-02-31"' }, "fake.one_of", "what is no date is text")
local wide = {}
for i = 1, 300 do wide[i] = ('{"m":{"k%d":1,"k%d":2}}'):format(i, i + 1) end
tap.like((of_lines(wide)), "fake.map({", "names that differ are the keys of a map")
local endless = {}
for i = 1, 3000 do endless[i] = ('{"k%d":1}'):format(i) end
tap.is(#load_text((of_lines(endless))).records:columns(), 1000, "a record has 1,000 names at most")
text = of_lines(lines, { samples = 10 })
tap.like(text, ": the first 10 records.", "only so many records are read")
tap.like(of_lines({ '{"a":1}' }, { name = 'x"y' }), [[kinessis.schema("x\"y", {]], "the name is as given")

-- ---- files that are wrong ----

local function refused(ending, content, fragment, name)
  local result, err = infer_text(ending, content)
  tap.is(result, nil, name .. " is refused")
  tap.like(err, fragment, ("%s: %s"):format(name, fragment))
end
refused("jsonl", "", "there are no records in it", "an empty file")
refused("jsonl", "\n\n  \n", "there are no records in it", "a blank file")
refused("csv", "", "there are no records in it", "an empty CSV file")
refused("csv", "a,b\n", "there are no records in it", "a header alone")
refused("jsonl", '{"a":1}\n{"a":1\n', "jsonl:2: this is not JSON: ',' or '}' is expected, at byte 7", "a broken line")
refused("jsonl", "[\n  1\n]\n", "jsonl:1: this is JSON over many lines", "JSON over many lines")
refused("jsonl", '[{"a":1}]\n', "jsonl:1: each line must hold an object, and this one holds an array", "an array")
refused("jsonl", '{"a":1}\n{"":1}\n', "a field has no name (line 2): give it one", "a name that is empty")
refused("jsonl", '{"a":{"":1}}\n', "a field has no name (line 1)", "or within another")
refused("jsonl", '{"a":1}\n7\n', "jsonl:2: each line must hold an object, and this one holds a number", "a number")
refused("jsonl", '{"a":"\xff"}\n', "jsonl:1: this is not JSON: the text is not valid UTF-8", "what is not UTF-8")
refused("jsonl", "{}\n{}\n", "its records have no fields", "empty objects")
refused("jsonl", '{"a":1}\n{"a":2}\n{"a":"x"}\n',
  "field a holds numbers (line 1, and 1 more) and strings (line 3): a column has one type", "two kinds")
refused("jsonl", '{"a":{"b":1}}\n{"a":{"b":[]}}\n', "field b holds", "two kinds deep inside")
refused("csv", "a,b\n1,2\n1,2,3\n", "csv:3: the record has 3 cells, and the header 2", "a cell too many")
refused("csv", 'a,b\n"x,2\n', "csv:2: a quote that begins here does not end", "an open quote")
refused("csv", 'a,b\n"x"y,2\n', "csv:2: cell 1 goes on after its closing quote", "text after a quote")
refused("csv", "a,a\n1,2\n", "csv:1: columns 1 and 2 are both called a", "a name twice")
refused("csv", "a,,b\n1,2,3\n", "csv:1: column 2 has no name", "a column without a name")
refused("csv", "a,a.b\n1,2\n", "cannot both be", "a value and an object of one name")
refused("parquet", "PAR1 and nothing", "does not end in PAR1", "what is not Parquet")
refused("parquet", "PAR1" .. ("\xFF"):rep(16) .. "\16\0\0\0PAR1", "its footer is damaged", "a damaged footer")
refused("txt", "x", "the name should end in .jsonl, .ndjson, .csv, .tsv or .parquet", "another ending")
local _, err = infer.run("/nowhere/x.jsonl", { samples = 10 })
tap.like(err, "/nowhere/x.jsonl: No such file or directory", "a file that is not there")
_, err = infer.run("nothing", { samples = 10 })
tap.like(err, "nothing: is neither a file nor a table such as web.clicks", "what is no file and no table")

-- Lines longer than a block, and without an end.
local long = ("x"):rep(200000)
with_file("jsonl", ('{"a":"%s"}\r\n{"a":"y"}'):format(long), function(path)
  local file <close> = assert(io.open(path, "rb"))
  local seen = {}
  local n = readers.json_lines(file, path, 10, function(value, where)
    seen[#seen + 1] = #value.values[1].text .. where
  end)
  tap.is(n, 2, "two records")
  tap.is(table.concat(seen, " "), "200000line 1 1line 2", "are read whole")
end)

-- Random bytes never crash the reader of Parquet footers.
math.randomseed(seed)
local columns = require("kinessis.schema.parquet").columns
local crashes = 0
for _ = 1, 2000 do
  local footer = {}
  for i = 1, math.random(1, 80) do footer[i] = string.char(math.random(0, 255)) end
  local bytes = table.concat(footer)
  with_file("parquet", ("PAR1%s%sPAR1"):format(bytes, ("<I4"):pack(#bytes)), function(path)
    local file <close> = assert(io.open(path, "rb"))
    local ok, problem = pcall(columns, file, path)
    if not ok and not tostring(problem):find "footer is damaged" then crashes = crashes + 1 end
  end)
end
tap.is(crashes, 0, "a damaged footer is an error that says so")
os.remove(base)
tap.done()
