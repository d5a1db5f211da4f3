--- kinessis.function_code: the same for the same functions, in any process; another one for others.
local kinessis = require "kinessis"
local function_code = require "kinessis.function_code"
local tap = dofile "tests/lua/tap.lua"
local fake = kinessis.fake

local function text_of(source)
  return function_code.of { { fn = assert(load(source))() } }
end

local base = [[
local factor = 2
local names = { "a", "b", more = { 1, 2 } }
local function twice(x) return factor * x end
function Helper(x) return x + 1 end
Share = 5
return function(ctx)
  local inner = function() return names[1] end
  return twice(ctx.n) .. Helper(1) .. inner() .. Share .. 1.5
end
]]

tap.is(text_of(base), text_of(base), "the same code")
tap.is(text_of("-- a comment\n\n" .. base), text_of(base), "moved down")
tap.is(text_of("local unused = os.time()\n" .. base), text_of(base), "with a local that it does not use")
for what, change in pairs {
  ["a constant"] = { "1%.5", "1.25" },
  ["an instruction"] = { "%.%. 1%.5", "" },
  ["a function within"] = { "names%[1%]", "names[2]" },
  ["a function that it calls"] = { "factor %* x", "x" },
  ["a global function that it calls"] = { "x %+ 1", "x + 2" },
  ["a global number"] = { "Share = 5", "Share = 6" },
  ["a number from outside"] = { "factor = 2", "factor = 3" },
  ["a text in a table from outside"] = { '"a"', '"c"' },
  ["a number deeper in it"] = { "{ 1, 2 }", "{ 1, 3 }" },
  ["a name in it"] = { "more =", "less =" },
} do
  tap.ok(text_of((base:gsub(table.unpack(change)))) ~= text_of(base), "another one: " .. what)
end

local loop = [[
local list = {}
for i = 1, 3 do list[i] = function() return i end end
return function() return list[1]() + list[%d]() end
]]
tap.is(text_of(loop:format(2)), text_of(loop:format(2)), "functions made in a loop")
tap.ok(text_of(loop:format(2)) ~= text_of(loop:format(3)), "which of them is called")
tap.is(text_of "local t = {} t.t, t[t] = t, 1; return function() return t end",
  text_of "local t = {} t.t, t[t] = t, 1; return function() return t end", "a table that holds itself")
tap.is(function_code.of { { fn = print } }, "function", "a C function has no code")
local big = {}
for i = 1, 300 do big[i] = ("if x == %d then return 'long text, longer than forty characters: %d' end"):format(i, i) end
big = "return function(x, ...) " .. table.concat(big, " ") .. " return 2^53, -1, nil, true, false, ... end"
tap.ok(text_of(big) == text_of(big) and #text_of(big) > 15000, "a long one")

-- ---- in a file ----

local path = os.tmpname()
local function text_in_file(source)
  local file = assert(io.open(path, "w"))
  file:write(source)
  file:close()
  return function_code.of { { fn = assert(loadfile(path))() } }
end
local in_file = text_in_file(base)
tap.like(in_file, "return names[1]", "a file's lines")
tap.is(text_in_file("-- a comment\n" .. base), in_file, "wherever they are")
tap.is(text_in_file(base:gsub("\n", "\r\n")), in_file, "however they end")
tap.ok(text_in_file(base:gsub("names%[1%]", "names[2]")) ~= in_file, "changed")
local of_none = load(string.dump(assert(load "return function(x) return x + 1 end")), "=gone")()
tap.ok(function_code.of { { fn = of_none } } ~= "", "of a chunk without a text")
os.remove(path)

-- ---- of a schema ----

local function fingerprint(body)
  local plan = kinessis.schema("f", {
    { "own", load("return function(ctx) return " .. body .. " end")() },
    { "made", fake.derive(load("return function() return " .. body .. " end")(), "int") },
    { "name", fake.name() },
  }):plan()
  return plan:fingerprint(function_code.of(plan:scripts()))
end
tap.is(fingerprint "1", fingerprint "1", "a schema's fingerprint")
tap.ok(fingerprint "1" ~= fingerprint "2", "holds its functions")

local function mapped(body)
  local schema = kinessis.schema("m", { { "n", 1 } }, {
    map = load("return function(record) record.n = " .. body .. " return record end")(),
  })
  local plan = schema:plan()
  return function_code.of(plan:scripts())
end
tap.is(mapped "1", mapped "1", "a map's")
tap.ok(mapped "1" ~= mapped "2", "which the library wraps")

tap.done()
