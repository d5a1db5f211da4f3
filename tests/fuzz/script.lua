--- What tests/fuzz/script.c calls with a number and a text: one of the readers below gets the text. What is
--- wrong with it is an error that says so, never one of Lua's own.
local cjson = require "cjson"
local fake = require "kinessis.fake"
local json = require "kinessis.json"
local options = require "kinessis.options"
local schema = require "kinessis.schema"

local folder = os.tmpname()
os.remove(folder)

-- The text as a file; readers of files keep what they have read by its name.
local function file_of(text, extension)
  local path = folder .. extension
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

local function with_file(text, extension, read)
  local path = file_of(text, extension)
  local ok, problem = pcall(read, path)
  os.remove(path)
  if not ok then error(problem, 0) end
end

local few = 16 * 1024 -- bytes: of longer records only the plan is made

-- What a provider makes is JSON, and no longer than the plan says.
local function make(provider)
  local made = schema("fuzzed", { { "value", provider } })
  local longest = made:plan():max_length()
  if longest > few then return end
  for _, text in ipairs(made:sample(3, { seed = 1, start = 0, step = 1 })) do
    if #text > longest or cjson.decode(text).value == nil then error "attempt to make a record that is none" end
  end
end

local function column(extension)
  return function(text)
    package.loaded["kinessis.fake.datafile"] = nil -- it reads a file once
    with_file(text, extension, function(path)
      local values = require("kinessis.fake.datafile").column(path, "a")
      make(fake.one_of(values))
    end)
  end
end

local function trace(extension)
  return function(text)
    with_file(text, extension, function(path)
      local before = 0
      for _, at in ipairs(require("kinessis.pace.trace").moments { file = path, column = "a", speed = 1 }) do
        if at < before then error "attempt to go back in time" end
        before = at
      end
    end)
  end
end

local function infer(read)
  return function(text)
    with_file(text, ".txt", function(path)
      local file <close> = assert(io.open(path, "rb"))
      require("kinessis.schema.readers")[read](file, path, 100, function() end)
    end)
  end
end

local function state(text)
  local state_file = require "kinessis.state"
  with_file(text, ".json", function(path)
    local read, err = state_file.read(path)
    if not read then error(err, 0) end
    state_file.place(read)
    state_file.head(read)
    state_file.hand_over(read, { { service = "kinesis", name = "a" } }, "lake")
  end)
end

local function letter(text)
  local read = require("kinessis.dead_letter").read(text)
  if not read then return end
  if type(read.data) ~= "string" or not math.tointeger(read.index) or read.partition_key ~= nil
    and type(read.partition_key) ~= "string" or type(read.explicit_hash_key or "") ~= "string" then
    error "attempt to send what is no record"
  end
end

-- Read, written, and read again it is the same.
local function document(text)
  local value, problem, at = json.read(text)
  if not value then
    if not problem or not at or at < 1 or at > #text + 1 then error "attempt to blame a byte that is none" end
  elseif not pcall(cjson.decode, text) and not text:find "\\u" and #text < 100 then
    error "attempt to take what is no JSON"
  end
end

local function parquet(text)
  with_file(text .. string.pack("<I4", #text) .. "PAR1", ".parquet", function(path)
    local file <close> = assert(io.open(path, "rb"))
    require("kinessis.schema.parquet").columns(file, path)
  end)
end

local function values(text)
  for _, name in ipairs { "count", "number", "port", "time", "duration" } do options[name](text) end
  require("kinessis.thresholds").read(text)
  require("kinessis.thresholds").mistake { text }
  require("kinessis.pace.unit").read(text)
  local types = require "kinessis.types"
  local kind = types.parse(text)
  if kind and types.glue(types.parse(types.glue(kind))) ~= types.glue(kind) then error "attempt to change a type" end
end

local function reply(text)
  require("kinessis.aws.json").decode({ name = "kinesis" }, text)
end

local readers = {
  column ".csv", column ".jsonl", trace ".csv", trace ".jsonl", infer "csv", infer "json_lines", state, letter,
  document, parquet, values, reply,
  function(text) make(fake.regex(text)) end,
  function(text) make(fake.pattern(text)) end,
  function(text) make(fake.template(text)) end,
}

local own = { "attempt to ", "bad argument #", "stack overflow", "malformed pattern", "not enough memory",
  "string slice too long", "resulting string too large" }

return function(number, text)
  local ok, problem = pcall(readers[number % #readers + 1], text)
  if ok then return end
  for _, words in ipairs(own) do
    if type(problem) == "string" and problem:find(words, 1, true) then error(problem, 0) end
  end
end
