--- State files: what a run left is read back, and what it cannot have left is refused whole.
local tap = dofile "tests/lua/tap.lua"
local state = require "kinessis.state"

local path = os.tmpname()

local good = '{"format":1,"scenario":"a.lua","fingerprint":"5c","seed":-42,"first":5,"amount":10,"part":[2,8],'
  .. '"clock_start":1643815027,"clock_step":0.001,"target":"lake","started":"x","updated":"y","claimed":9,'
  .. '"reserved":12,"finished":false,"destinations":[{"service":"kinesis","name":"a","settled":[[5,7],[8,9]],'
  .. '"position":8}]}'

local function read(text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return state.read(path)
end

local last = assert(read(good))
local place = state.place(last)
tap.is(("%d %d %d"):format(place.at, place.left, place.doubtful), "7 8 4", "where a run goes on")
tap.is(assert(read(good:gsub('"amount":10', '"amount":null'))).amount, nil, "a run without an end")

local changes = {
  { '"format":1', '"format":2' }, { '"first":5', '"first":-5' }, { '"first":5', '"first":"5"' },
  { '"amount":10', '"amount":"ten"' }, { '"amount":10', '"amount":9223372036854775807' },
  { '"claimed":9', '"claimed":9.5' }, { '"reserved":12', '"reserved":null' }, { '"seed":%-42', '"seed":{}' },
  { '"target":"lake"', '"target":[]' }, { '"clock_step":0.001', '"clock_step":"1"' }, { "%[2,8%]", "[2]" },
  { '"service":"kinesis"', '"service":1' }, { '"name":"a"', '"name":null' }, { '"position":8', '"position":-1' },
  { "%[5,7%]", "[7,5]" }, { "%[5,7%]", "[-1,7]" }, { "%[5,7%]", "null" }, { "%[5,7%],", "[5,7],null," },
  { "%[%[5,7%],%[8,9%]%]", '"all"' }, { '"destinations":%[', '"destinations":[null,' },
}
for _, change in ipairs(changes) do
  local ok, made, err = pcall(read, (good:gsub(change[1], change[2])))
  tap.ok(ok and not made and tostring(err):find "is not the state of a run", change[2], ok and err or made)
end
os.remove(path)
tap.done()
