-- One JSON object a line on stdin: { config =, presign = }. Prints the presigned URLs.
local aws = require("kinessis").aws
local json = require "cjson"

for line in io.lines() do
  local asked = json.decode(line)
  print(assert(aws.s3(asked.config):presign(asked.presign)))
end
