-- kinessis.report and kinessis.pretty: rows and values as text.
local tap = dofile "tests/lua/tap.lua"
local report = require "kinessis.report"
local pretty = require "kinessis.pretty"

tap.is(report.table({ "status", "n" }, { { "Active", 6 }, { "In\nactive" }, { nil, "12.5" } }, { utf8 = true }), [[
┌────────────┬──────┐
│ status     │    n │
├────────────┼──────┤
│ Active     │    6 │
│ In\nactive │    ∅ │
│ ∅          │ 12.5 │
└────────────┴──────┘
]], "a table: numbers to the right, NULL distinct, control characters escaped")
tap.is(report.table({ "a" }, { { "é" }, { "日本" } }, { utf8 = true }), [[
┌──────┐
│ a    │
├──────┤
│ é    │
│ 日本 │
└──────┘
]], "wide characters take two places")
tap.is(report.table({ "a", "b" }, {}, { utf8 = false }), "+---+---+\n| a | b |\n+---+---+\n+---+---+\n",
  "no rows, in ASCII")
tap.is(report.table({ "a" }, { { "1" }, { "2" } }, { utf8 = false, numbers = { false } }),
  "+---+\n| a |\n+---+\n| 1 |\n| 2 |\n+---+\n", "the caller may say which columns are numbers")
tap.is(report.table({ "id", "größe" }, { { "0123456789", 7 }, { "b" } }, { utf8 = true, places = 21 }), [[
─── 1 ───
id     0123456789
größe  7
─── 2 ───
id     b
größe  ∅
]], "a table that is wider than it may be: a line for each cell")
tap.like(report.table({ "id", "größe" }, { { "0123456789", 7 } }, { utf8 = true, places = 22 }),
  "│ 0123456789 │     7 │", "one that just fits")
tap.is(report.table({ "id" }, {}, { utf8 = false, places = 1 }), "+----+\n| id |\n+----+\n+----+\n",
  "and one without rows has its columns in any case")
for _, case in ipairs { { "abc", 3 }, { "日本", 4 }, { "e\u{301}", 1 }, { "🙂", 2 }, { "", 0 }, { "ß", 1 }, { "한", 2 } } do
  tap.is(report.width(case[1]), case[2], "the width of " .. case[1])
end
tap.is(report.printable("a\27[31m\0\xff\u{85}"), "a\\x1b[31m\\x00\\xff\\xc2\\x85", "nothing in data draws")
tap.is(report.printable("ü\u{85}"), "ü\\x85", "C1 controls are escaped, letters are not")

tap.is(report.csv({ "a", "b" }, { { 'x"y', nil }, { "", 3 } }), '"a","b"\n"x""y",\n"","3"\n',
  "CSV: quotes doubled, NULL unquoted, the empty text quoted")
local lines = report.json_lines({ "n", "s", "d", "b", "j" }, {
  { "1", 'a"\n\1', "2.5", "true", '{"x":1}' },
  { nil, "", "NaN", "false", nil },
  { "9007199254740993", "1", "-1.0E7", "true", "[]" },
}, { "bigint", "varchar", "double", "boolean", "json" })
tap.is(lines[1], [[{"n":1,"s":"a\"\n\u0001","d":2.5,"b":true,"j":{"x":1}}]], "JSON: values by Athena's types")
tap.is(lines[2], [[{"n":null,"s":"","d":"NaN","b":false,"j":null}]], "JSON: NULL is null, NaN a string")
tap.is(lines[3], [[{"n":9007199254740993,"s":"1","d":-1.0E7,"b":true,"j":[]}]], "JSON: 64-bit integers are exact")

tap.is(pretty { 1, "a\n", { x = true } }, '{ 1, "a\\n", { x = true } }', "pretty: a list")
tap.is(pretty { b = 1, a = 2, [10] = 3, ["end"] = 4 }, '{ [10] = 3, a = 2, b = 1, ["end"] = 4 }',
  "pretty: keys in order")
tap.is(pretty {}, "{}", "pretty: the empty table")
local loop = {}
loop.self = loop
tap.is(pretty(loop), "{ self = <cycle> }", "pretty: a cycle ends")
tap.is(pretty(setmetatable({}, { __tostring = function() return "mine" end })), "mine", "pretty: __tostring is used")
local long = {}
for i = 1, 1000 do long[i] = i end
tap.like(pretty(long), "...", "pretty: a long table is cut")
tap.like(pretty { ("x"):rep(80), ("y"):rep(80) }, "\n  \"yyy", "pretty: what does not fit stands on lines of its own")
tap.done()
