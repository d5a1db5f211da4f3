--- What no honest script does: metatables that lie, arguments that change while they are read, plans that were not
--- compiled from a schema. The program may refuse it or make nonsense of it; its memory stays its own (the tests
--- under the sanitizers see that).
local tap = dofile "tests/lua/tap.lua"
local aggregate = require "kinessis.core.aggregate"
local aws = require "kinessis.core.aws"
local convert = require "kinessis.core.convert"
local kinessis = require "kinessis"
local plan = require "kinessis.core.plan"
local verify = require "kinessis.core.verify"
local fake, schema = kinessis.fake, kinessis.schema

local function refuses(message, name, f, ...)
  local ok, err = pcall(f, ...)
  tap.ok(not ok and tostring(err):find(message, 1, true), name, ok and "was not refused" or err)
end

-- A list whose length is `n`; after the first `honest` times that it is asked, `then_n`.
local function list_of(items, honest, then_n)
  local asked = 0
  return setmetatable(items, { __len = function()
    asked = asked + 1
    return asked > honest and then_n or rawlen(items)
  end })
end

-- Texts that nobody but the caller holds.
local function passing(make)
  return setmetatable({}, { __index = function(_, key)
    collectgarbage()
    return make(key)
  end })
end

-- ---- lengths ----

for honest = 0, 5 do
  local ok, err = pcall(function()
    local keys = list_of({ "a", "b", "c" }, honest, -1)
    return schema("s", { { "m", fake.map(keys, fake.integer(1, 9), 1, 3) } }):sample(1)[1]
  end)
  tap.ok(ok or tostring(err):find("keys", 1, true) or tostring(err):find("items", 1, true),
    ("a list of keys that has length -1 from look %d on"):format(honest + 1), err)
end
refuses("a list of -2 items", "columns of length -2", plan.new, { "{}" }, nil, nil, list_of({}, 0, -2))
refuses("a list of 1152921504606846976 items", "words of length 2^60", plan.new,
  { { op = "pick", words = list_of({ "a" }, 0, 1 << 60) } })
refuses("too many fields", "a row of length -1", verify.row, list_of({}, 0, -1), false, { path = { "a" } })
local client = assert(aws.open("kinesis", { endpoint = "http://127.0.0.1:1", region = "us-east-1", access_key = "a",
  secret_key = "b", max_attempts = 1 }))
refuses("headers: more than 40", "headers of length -5", client.call, client,
  { operation = "ListStreams", body = "{}", headers = list_of({}, 0, -5) })
local most = {}
for i = 1, 40 do most[i] = "x-a: b" end
tap.is(client:call { operation = "ListStreams", body = "{}", headers = most }, nil, "as many headers as there may be")
local endless = setmetatable({ 1 }, { __len = function() return math.maxinteger end })
refuses("a value of more than", "an array without an end", function()
  schema("s", { { "v", function() return endless end } }):sample(1)
end)

-- ---- texts that are gone at once ----

local read = aggregate.read(aggregate.write { passing(function(key)
  return key ~= "explicit_hash_key" and key:rep(100) or nil
end), { data = "second", partition_key = "k" } }.data)
tap.is(read[1].data, ("data"):rep(100), "an aggregate of a record that makes its data when asked")
tap.is(read[1].partition_key, ("partition_key"):rep(100), "and its key")
local made = plan.new { passing(function(key)
  return ({ op = "sequence", start = math.maxinteger, step = 1, jitter = 0, stream = ("s"):rep(99),
    place = ("p"):rep(200) })[key]
end) }
refuses(("p"):rep(200), "an operation that makes its place when asked", made:cursor().record, made:cursor(), 1)
local converter = assert(convert.new({ passing(function(key) return ({ name = "phone", type = "int" })[key] end) }, {}))
tap.is(converter:record '{"phone":5}', true, "a column that makes its name when asked")

-- ---- plans that no schema makes ----

local function code(list, ...)
  local compiled = plan.new(list, ...)
  local cursor = compiled:cursor()
  for i = 0, 99 do cursor:record(i) end
end

local long = { op = "capture", slot = 0, text = 0, body = { ("x"):rep(500) } }
refuses("is not made before it is used", "a copy of itself", code,
  { { op = "capture", slot = 0, text = 0, body = { "xxxxxxxxxxxxxxxx", { op = "copy", slot = 0 } } } })
refuses("is not made before it is used", "a copy of what comes after", code,
  { { op = "capture", slot = 1, text = 0, body = {} }, { op = "copy", slot = 0 }, long })
refuses("is made twice", "a capture twice", code,
  { { op = "capture", slot = 0, text = 0, body = { "x" } }, { op = "copy", slot = 0 }, long })
tap.ok(pcall(code, { { op = "optional", p = 0.5, stream = "o", body = { long } }, { op = "copy", slot = 0 } }),
  "a copy of what was not made")
refuses("the columns of the row overlap", "a row of one column many times", code, { long }, nil, nil,
  { 0, 0, 0, 0, 0, 0, 0, 0, csv = true })
refuses("choose has 1 branches, and not 3", "a choice without its branches", code,
  { { op = "choose", words = { "", "", "" }, body = { { op = "case", body = {} } } } })
refuses("switch has 1 branches, and not 2", "a switch without its default", code,
  { long, { op = "switch", slot = 0, words = { "a" }, body = { { op = "case", body = {} } } } })
refuses("split has 0 branches, and not 2", "a split of nothing", code,
  { { op = "split", count = 2, first = 1, body = {} } })
refuses("a divisor is 1 or more", "a part of zero", code,
  { { op = "unique", n = 5, body = { { op = "unique_pick", words = { "a" }, divisor = 0 } } } })
refuses("a byte that stands for nothing", "a class of characters that is none", code,
  { { op = "pattern", check = 0, raw = true, words = { "\xFF" } } })
refuses("the plan has no function 7", "a function that is none", code, { { op = "script", ["function"] = 7 } }, nil,
  function() return {} end)
refuses("table expected, got number", "a context that is none", code,
  { { op = "script", fn = print, path = "p", stream = "s" } }, nil, function() return 5 end)
local scripted = plan.new({ { op = "script", fn = function() return 1 end, path = "p", stream = "s" } }, nil,
  function() return {} end)
local cursor = scripted:cursor()
table.remove(scripted:scripts())
tap.is(cursor:record(1), "1", "a cursor keeps the functions that it began with")
refuses("the plan has no function 0", "a plan whose functions are taken away", function()
  scripted:cursor():record(1)
end)
tap.is(getmetatable(cursor), false, "the end of an object is no method of it")

-- ---- places that were not given out ----

local digest = assert(verify.digest(assert(verify.row({ { path = { "a" }, kind = "text" } }, true))))
for _, place in ipairs { 0, 1, -1, math.maxinteger, math.mininteger } do
  refuses("no record is there", ("the text at %d"):format(place), digest.text, digest, place)
end

-- ---- a folder that is gone ----

local script, path = os.tmpname(), os.tmpname()
os.remove(path)
local file <close> = assert(io.open(script, "w"))
file:write 'print(require("kinessis.core.sys").real_path "x")'
file:close()
local found = io.popen(("mkdir %s && cd %s && rmdir %s && timeout 60 %q lua %s"):format(path, path, path,
  os.getenv "KINESSIS" or "build/kinessis", script)):read "l"
os.remove(script)
tap.is(found, "x", "a file's real name where the folder that we stand in is gone")

tap.done()
