--- What the catalogues declare, as text: docs/providers.md and `kinessis help fake`.
local schema = require "kinessis.schema"

local document = {}

local titles = {
  number = "Numbers", distribution = "Distributions", choice = "Choices", combinator = "Combinators", block = "Blocks",
  text = "Text", identity = "Identity", person = "People", place = "Places", internet = "Internet",
  commerce = "Commerce", time = "Time",
}

local function catalogue() return require("kinessis.fake").catalogue() end

local function show_default(value)
  if type(value) == "string" then return ('"%s"'):format(value) end
  return tostring(value)
end

--- fake.integer(min = 0, max = 2147483647)
function document.signature(entry)
  local parts, arguments = {}, entry.declaration.arguments or {}
  for i, argument in ipairs(arguments) do
    parts[i] = argument[1]
    if argument[3] ~= nil then parts[i] = parts[i] .. " = " .. show_default(argument[3]) end
  end
  return ("fake.%s(%s)"):format(entry.name, table.concat(parts, ", "))
end

local function range_of(argument)
  if argument.of then return '"' .. table.concat(argument.of, '", "') .. '"' end
  if argument.least and argument.most then return ("%s to %s"):format(argument.least, argument.most) end
  if argument.least then return ("at least %s"):format(argument.least) end
  if argument.most then return ("at most %s"):format(argument.most) end
end

-- What is to be said of an argument beyond its name and default, or nil.
local function about(argument)
  local text, range = argument[4], range_of(argument)
  if not text and not range then return nil end
  return ("`%s`: %s"):format(argument[1]:gsub("%?$", ""), text and range and text .. ", " .. range or text or range)
end

local function run(code, fake)
  return assert(load("return " .. code, "=example", "t", setmetatable({ fake = fake }, { __index = _G })))()
end

--- The schema of an entry's example, in the field `value`; `beside` is a field that it needs.
function document.example(entry)
  local fake, declaration, fields = require "kinessis.fake", entry.declaration, {}
  if declaration.beside then fields[1] = run(declaration.beside, fake) end
  fields[#fields + 1] = { "value", run(declaration.example, fake) }
  return schema("example", fields)
end

--- n values of the example, as JSON; always the same ones.
function document.values(entry, n)
  local made = document.example(entry):sample(n, { seed = 42, start = 1643814000, step = 0.25 })
  for i, json in ipairs(made) do made[i] = json:match '"value":(.*)}$' end
  return made
end

local function explain(entry, code)
  local declaration, out = entry.declaration, {}
  local function add(...) out[#out + 1] = string.format(...) end
  add("%s", (declaration[1]:gsub("^%l", string.upper)))
  for _, argument in ipairs(declaration.arguments or {}) do
    local text = about(argument)
    if text then add("- %s", text) end
  end
  add("Type: %s. Example%s:", declaration.type, declaration.beside and " (beside `" .. declaration.beside .. "`)" or "")
  local values = document.values(entry, 3)
  add(code, declaration.example, table.concat(values, "  "))
  return out
end

--- The page docs/providers.md.
function document.markdown()
  local out = {
    "# Providers", "",
    "The values that a field can have. This page is made from the declarations in `lua/kinessis/fake/`",
    "(`kinessis lua tools/providers.lua`); a test runs each example and compares the page.",
    "[scripting.md](scripting.md) tells how they are used, `kinessis help fake NAME` prints one of them.", "",
    "An argument with `?` may be left out; one with `=` has that default. The type is Glue's.", "",
  }
  local function add(text) out[#out + 1] = text end
  for _, family in ipairs(catalogue()) do
    add(("- [%s](#%s): %s"):format(titles[family.name], titles[family.name]:lower(), (function()
      local names = {}
      for i, entry in ipairs(family.entries) do names[i] = ("`%s`"):format(entry.name) end
      return table.concat(names, ", ")
    end)()))
  end
  for _, family in ipairs(catalogue()) do
    add("")
    add("## " .. titles[family.name])
    for _, entry in ipairs(family.entries) do
      add("")
      add(("### `%s`"):format(document.signature(entry)))
      add("")
      local lines = explain(entry, "```lua\n%s\n--> %s\n```")
      add(lines[1] .. ".")
      if #lines > 3 then add("") end
      for i = 2, #lines - 2 do add(lines[i]) end
      add("")
      add(lines[#lines - 1])
      add("")
      add(lines[#lines])
    end
  end
  return table.concat(out, "\n") .. "\n"
end

--- Names and signatures by family, for a terminal.
function document.list()
  local out = { "Providers (fake.NAME); `kinessis help fake NAME` explains one.\n" }
  for _, family in ipairs(catalogue()) do
    out[#out + 1] = ("\n%s\n"):format(titles[family.name])
    for _, entry in ipairs(family.entries) do out[#out + 1] = ("  %s\n"):format(document.signature(entry)) end
  end
  return table.concat(out)
end

--- One provider, for a terminal; nil when there is none of that name, and all names.
function document.explain(name)
  local names = {}
  for _, family in ipairs(catalogue()) do
    for _, entry in ipairs(family.entries) do
      if entry.name == name then
        local lines = explain(entry, "  %s\n    -> %s")
        return document.signature(entry) .. "\n\n" .. table.concat(lines, "\n") .. "\n"
      end
      names[#names + 1] = entry.name
    end
  end
  return nil, names
end

return document
