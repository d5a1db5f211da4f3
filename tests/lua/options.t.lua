-- kinessis.options: what the words of a command line become, and what is said of wrong ones.
local tap = dofile "tests/lua/tap.lua"
local options = require "kinessis.options"

local command = {
  arguments = { { "FILE", "the file" }, { "MORE", "others", optional = true, many = true } },
  options = {
    { "--amount", "N", "how many", short = "-n", parse = options.count, default = 7 },
    { "--print", nil, "print them" },
    { "--error-prefix", "TEXT", "where" },
    { "--header", "TEXT", "may be repeated", many = true },
    { "--format", "F", "the format", parse = options.choice { "table", "csv", "json" } },
  },
}

local function parse(...) return options.parse(command, { ... }) end

local arguments, values = parse("a.lua", "--amount=10k", "b", "--error-prefix", "x=y", "--print", "--", "--c")
tap.is(table.concat(arguments, " "), "a.lua b --c", "arguments stand anywhere; after -- everything is one")
tap.is(values.amount, 10000, "--name=value")
tap.is(math.type(values.amount), "integer", "a count is an integer")
tap.is(values.error_prefix, "x=y", "--name value; a dash in the name is an underscore")
tap.is(values.print, true, "a flag")
arguments, values = parse("-", "-n", "5", "--header", "a", "--header", "b")
tap.is(arguments[1], "-", "a lone dash is an argument")
tap.is(values.amount, 5, "a short form")
tap.is(table.concat(values.header, ","), "a,b", "an option that may be repeated is a list")
tap.is(values.print, nil, "an absent flag is nil")
tap.is(select(2, parse("a")).amount, 7, "a default")
tap.is(parse("a", "-5")[2], "-5", "a negative number is no option")
tap.is(select(2, parse("--help")).help, true, "--help needs no arguments")
tap.is(select(2, options.parse({ plain = true, arguments = command.arguments }, { "f", "-x", "--", "--y" })).help, nil,
  "a plain command leaves options after its first argument alone")

for _, case in ipairs {
  { { "--amout", "5", "f" }, "unknown option --amout (did you mean --amount?)" },
  { { "--pri", "f" }, "(did you mean --print?)" },
  { { "--zzz", "f" }, "unknown option --zzz" },
  { { "--amount" }, "--amount needs a value: N" },
  { { "--amount", "1", "-n", "2" }, "--amount is given twice" },
  { { "--amount", "ten" }, "--amount: 'ten' is not a whole number from 0 up" },
  { { "-n", "-1" }, "-n: '-1' is not a whole number" },
  { { "--print=1" }, "--print takes no value" },
  { { "--format", "jsn", "f" }, "'jsn' is not one of table, csv, json (did you mean json?)" },
  { {}, "FILE is missing: the file" },
} do
  local words, text = table.unpack(case)
  local ok, err = pcall(parse, table.unpack(words))
  tap.ok(not ok and err.code == "usage" and err.message:find(text, 1, true), "refused: " .. table.concat(words, " "),
    tostring(err))
end
tap.raises(function() options.parse({ arguments = { { "A", "a" } } }, { "1", "2" }) end, "unexpected argument '2'",
  "one argument too many")

-- Each: parser, text, value (nil: refused).
for _, case in ipairs {
  { "count", "0", 0 }, { "count", "1e6", 1000000 }, { "count", "10_000", 10000 }, { "count", "1.5k", 1500 },
  { "count", "2M", 2000000 }, { "count", "1.5" }, { "count", "" }, { "count", "0x10" }, { "count", "1__0" },
  { "count", "_1" }, { "count", "1e99" }, { "count", "nan" }, { "count", "10 " }, { "count", "1k5" },
  { "number", "2.5", 2.5 }, { "number", "-1e3", -1000 }, { "number", "inf" }, { "number", "-" },
  { "port", "65535", 65535 }, { "port", "65536" }, { "port", "http" },
  { "time", "1970-01-01T00:01:00Z", 60 }, { "time", "1970-01-02", 86400 }, { "time", "yesterday" },
  { "duration", "500ms", 0.5 }, { "duration", "2m", 120 }, { "duration", "3", 3 }, { "duration", "1w", 604800 },
  { "duration", "1y" },
  { "duration", "" }, { "text", "x", "x" }, { "text", "" },
} do
  local parser, text, expected = table.unpack(case)
  local value, why = options[parser](text)
  tap.is(value, expected, ("%s of '%s'"):format(parser, text))
  if expected == nil then tap.ok(type(why) == "string", ("%s of '%s' says what is expected"):format(parser, text)) end
end

tap.is(options.nearest("qury", { "run", "query", "repl" }), "query", "nearest: a letter is missing")
tap.is(options.nearest("rnu", { "run", "query" }), "run", "nearest: two letters are swapped")
tap.is(options.nearest("xyz", { "run", "query" }), nil, "nearest: nothing is near")
tap.is(options.describe("--x", "some words", 24), "  --x                       some words\n", "a row of help")
tap.is(options.describe("--option-name N", ("word "):rep(20), 12), "  --option-name N\n                "
  .. ("word "):rep(12) .. "word\n                " .. ("word "):rep(6) .. "word\n", "a long one, in lines of 80 places")
local long = options.explain("x", "do something", { description = ("word "):rep(20) .. "\n\n  a  b\n  c\n" })
tap.like(long, ("word "):rep(15) .. "word\n" .. ("word "):rep(3) .. "word\n\n  a  b\n  c\n",
  "a description is filled, what is indented stands as it is")
local text = options.explain("x", "do something", command)
for _, fragment in ipairs { "usage: kinessis x [OPTIONS] FILE [MORE...]", "Do something.", "-n, --amount N",
  "how many (default: 7)", "-h, --help" } do
  tap.like(text, fragment, "help has " .. fragment)
end
tap.done()
