--- The lines of a dead-letter file (their format: src/run/dead_letters.h).
local cjson = require "cjson"

local dead_letter = {}

local services = { kinesis = true, firehose = true }

local function is_text_or_absent(value) return value == nil or type(value) == "string" end

--- @return the letter: service, name, target, index, data, partition_key, ...; or nil for a line that is none
function dead_letter.read(line)
  local ok, letter = pcall(cjson.decode, line)
  if not ok or type(letter) ~= "table" then return nil end
  if not services[letter.service] or type(letter.name) ~= "string" then return nil end
  if not (is_text_or_absent(letter.partition_key) and is_text_or_absent(letter.explicit_hash_key)) then return nil end
  local data = letter.data
  if type(letter.data_base64) == "string" then
    data = require("kinessis.core.encoding").unbase64(letter.data_base64)
  end
  if type(data) ~= "string" then return nil end
  letter.data = data
  letter.index = math.tointeger(letter.index) or 0
  return letter
end

return dead_letter
