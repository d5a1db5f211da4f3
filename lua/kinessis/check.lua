--- Checks a table of named fields that a user wrote against a table of what is known.
---
---     check("stream", given, {
---       name = { check.text("^[%w_.-]+$", 128, "a stream name: ..."), required = "the stream's name" },
---       linger_ms = { check.integer(1, 60000) },
---     }, 3)
---
--- What is wrong raises with the path of the field and the user's line. A rule's function gets the
--- value and returns what is wrong with it, or nil; and, where it is in a field of it, that field.
local check = {}

local function show(value)
  if type(value) == "string" then return ("'%s'"):format(value) end
  return (type(value) == "number" or value == nil) and tostring(value) or "a " .. type(value)
end

check.show = show

--- A value of the Lua type of that name.
function check.type_of(name)
  return function(value)
    if type(value) ~= name then return ("a %s is expected, not %s"):format(name, show(value)) end
  end
end

--- Anything: what is to be said of it is said by who knows more.
function check.anything() end

check.string = check.type_of "string"
check.boolean = check.type_of "boolean"

--- A whole number from `least` to `most`; math.maxinteger is no bound.
function check.integer(least, most)
  return function(value)
    if math.type(value) ~= "integer" and not (type(value) == "number" and math.tointeger(value))
      or value < least or value > most then
      return ("a whole number from %d%s is expected, not %s"):format(least,
        most == math.maxinteger and " up" or (" to %d"):format(most), show(value))
    end
  end
end

--- One of the words.
function check.choice(...)
  local known, words = {}, { ... }
  for i, word in ipairs(words) do
    known[word], words[i] = true, show(word)
  end
  local expected = table.concat(words, " or ")
  return function(value)
    if not known[value] then return ("%s is expected, not %s"):format(expected, show(value)) end
  end
end

--- A string of 1 to `longest` characters that matches the pattern.
function check.text(pattern, longest, what)
  return function(value)
    if type(value) ~= "string" then return ("a string is expected, not %s"):format(show(value)) end
    if #value < 1 or #value > longest or not value:find(pattern) then
      return ("%s is not %s"):format(show(value), what)
    end
  end
end

local function names_of(rules)
  local names = {}
  for name in pairs(rules) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function find_mistake(path, given, rules)
  if type(given) ~= "table" then return ("%s: a table is expected, not %s"):format(path, show(given)) end
  local names = names_of(rules)
  local keys = {}
  for key in pairs(given) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    if type(key) ~= "string" then return ("%s: has no place for %s without a name"):format(path, show(given[key])) end
    local rule = rules[key]
    if not rule then
      local hint = require("kinessis.options").did_you_mean(key, names)
      if hint == "" then hint = #names > 0 and ": there are " .. table.concat(names, ", ") or ": there are none" end
      return ("%s.%s: no such field%s"):format(path, key, hint)
    end
    local wrong, below = rule[1](given[key])
    if wrong then return ("%s.%s%s: %s"):format(path, key, below or "", wrong) end
  end
  for _, name in ipairs(names) do
    if rules[name].required and given[name] == nil then
      return ("%s.%s: is missing: %s"):format(path, name, rules[name].required)
    end
  end
  return nil
end

--- A table of fields with rules of their own.
function check.table(rules)
  return function(value)
    local mistake = find_mistake("", value, rules)
    if not mistake then return nil end
    local below, wrong = mistake:match("^([%w_.]*): (.*)$")
    return wrong, below
  end
end

--- The line of the user's file that is being run, where the stack cannot tell (see scenario.load).
function check.last_line() return nil end

--- Raises the message with the line at that level of the stack, 2 being the caller of raise. The call
--- in `return kinessis.scenario {...}` has replaced its caller on the stack: there last_line() tells.
function check.raise(message, level)
  if not debug.getinfo(level - 1, "t").istailcall then error(message, level) end
  local line = check.last_line()
  error(line and line .. ": " .. message or message, 0)
end

--- @param level whose line an error names: 2 is the caller of check
return setmetatable(check, {
  __call = function(_, path, given, rules, level)
    local mistake = find_mistake(path, given, rules)
    if mistake then check.raise(mistake, level + 1) end
  end,
})
