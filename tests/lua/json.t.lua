--- kinessis.json: what is kept of a text, what is refused, what is written.
local tap = dofile "tests/lua/tap.lua"
local json = require "kinessis.json"

local value = assert(json.read [[
  {"b": [1.50, -0, 1e400, true, null], "a": {"a": "x", "a": "y\u00e9\ud83d\ude00\n"}, "e": [], "o": {}} ]])
tap.is(table.concat(value.names, " "), "b a e o", "keys keep their order")
tap.is(value.values[1].values[1].text, "1.50", "numbers keep their text")
tap.is(value.values[1].values[3].text, "1e400", "also those that no double holds")
tap.is(value.values[1].values[4].value, true, "true")
tap.is(value.values[1].values[5].kind, "null", "null")
local inner = json.get(value, "a")
tap.is(#inner.names, 2, "a key that comes twice is there twice")
tap.is(json.get(inner, "a").text, "yé😀\n", "the last one counts; escapes are read")
tap.is(json.get(value, "e").kind .. json.get(value, "o").kind, "arrayobject", "[] and {} differ")
tap.is(json.get(value, "none"), nil, "a name that is not there")
tap.is(assert(json.read '"\127 \\ud800x"').text, "\127 \u{FFFD}x", "DEL is text; half a surrogate is not")

for _, case in ipairs {
  { "", 1, "the text ends too early" },
  { "{", 2, "a key in quotes is expected" },
  { '{"a" 1}', 5, "':' is expected" },
  { '{"a":1 "b"}', 8, "',' or '}' is expected" },
  { '{"a":1,}', 8, "a key in quotes is expected" },
  { "[1 2]", 4, "',' or ']' is expected" },
  { "[1,]", 4, "a value is expected" },
  { "01", 1, "a value is expected" },
  { "+1", 1, "a value is expected" },
  { "1.", 2, "the value is over" },
  { "nul", 1, "a value is expected" },
  { '"abc', 5, "a string does not end" },
  { '"a\nb"', 3, "a control character" },
  { '"\\x"', 2, "an unknown escape" },
  { '"\\u12"', 4, "four hexadecimal digits" },
  { "1 2", 3, "the value is over" },
  { '"\xff"', 2, "not valid UTF-8" },
  { ("["):rep(200), 129, "nested too deep" },
} do
  local text, at, what = table.unpack(case)
  local read, problem, where = json.read(text)
  tap.is(read, nil, (("%q is refused"):format(text:sub(1, 20)):gsub("%c", " ")))
  tap.like(problem, what, "because " .. what)
  tap.is(where, at, "at its byte")
end

tap.is(json.write { { "a", 1 }, { "b", json.list { "x", json.bare "1.50" } }, { "c", {} }, { "d", json.list {} } },
  '{\n  "a": 1,\n  "b": ["x", 1.50],\n  "c": {},\n  "d": []\n}\n', "objects a member a line, short lists on one")
tap.is(json.write(json.list { { { "a", false } } }), '[\n  {\n    "a": false\n  }\n]\n', "objects in lists")
tap.is(json.write(json.list { math.mininteger, 0.1 }), "[-9223372036854775808, 0.1]\n",
  "numbers exactly")
tap.done()
