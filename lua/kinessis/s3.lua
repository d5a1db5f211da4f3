--- Objects of JSON lines in an S3 bucket.
---
---     to = kinessis.s3 { bucket = "my-people" }
---     to = kinessis.s3 { bucket = "my-people", prefix = "people/!{timestamp:yyyy/MM/dd/HH}/", size = "16MB",
---       gzip = false }
---
--- An object ends before the record that would take it above `size` ("64MB"; 64KiB to 256MiB, of lines, before
--- gzip), and is called <prefix><schema>-<seed>-<index of its first record>.json.gz: the same seed makes the
--- same objects with any number of workers, and replaces them when it is run again. prefix is the schema's name
--- and a slash unless it is given; !{timestamp:...} in it is the time of the object's first record (the
--- simulated clock's, else the wall clock's).
local check = require "kinessis.check"
local options = require "kinessis.options"

local least, most = 64 << 10, 256 << 20 -- KN_S3_SIZE_LEAST, _MOST

local function read_size(value)
  if type(value) == "string" then
    local digits, unit = value:match "^([%d.]+) ?(%a+)$"
    local number = tonumber(digits)
    value = number and options.bytes[unit] and (number * options.bytes[unit] + 0.5) // 1
  end
  return type(value) == "number" and value >= least and value <= most and math.tointeger(value) or nil
end

local function is_size(value)
  if not read_size(value) then
    return ("a size from 64KiB to 256MiB is expected, such as '64MB', not %s"):format(check.show(value))
  end
end

local function is_prefix(value)
  if type(value) ~= "string" then return ("a string is expected, not %s"):format(check.show(value)) end
  if #value > 900 then return "is longer than 900 bytes: a key has 1024 at most" end
  local rest = value:gsub("!{timestamp:[yMdHms/_ :.%-]+}", "")
  if rest:find("!{", 1, true) then
    return ("%s: only !{timestamp:...} of the letters y, M, d, H, m, s is known, as in !{timestamp:yyyy/MM/dd/HH}")
      :format(check.show(value))
  end
end

local rules = {
  bucket = { check.text("^[%l%d][%l%d.-]+[%l%d]$", 63, "a bucket name: 3 to 63 of a-z 0-9 . -"),
    required = "the bucket's name" },
  prefix = { is_prefix },
  size = { is_size },
  gzip = { check.boolean },
  pace = { check.anything }, -- the scenario refuses it: it knows which destination this is
}

return function(given)
  check("s3", given, rules, 3)
  local s3 = { kind = "s3", service = "s3", label = "S3" }
  for key, value in pairs(given) do s3[key] = value end
  s3.name = s3.bucket
  s3.size = read_size(given.size or "64MB")
  s3.gzip = given.gzip ~= false
  return s3
end
