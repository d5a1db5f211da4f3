--- TAP for Lua tests.
---
---     local tap = dofile "tests/lua/tap.lua"
---     tap.is(1 + 1, 2, "addition")
---     tap.done()
local tap = { count = 0, failures = 0 }

function tap.ok(condition, name, ...)
  tap.count = tap.count + 1
  if not condition then tap.failures = tap.failures + 1 end
  print(("%s %d - %s"):format(condition and "ok" or "not ok", tap.count, name:gsub("#", "\\#")))
  if not condition then
    for _, detail in ipairs { ... } do print("#   " .. tostring(detail):gsub("\n", "\n#   ")) end
    local where = debug.getinfo(2, "Sl")
    print(("#   at %s line %d"):format(where.short_src, where.currentline))
  end
  return condition
end

function tap.is(actual, expected, name)
  return tap.ok(actual == expected, name, "got:      " .. tostring(actual), "expected: " .. tostring(expected))
end

--- The text holds the plain fragment.
function tap.like(text, fragment, name)
  return tap.ok(tostring(text):find(fragment, 1, true) ~= nil, name, "got:      " .. tostring(text),
    "no:       " .. fragment)
end

--- f raises an error whose text holds the plain fragment.
function tap.raises(f, fragment, name)
  local ok, message = pcall(f)
  return tap.ok(not ok and tostring(message):find(fragment, 1, true) ~= nil, name,
    ok and "did not raise" or "got:      " .. tostring(message), "no:       " .. fragment)
end

function tap.skip_all(reason)
  print("1..0 # SKIP " .. reason)
  os.exit(0)
end

--- The seed of a randomised test, printed: KINESSIS_TEST_SEED, else the time.
function tap.seed()
  local seed = math.tointeger(os.getenv "KINESSIS_TEST_SEED") or os.time()
  print("# KINESSIS_TEST_SEED=" .. seed)
  return seed
end

function tap.done()
  print("1.." .. tap.count)
  os.exit(tap.failures == 0 and 0 or 1, true)
end

return tap
