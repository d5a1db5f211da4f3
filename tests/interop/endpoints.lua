-- Lines "service region fips dualstack" on stdin; prints the URL that each finds, or "none".
local aws = require("kinessis").aws

for line in io.lines() do
  local service, region, fips, dualstack = line:match "^(%S+) (%S+) (%S+) (%S+)$"
  local found = aws[service]({
    region = region,
    use_fips_endpoint = fips == "True",
    use_dualstack_endpoint = dualstack == "True",
    access_key = "AKID",
    secret_key = "secret",
  }):endpoint()
  print(found and found.url or "none")
end
