--- Runs the Lua examples of a page: kinessis lua tests/support/examples.lua docs/pacing.md
--- A block of `pace = ...` lines: each is made and followed for five simulated seconds. A block that
--- returns a scenario becomes a file that is run, without sending. Any other block is run as it is.
local kinessis = require "kinessis"
local pace = kinessis.pace
local page = ...
local text = assert(io.open(page)):read "a"
local run = os.getenv "KINESSIS" or "kinessis"
local count = 0

local function follow(source)
  local expression = source:match "^pace = (.*)$"
  local value = assert(load("local pace = ...; return " .. expression, "=" .. page))(pace)
  local due = assert(pace.of(value)).start { seed = 1, record_bytes = function() return 250 end,
    capacity = function() return 1000 end }
  local last = 0
  for i = 0, 500 do
    local records = due(i / 100)
    assert(records >= last, source)
    last = records
  end
end

for block in text:gmatch "```lua\n(.-)```" do
  if block:find "^pace = " then
    for line in block:gmatch "[^\n]+" do
      follow((line:gsub("%s+%-%- .*$", "")))
      count = count + 1
    end
  elseif block:find "return kinessis.scenario" then
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(block)
    file:close()
    local ok = os.execute(("'%s' run '%s' --dry-run -q >/dev/null"):format(run, path))
    os.remove(path)
    assert(ok, block)
    count = count + 1
  else
    assert(load(block, "=" .. page))()
    count = count + 1
  end
end
assert(count > 0, "no examples in " .. page)
print(("%d examples of %s"):format(count, page))
