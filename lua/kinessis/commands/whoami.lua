--- kinessis whoami: whose credentials sign the requests, and where the requests go.
local json = require "kinessis.json"
local report = require "kinessis.report"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local whoami = {
  description = [[
Looks for credentials, region and endpoints as every other command does, and asks the target's STS whose they
are. Nothing secret is printed: of the access key, only its first and last four letters. Where no region is found, or
no endpoint, the credentials are printed all the same.
]],
  options = { { "--json", nil, "print one JSON object" } },
}

for _, option in ipairs(target.options) do
  local copy = table.move(option, 1, #option, 1, {})
  for name, value in pairs(option) do copy[name] = value end
  if copy[1] == "--target" then copy.default = "aws" end -- the lake takes anybody
  table.insert(whoami.options, copy)
end

local region_sources = {
  given = "given",
  default = "the default for an endpoint of one's own",
  profile = "the profile's",
}

--- Opens all at once: they share the credentials, which are looked for only by the first.
--- @return the clients by service; their descriptions, { { name, description }, ... }, or nil and an error
local function open(where)
  local aws = require "kinessis.aws"
  local clients, found = {}, {}
  for _, api in ipairs(require("kinessis.core.aws").apis()) do
    if api.name ~= "lake" then
      clients[api.name] = aws[api.name](where.config)
      local description, err = clients[api.name]:endpoint()
      if not description then return clients, nil, err end
      found[#found + 1] = { api.name, description }
    end
  end
  return clients, found
end

--- "54 minutes", "2 hours"
local function span(seconds)
  if seconds < 120 then return ("%d seconds"):format(seconds) end
  if seconds < 7200 then return ("%d minutes"):format(seconds // 60) end
  return ("%d hours"):format(seconds // 3600)
end

local function expiry(seconds)
  if not seconds then return "not known, or never" end
  local left = seconds - os.time()
  return ("%s (%s)"):format(sys.iso(seconds), left > 0 and "in " .. span(left) or "past, by this machine's clock")
end

local function region_of(description)
  if not description.region then return "not known" end
  local from = description.region_from
  return ("%s (%s)"):format(description.region, region_sources[from] or from)
end

local function print_text(found, caller)
  local first = found[1][2]
  local lines = {
    { "account", caller and caller.Account },
    { "arn", caller and caller.Arn },
    { "credentials", first.credentials },
    { "access key", first.access_key },
    { "expires", expiry(first.expires) },
    { "region", region_of(first) },
  }
  for i, row in ipairs(found) do
    lines[#lines + 1] = { i == 1 and "endpoints" or "", row[2].url and ("%-9s %s"):format(row[1], row[2].url) }
  end
  for _, line in ipairs(lines) do
    if line[2] then io.stdout:write(("%-12s %s\n"):format(line[1], report.printable(line[2]))) end
  end
end

local function print_json(found, caller)
  local first, null = found[1][2], json.bare "null"
  local urls = {}
  for _, row in ipairs(found) do
    if row[2].url then urls[#urls + 1] = { row[1], row[2].url } end
  end
  io.stdout:write(json.write {
    { "account", caller and caller.Account or null },
    { "arn", caller and caller.Arn or null },
    { "user_id", caller and caller.UserId or null },
    { "credentials", first.credentials },
    { "access_key", first.access_key },
    { "expires", first.expires and sys.iso(first.expires) or null },
    { "region", first.region or null },
    { "region_from", first.region_from or null },
    { "endpoints", urls },
  })
end

-- What is known where no client can be opened: whose credentials would sign.
local function only_credentials(where)
  local description = require("kinessis.core.aws").credentials(where.config)
  return description and { { "", description } }
end

function whoami.run(_, given)
  local where <close>, err = target.from(given)
  if not where then return nil, err end
  local clients, found, caller
  clients, found, err = open(where)
  if found then
    caller, err = clients.sts:get_caller_identity {}
  end
  for _, client in pairs(clients) do client:close() end
  if not found and err.code == "invalid" then found = only_credentials(where) end
  if not found then return nil, err end
  local show = given.json and print_json or print_text
  show(found, caller)
  if not caller then return nil, err end
  return 0
end

return whoami
