--- Options and arguments: read by a table, explained by the same table.
---
---     options = {
---       { "--amount", "N", "how many records to send", short = "-n", parse = options.count, default = 10 },
---       { "--print", nil, "print the records too" },                 -- no value: a flag
---       { "--header", "TEXT", "sent with each request", many = true }, -- may be repeated: a list
---     }
---     arguments = {
---       { "FILE", "the scenario", optional = true },  -- parse works here too; many = true takes the rest
---     }
---
--- `--error-prefix X` is found as values.error_prefix. A parse function gets the text and returns the
--- value, or nil and what was expected ("a count such as 10, 10k, 1e6"). Whatever is wrong raises an
--- error object with the code "usage", which names the nearest valid word.
local sys = require "kinessis.core.sys"

local options = {}

local function usage(format, ...)
  error(sys.error("usage", format:format(...)), 0)
end

options.usage = usage

-- ---- the nearest valid word ----

--- Edits (insert, delete, replace, swap neighbours) that turn a into b.
local function distance(a, b)
  local before, previous, row = {}, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, previous, row = previous, row, before
  end
  return previous[#b]
end

--- The candidate most like the word, or nil when none is near: a beginning, or a third of it mistyped.
function options.nearest(word, candidates)
  local best, best_distance
  for _, candidate in ipairs(candidates) do
    local d = distance(word:lower(), candidate:lower())
    local limit = math.max(1, #word // 3)
    local begins = #word > 2 and candidate:sub(1, #word) == word
    if begins then d = math.min(d, 1) end
    if (d <= limit) and (not best or d < best_distance) then
      best, best_distance = candidate, d
    end
  end
  return best
end

local function did_you_mean(word, candidates)
  local nearest = options.nearest(word, candidates)
  return nearest and (" (did you mean %s?)"):format(nearest) or ""
end

options.did_you_mean = did_you_mean

-- ---- values ----

local scale = { [""] = 1, k = 1e3, M = 1e6, G = 1e9 }

--- "10", "1e6", "10k", "2.5M", "10_000" -> a number, or nil
local function read_number(text)
  local digits, suffix = text:match("^(%-?[%d_.]+[eE]?[+-]?%d*)([kMG]?)$")
  if not digits or digits:find("__", 1, true) or digits:find("_$") or digits:find("^%-?_") then return nil end
  local value = tonumber((digits:gsub("_", "")))
  if not value or math.abs(value) == math.huge then return nil end
  return suffix == "" and value or value * scale[suffix]
end

--- A whole number in [least, most].
function options.integer(least, most)
  local expected = most and ("a whole number from %d to %d"):format(least, most)
    or ("a whole number from %d up, such as 10, 10k, 10_000 or 1e6"):format(least)
  return function(text)
    local value = math.tointeger(read_number(text))
    if not value or value < least or (most and value > most) then return nil, expected end
    return value
  end
end

--- A number in [least, most]; either may be absent.
function options.range(least, most)
  local expected = "a number"
  if least and most then expected = ("a number from %g to %g"):format(least, most)
  elseif least then expected = ("a number from %g up"):format(least) end
  return function(text)
    local value = read_number(text)
    if not value or (least and value < least) or (most and value > most) then return nil, expected end
    return value
  end
end

options.count = options.integer(0)
options.number = options.range()
options.port = options.integer(0, 65535)

--- An ISO 8601 date or time -> seconds since 1970.
function options.time(text)
  local seconds = sys.parse_iso(text)
  if not seconds then return nil, "an ISO 8601 date or time, such as 2022-02-02T15:17:07Z" end
  return seconds
end

--- Units of bytes: a MB is a million, a MiB 2^20.
options.bytes = { B = 1, kB = 1e3, KB = 1e3, MB = 1e6, GB = 1e9, KiB = 1 << 10, MiB = 1 << 20, GiB = 1 << 30 }

local units = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400, w = 604800 }

--- "500ms", "10s", "5m", "1h", "2d", "1w", or seconds without a unit -> seconds.
function options.duration(text)
  local digits, unit = text:match("^([%d.]+)(%a*)$")
  local value = tonumber(digits)
  local factor = units[unit == "" and "s" or unit]
  if not value or not factor then return nil, "a duration, such as 500ms, 10s, 5m or 1h" end
  return value * factor
end

--- A time that is over, or how long ago ("10m") -> seconds since 1970.
function options.past(text)
  local seconds, ago = sys.parse_iso(text), options.duration(text)
  if seconds and seconds <= sys.now() then return seconds end
  if ago and not seconds then return sys.now() - ago end
  return nil, "a past time such as 2022-02-02T15:17:07Z, or how long ago, such as 10m"
end

--- Any text but none.
function options.text(text)
  if text == "" then return nil, "a text of at least one character" end
  return text
end

--- A text that says where a file is.
function options.file(text)
  if text == "" then return nil, "a file's name" end
  return text
end

--- One of the words.
function options.choice(words)
  local known = {}
  for _, word in ipairs(words) do known[word] = true end
  return function(text)
    if known[text] then return text end
    return nil, "one of " .. table.concat(words, ", ") .. did_you_mean(text, words)
  end
end

-- ---- reading the words ----

local help = { "--help", nil, "this text", short = "-h" }

local function key_of(option)
  return (option[1]:gsub("^%-%-", ""):gsub("%-", "_"))
end

local function value_of(definition, name, text)
  if not definition.parse then return text end
  local value, expected = definition.parse(text)
  if value == nil then usage("%s: '%s' is not %s", name, text, expected) end
  return value
end

--- The names that the words may use, and their options.
local function index(command)
  local by_name, names = {}, {}
  local function add(option)
    by_name[option[1]] = option
    names[#names + 1] = option[1]
    if option.short then by_name[option.short] = option end
  end
  for _, option in ipairs(command.options or {}) do add(option) end
  add(help)
  return by_name, names
end

-- What the unknown word may have been meant for: -n5 and -n=5 are -n 5.
local function meant(by_name, names, word)
  local short, text = word:match "^(%-%a)=?(.+)$"
  if short and by_name[short] and by_name[short][2] then return (" (did you mean %s %s?)"):format(short, text) end
  return did_you_mean(word, names)
end

local function take_option(values, option, name, text)
  local key = key_of(option)
  local value = not option[2] or value_of(option, name, text)
  if option.many then
    values[key] = values[key] or {}
    table.insert(values[key], value)
  elseif values[key] ~= nil then
    usage("%s is given twice", option[1])
  else
    values[key] = value
  end
end

local function check_arguments(command, words)
  local definitions = command.arguments or {}
  local arguments = {}
  for i, definition in ipairs(definitions) do
    if not words[i] and not definition.optional then usage("%s is missing: %s", definition[1], definition[2]) end
    for j = i, definition.many and #words or i do
      if words[j] then arguments[j] = value_of(definition, definition[1], words[j]) end
    end
  end
  local last = definitions[#definitions]
  if #words > #definitions and not (last and last.many) then
    usage("unexpected argument '%s'", words[#definitions + 1])
  end
  return arguments
end

--- Reads the words of one command.
--- @param command { options = {...}, arguments = {...}, plain = true when words after the first argument
---   belong to it }
--- @return the arguments by position, the options' values by name (values.help when it was asked for)
function options.parse(command, argv)
  local by_name, names = index(command)
  local words, values = {}, {}
  local i, open = 1, true
  while i <= #argv do
    local word = argv[i]
    if not open or not word:find("^%-.") or tonumber(word) then
      words[#words + 1] = word
      if command.plain then open = false end
    elseif word == "--" then
      open = false
    else
      local name, text = word:match("^(%-%-[^=]+)=(.*)$")
      name = name or word
      local option = by_name[name] or usage("unknown option %s%s", name, meant(by_name, names, name))
      if not option[2] and text then usage("%s takes no value", name) end
      if option[2] and not text then
        i = i + 1
        text = argv[i] or usage("%s needs a value: %s", name, option[2])
      end
      take_option(values, option, name, text)
    end
    i = i + 1
  end
  if values.help then return {}, values end
  local arguments = check_arguments(command, words)
  for _, option in ipairs(command.options or {}) do
    local key = key_of(option)
    if values[key] == nil then values[key] = option.default end
  end
  return arguments, values
end

-- ---- explaining them ----

local line_width = 80 -- of help, so that it fits any terminal

--- The words of a text in lines of at most 80 places.
--- @param indent where the first line begins; spaces before the others
function options.wrap(text, indent)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and indent + #line + 1 + #word <= line_width then
      line = line .. " " .. word
    else
      lines[#lines + 1], line = line, word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

local name_width = 24

--- A row of help: a name, and what is said of it, in lines beside it.
function options.describe(name, text, width)
  width = width or name_width
  local indent = width + 4
  local gap = #name > width and "\n" .. (" "):rep(indent) or (" "):rep(indent - 2 - #name)
  return ("  %s%s%s\n"):format(name, gap, options.wrap(text, indent))
end

local describe = options.describe

-- A paragraph that begins with a space stands as it is.
local function fill(description)
  local paragraphs = {}
  for paragraph in (description:gsub("\n*$", "\n\n")):gmatch "(.-)\n\n" do
    paragraphs[#paragraphs + 1] = paragraph:find "^ " and paragraph or options.wrap(paragraph, 0)
  end
  return table.concat(paragraphs, "\n\n") .. "\n"
end

--- The help text of a command, made from its table.
function options.explain(name, summary, command)
  local out = { "usage: kinessis ", name, " [OPTIONS]" }
  for _, a in ipairs(command.arguments or {}) do
    out[#out + 1] = (a.optional and " [%s]" or " %s"):format(a[1] .. (a.many and "..." or ""))
  end
  out[#out + 1] = "\n\n" .. options.wrap(summary:gsub("^%l", string.upper) .. ".", 0) .. "\n"
  if command.description then out[#out + 1] = "\n" .. fill(command.description) end
  if command.arguments and command.arguments[1] then
    out[#out + 1] = "\narguments:\n"
    for _, a in ipairs(command.arguments) do out[#out + 1] = describe(a[1], a[2]) end
  end
  out[#out + 1] = "\noptions:\n"
  local rows = table.move(command.options or {}, 1, #(command.options or {}), 1, {})
  rows[#rows + 1] = help
  for _, option in ipairs(rows) do
    local left = (option.short and option.short .. ", " or "    ") .. option[1]
      .. (option[2] and " " .. option[2] or "")
    local right = option[3]
    if option.default ~= nil then right = right .. (" (default: %s)"):format(option.default) end
    out[#out + 1] = describe(left, right)
  end
  return table.concat(out)
end

return options
