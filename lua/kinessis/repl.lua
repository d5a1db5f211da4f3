--- The REPL: reads chunks, runs them, shows what they give. Errors never end it.
---
--- The library's parts are globals (fake, pace, schema, ...), the script's value is `script`, the last
--- value is `_`. Ctrl-C stops a running chunk or clears the line; Ctrl-D leaves. When stdin is no
--- terminal, chunks are read from it without prompts, and the exit code tells whether one failed.
local core = require "kinessis.core.repl"
local kinessis = require "kinessis"
local did_you_mean = require("kinessis.options").did_you_mean
local pretty = require "kinessis.pretty"
local provider = require "kinessis.fake.provider"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local repl = {}

local Session = {}
Session.__index = Session

-- ---- showing values ----

local samples = 3 -- records shown of a schema

local function member(value, name)
  local found, inner = pcall(function() return value[name] end)
  return found and inner or nil
end

--- The schema that a value is or holds (a scenario's records), or nil.
local function schema_of(value)
  if type(value) ~= "table" and type(value) ~= "userdata" then return nil end
  if member(value, "sample") and member(value, "columns") then return value end
  local records = member(value, "records")
  return records and member(records, "sample") and records or nil
end

local function show_samples(schema, count)
  for _, record in ipairs(schema:sample(count)) do
    io.stdout:write(type(record) == "string" and record or pretty(record), "\n")
  end
end

--- A provider by what it makes; one that cannot stand in a schema raises why.
local function show_provider(value)
  local schema = kinessis.schema(value.name or "provider", { { "value", value } })
  io.stdout:write(("-- provider of %s; for example:\n"):format(schema:columns()[1].type))
  for _, record in ipairs(schema:sample(samples)) do
    io.stdout:write(record:match '^{"value":(.*)}$', "\n")
  end
end

local function show(value)
  if provider.is(value) then return show_provider(value) end
  local schema = schema_of(value)
  if not schema then
    io.stdout:write(pretty(value), "\n")
    return
  end
  local columns = #schema:columns()
  io.stdout:write(("-- %s%s, %d column%s; for example:\n"):format(schema == value and "" or "scenario of ",
    "schema " .. schema.name, columns, columns == 1 and "" or "s"))
  show_samples(schema, samples)
end

--- Shows the values and keeps the first as `_`.
local function show_all(values)
  if values.n == 0 then return end
  _G._ = values[1]
  for i = 1, values.n do show(values[i]) end
end

-- ---- running chunks ----

function Session:complain(message)
  self.failed = true
  io.stdout:flush()
  io.stderr:write(tostring(message), "\n")
end

--- Calls f, which Ctrl-C interrupts; says what went wrong.
function Session:guard(f, ...)
  local result = table.pack(core.call(f, ...))
  if not result[1] then
    self:complain(result[2])
    local stop = self.stop_query
    self.stop_query = nil
    if stop then self:guard(stop) end
    return nil
  end
  return table.move(result, 2, result.n, 1, { n = result.n - 1 })
end

--- @return the chunk's function; or nil and what is wrong, "more" when the text is only a beginning
local function compile(text)
  local chunk, as_expression = load("return " .. text, "=stdin", "t")
  if chunk then return chunk end
  local message
  chunk, message = load(text, "=stdin", "t")
  if chunk then return chunk end
  local more = message:find "<eof>$" or as_expression:find "<eof>$"
  return nil, more and "more" or message
end

function Session:run(chunk)
  local values = self:guard(chunk)
  if values then self:guard(show_all, values) end
end

-- ---- commands ----

function Session:target()
  if not self.where then
    local where, err = target.from(self.options)
    if not where then error(err, 0) end
    self.where = where
  end
  return self.where
end

local function load_script(path)
  local script, err = require("kinessis.scenario").load(path)
  if not script then error(err, 0) end
  _G.script, _G._ = script, script
  return script
end

-- { name, argument, what it does, function(session, text) }
local commands = {
  { ".help", "", "this list", function(self)
    for _, row in ipairs(self.commands) do
      io.stdout:write(("  %-14s %s\n"):format(row[1] .. " " .. row[2], row[3]))
    end
    io.stdout:write("Anything else is Lua: an expression is shown, `_` is the last value.\n")
  end },
  { ".load", "FILE", "run a scenario's file; its value becomes `script`", function(_, path)
    if path == "" then error(sys.error("usage", ".load FILE: which file?"), 0) end
    show(load_script(path))
  end },
  { ".fake", "[NAME]", "the providers of values, or one of them explained", function(_, name)
    local document = require "kinessis.fake.document"
    if name == "" then return io.stdout:write(document.list()) end
    local text, names = document.explain(name:gsub("^fake%.", ""))
    if not text then
      error(sys.error("usage", ("unknown provider %s%s"):format(name, did_you_mean(name, names))), 0)
    end
    io.stdout:write(text)
  end },
  { ".sample", "[N]", "N records of `_` or of `script`", function(_, text)
    local count = text == "" and 1 or math.tointeger(tonumber(text))
    if not count or count < 1 then error(sys.error("usage", ".sample N: a whole number from 1 up"), 0) end
    local schema = schema_of(_G._) or schema_of(_G.script)
    if not schema then error(sys.error("usage", ".sample: neither `_` nor `script` is a schema or a scenario"), 0) end
    show_samples(schema, count)
  end },
  { ".query", "SQL", "run SQL through Athena", function(self, statement)
    if statement == "" then error(sys.error("usage", ".query SQL: which statement?"), 0) end
    local result, err = require("kinessis.sql").run(self:target(), statement, {
      on_start = function(stop) self.stop_query = stop end,
    })
    self.stop_query = nil
    if not result then error(err, 0) end
    io.stdout:write(require("kinessis.commands.query").draw(result))
  end },
  { ".quit", "", "leave (so does Ctrl-D)", function(self) self.over = true end },
}
Session.commands = commands

function Session:command(line)
  local name, rest = line:match "^(%.%a*)%s*(.-)%s*$"
  for _, row in ipairs(commands) do
    if row[1] == name then
      self:guard(row[4], self, rest)
      return
    end
  end
  local names = {}
  for i, row in ipairs(commands) do names[i] = row[1] end
  self:complain(("unknown command %s%s; .help lists them"):format(name,
    require("kinessis.options").did_you_mean(name, names)))
end

-- ---- completion ----

--- What may follow a value and a dot or colon.
local function names_in(value, into)
  local seen = 0
  while value ~= nil and seen < 10 do -- a chain of __index tables
    if type(value) == "table" then
      for key in next, value do into[#into + 1] = key end
    end
    local metatable = debug.getmetatable(value)
    if type(metatable) ~= "table" then return end
    for key in pairs(rawget(metatable, "parts") or {}) do into[#into + 1] = key end -- kinessis itself
    local index = rawget(metatable, "__index")
    value, seen = type(index) == "table" and index or nil, seen + 1
  end
end

local function candidates(line)
  local command = line:match "^%.%a*$"
  local names = {}
  if command then
    for i, row in ipairs(commands) do names[i] = row[1] end
    return names, command
  end
  local path, last, word = line:match "([%a_][%w_.]*)([.:])([%w_]*)$"
  if not path then
    word = line:match "[%a_][%w_]*$" or ""
    if word == "" then return names, word end
    names_in(_G, names)
    return names, word
  end
  local value = _G
  for name in path:gmatch "[^.]+" do value = value and member(value, name) end
  names_in(value, names)
  if last == ":" then
    local methods = {}
    for _, name in ipairs(names) do
      if type(member(value, name)) == "function" then methods[#methods + 1] = name end
    end
    names = methods
  end
  return names, word
end

local function common_beginning(words)
  local first, last = words[1], words[#words] -- sorted: what these share, all share
  local n = 0
  while n < #first and first:byte(n + 1) == last:byte(n + 1) do n = n + 1 end
  return first:sub(1, n)
end

--- @param line the text before the cursor
--- @return the text to insert, and a list to show when there is a choice ("" for none)
function repl.complete(line)
  local names, word = candidates(line)
  local found, seen = {}, {}
  for _, name in ipairs(names) do
    if type(name) == "string" and name:find "^%.?[%a_][%w_]*$" and name:sub(1, #word) == word and not seen[name]
      and not (word == "" and name:find "^__") then
      seen[name] = true
      found[#found + 1] = name
    end
  end
  table.sort(found)
  if #found == 0 then return "", "" end
  local insert = common_beginning(found):sub(#word + 1)
  if insert ~= "" or #found == 1 then return insert, "" end
  return "", table.concat(found, "  ")
end

-- ---- reading ----

--- Where the history is kept: $XDG_STATE_HOME/kinessis/history, else ~/.kinessis_history; nil without a
--- home.
local function history_file()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:find "^/" then
    local made, err = sys.mkdirs(state .. "/kinessis")
    if made then return state .. "/kinessis/history" end
    sys.log("warning", "No history: " .. tostring(err))
    return nil
  end
  return home and home ~= "" and home .. "/.kinessis_history" or nil
end

--- The lines of a terminal: read(prompt) -> line; nil, "end" or "interrupt".
local function terminal_lines()
  local editor = core.editor(history_file(), repl.complete)
  local warned = false
  return {
    read = function(prompt)
      local line, why = editor:read(prompt)
      if line and line:find "%S" then
        local kept, err = editor:add(line)
        if not kept and not warned then sys.log("warning", tostring(err)) end
        warned = warned or not kept
      elseif why then
        io.stdout:write(why == "interrupt" and "^C\n" or "\n")
        io.stdout:flush()
      end
      return line, why
    end,
    close = function() editor:close() end,
  }
end

local function plain_lines()
  return {
    read = function()
      local line = io.read "l"
      return line, not line and "end" or nil
    end,
    close = function() end,
  }
end

local habits = { help = ".help", exit = ".quit", quit = ".quit" } -- what other shells call them

--- One line more: a command, a chunk, or a part of one.
--- @return what is still incomplete, or nil
function Session:take(pending, line)
  local word = line:match "^%s*(%a+)[%s()]*$"
  local habit = not pending and habits[word]
  if habit and _G[word] == nil then line = habit end
  if not pending and line:find "^%.%a" then
    self:command(line)
    return nil
  end
  local text = pending and pending .. "\n" .. line or line
  if not text:find "%S" then return nil end
  local chunk, why = compile(text)
  if chunk then
    self:run(chunk)
  elseif why == "more" then
    return text
  else
    self:complain(why)
  end
  return nil
end

function Session:loop(lines)
  local pending
  repeat
    local line, why = lines.read(pending and ">> " or "> ")
    if line then
      pending = self:take(pending, line)
    elseif why == "interrupt" then
      pending = nil
    end
    io.stdout:flush()
  until self.over or why == "end"
  if pending then self:complain((select(2, load(pending, "=stdin", "t")))) end
end

--- @param path of a scenario to load first, or nil
--- @param options of target.options
--- @return the exit code: on a terminal 0; else 1 when a chunk failed
function repl.run(path, options)
  local session = setmetatable({ options = options }, Session)
  local interactive = sys.isatty(0)
  setmetatable(_G, { __index = kinessis }) -- each part is loaded when it is first named
  _G.kinessis = kinessis
  for _, name in ipairs { "create", "wrap" } do
    local library = _G.coroutine
    library[name] = core.watch(library[name])
  end
  if interactive then
    io.stdout:write(("kinessis %s, %s; .help lists the commands, Ctrl-D leaves\n"):format(sys.version, _VERSION))
  end
  if path then
    local loaded = session:guard(load_script, path)
    if not loaded and not interactive then return 1 end
    if loaded and interactive then session:guard(show, _G.script) end
  end
  local lines = interactive and terminal_lines() or plain_lines()
  local start = kinessis.start
  if interactive then core.while_idle(start.step) end
  session:loop(lines)
  lines.close()
  session:guard(start.stop)
  if session.where then session.where:close() end
  return session.failed and not interactive and 1 or 0
end

return repl
