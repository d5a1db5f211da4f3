--- Every provider keeps what its declaration says: the example runs, makes what it shows, has a type that
--- it names, is the same again; docs/providers.md is made of the declarations.
local tap = dofile "tests/lua/tap.lua"
local cjson = require "cjson"
local document = require "kinessis.fake.document"
local fake = require "kinessis.fake"
local types = require "kinessis.types"

local seed = tap.seed()
local clock = { seed = seed, start = 1643814000, step = 0.25 }

local function problem_of(entry)
  local declaration = entry.declaration
  if #declaration[1] < 5 or declaration[1]:find "%.$" then return "no summary, or one that ends with a stop" end
  if not declaration.shows then return "no pattern of what it shows" end
  local schema = document.example(entry)
  local columns = schema:columns()
  local kind = columns[#columns].type
  if not types.parse(kind) then return "its type is " .. tostring(kind) end
  local general = declaration.type:find("of ", 1, true) or declaration.type:find "declared"
  if not general and not declaration.type:find(kind:match "^%a+", 1, true) then
    return ("its type is %s, and %s is declared"):format(kind, declaration.type)
  end
  local records = schema:sample(200, clock)
  for i, json in ipairs(records) do
    local value = json:match '"value":(.*)}$'
    if not value or not value:find(declaration.shows) then return json .. " does not match " .. declaration.shows end
    if not pcall(cjson.decode, json) then return json .. " is not JSON" end
    if #json > schema:plan():max_length() and not schema:plan():calls_scripts() then
      return json .. " is longer than the plan says"
    end
    if i % 50 == 0 then
      local again = { seed = seed, start = clock.start, step = clock.step, from = i - 1 }
      if schema:sample(1, again)[1] ~= json then return json .. " is not the same again" end
    end
  end
end

local count = 0
for _, family in ipairs(fake.catalogue()) do
  for _, entry in ipairs(family.entries) do
    count = count + 1
    local ok, problem = pcall(problem_of, entry)
    tap.ok(ok and not problem, entry.name .. ": its example", problem)
  end
end
print(("# %d providers"):format(count))
tap.ok(count >= 100, "at least a hundred providers")

local file = assert(io.open("docs/providers.md"))
tap.ok(file:read "a" == document.markdown(), "docs/providers.md is what kinessis lua tools/providers.lua writes")
file:close()

tap.like(document.explain "integer", "fake.integer(min = 0, max = 2147483647)", "one explained")
tap.ok(document.explain "nothing" == nil, "and one that is not there")
tap.like(document.list(), "fake.uuid7()", "the list")
tap.raises(function() require("kinessis").schema("t", { { "v", fake.uuid(1) } }) end,
  "uuid takes no arguments, not 1", "too many arguments")
tap.done()
