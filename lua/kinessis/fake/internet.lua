--- The internet: addresses, names, requests. Names are those that RFC 2606 and RFC 6761 reserve, so
--- nothing here is anybody's.
local blame = require "kinessis.blame"
local pattern = require "kinessis.fake.pattern"
local provider = require "kinessis.fake.provider"
local words = require "kinessis.locales.en_US"

local internet = {}

local function text(parts) return { parts = parts, type = "string", text = true } end
local function pick(list) return provider.new(provider.pick(list)) end
local function number(min, max) return provider.new { op = "integer", min = min, max = max, type = "int" } end

local function weighted(pairs_of, kind)
  local list, weights = {}, {}
  for i, pair in ipairs(pairs_of) do list[i], weights[i] = pair[1], pair[2] end
  return { op = "weighted", words = list, weights = weights, type = kind or "string", text = kind == nil or nil }
end

-- "10.0.0.0/8" as the first and the last address.
local function read_cidr(cidr)
  local a, b, c, d, bits = cidr:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$"
  local value = 0
  for _, octet in ipairs { a or 256, b, c, d } do
    if tonumber(octet) > 255 then a = nil end
    value = value << 8 | tonumber(octet)
  end
  bits = tonumber(bits)
  if not a or bits > 32 then provider.refuse('cidr must be like "10.0.0.0/8", not %s', blame.show(cidr)) end
  local mask = 0xFFFFFFFF >> bits
  return value & ~mask, value | mask
end

internet.ipv4 = {
  "an IPv4 address of a network",
  arguments = { { "cidr", "string", "0.0.0.0/0" } },
  type = "string",
  example = 'fake.ipv4("10.0.0.0/8")', shows = '^"10%.%d+%.%d+%.%d+"$',
  make = function(cidr)
    local min, max = read_cidr(cidr)
    return { op = "ipv4", min = min, max = max, type = "string", text = true }
  end,
}

internet.ipv6 = {
  "an IPv6 address that begins with the prefix; by default in the range for documentation",
  arguments = { { "prefix", "string", "2001:db8", "up to seven groups" } },
  type = "string",
  example = "fake.ipv6()", shows = '^"2001:db8:[%x:]+"$',
  make = function(prefix)
    local groups = 0
    for group in (prefix .. ":"):gmatch "([^:]*):" do
      groups = groups + 1
      if not group:find "^[1-9a-f]%x?%x?%x?$" or group:find "%u" then groups = 9 end
    end
    if groups > 7 then
      provider.refuse('prefix must be one to seven groups like "2001:db8", without zeros before a group, not %s',
        blame.show(prefix))
    end
    return text { prefix .. ":", provider.new { op = "ipv6", groups = 8 - groups, type = "string", text = true } }
  end,
}

internet.mac = {
  "a MAC address; by default a locally administered one",
  arguments = {
    { "prefix", "string", "02", "its first one to five bytes" }, { "separator", "choice", ":", of = { ":", "-", "" } },
  },
  type = "string",
  example = "fake.mac()", shows = '^"02[%x:]+"$',
  make = function(prefix, separator)
    local bytes = {}
    for byte in prefix:gmatch "%x%x" do bytes[#bytes + 1] = byte:lower() end
    local bare = prefix:gsub("[:-]", "")
    if #bytes == 0 or #bytes > 5 or bare:find "[^%x]" or #bare % 2 == 1 then
      provider.refuse('prefix must be one to five bytes like "02:ab", not %s', blame.show(prefix))
    end
    for i = #bytes + 1, 6 do bytes[i] = "~~" end
    return pattern.new({ table.concat(bytes, separator) }, nil, nil, "~")
  end,
}

internet.port = {
  "a port number",
  arguments = { { "min", "integer", 1024, least = 0, most = 65535 }, { "max", "integer", 65535, least = 0,
    most = 65535 } },
  type = "int",
  example = "fake.port()", shows = "^%d+$",
  make = function(min, max)
    if min > max then provider.refuse("min %d is greater than max %d", min, max) end
    return { op = "integer", min = min, max = max, type = "int" }
  end,
}

local domains = { "example.com", "example.net", "example.org" }

local function plain_words()
  local list = {}
  for i, word in ipairs(words.word) do list[i] = word:lower():gsub("[^%l]", "") end
  return list
end
local names = plain_words()

local function slug(n)
  local parts = {}
  for i = 1, n do
    parts[#parts + 1] = i > 1 and "-" or nil
    parts[#parts + 1] = pick(names)
  end
  return provider.new(text(parts))
end

internet.domain = {
  "a host name under example.com, example.net or example.org",
  type = "string",
  example = "fake.domain()", shows = '^"%l+%.example%.%l+"$',
  make = function() return text { pick(names), ".", pick(domains) } end,
}

internet.slug = {
  "n words with hyphens between them",
  arguments = { { "n", "integer", 3, least = 1, most = 20 } },
  type = "string",
  example = "fake.slug(3)", shows = '^"%l+%-%l+%-%l+"$',
  make = slug,
}

local sections = { "products", "blog", "account", "search", "cart", "help", "news", "orders", "users", "categories" }

internet.path = {
  "the path of a page",
  type = "string",
  example = "fake.path()", shows = '^"/%l+/[%l-]+"$',
  make = function() return text { "/", pick(sections), "/", slug(2) } end,
}

internet.url = {
  "an address of a page",
  arguments = { { "scheme", "choice", "https", of = { "http", "https", "ftp", "ws", "wss" } } },
  type = "string",
  example = "fake.url()", shows = '^"https://%l+%.example%.%l+/%l+/[%l-]+"$',
  make = function(scheme)
    return text { scheme .. "://", pick(names), ".", pick(domains), "/", pick(sections), "/", slug(2) }
  end,
}

internet.http_method = {
  "a method, GET most often",
  type = "string",
  example = "fake.http_method()", shows = '^"%u+"$',
  make = function()
    return weighted { { "GET", 70 }, { "POST", 15 }, { "PUT", 6 }, { "DELETE", 3 }, { "PATCH", 3 }, { "HEAD", 2 },
      { "OPTIONS", 1 } }
  end,
}

local statuses = {
  { 200, 7500 }, { 201, 500 }, { 202, 60 }, { 204, 300 }, { 206, 60 }, { 301, 150 }, { 302, 250 }, { 304, 400 },
  { 307, 40 }, { 400, 130 }, { 401, 120 }, { 403, 90 }, { 404, 300 }, { 405, 10 }, { 409, 25 }, { 410, 5 },
  { 422, 30 }, { 429, 40 }, { 500, 50 }, { 502, 20 }, { 503, 30 }, { 504, 15 },
}

local classes = { any = 0, success = 2, redirect = 3, client_error = 4, server_error = 5 }

internet.http_status = {
  "a status code, 200 most often",
  arguments = {
    { "class", "choice", "any", of = { "any", "success", "redirect", "client_error", "server_error" } },
  },
  type = "int",
  example = 'fake.http_status("client_error")', shows = "^4%d%d$",
  make = function(class)
    local kept = {}
    for _, status in ipairs(statuses) do
      if class == "any" or status[1] // 100 == classes[class] then kept[#kept + 1] = status end
    end
    return weighted(kept, "int")
  end,
}

internet.http_version = {
  "a version of HTTP",
  type = "string",
  example = "fake.http_version()", shows = '^"HTTP/[%d.]+"$',
  make = function() return weighted { { "HTTP/1.1", 40 }, { "HTTP/2", 45 }, { "HTTP/3", 14 }, { "HTTP/1.0", 1 } } end,
}

internet.mime_type = {
  "a media type",
  type = "string",
  example = "fake.mime_type()", shows = '^"%l+/[%w.+-]+"$',
  make = function()
    return weighted {
      { "text/html", 25 }, { "application/json", 25 }, { "image/jpeg", 10 }, { "image/png", 10 }, { "text/css", 6 },
      { "text/javascript", 8 }, { "image/svg+xml", 3 }, { "image/webp", 4 }, { "application/pdf", 2 },
      { "application/xml", 2 }, { "text/plain", 2 }, { "text/csv", 1 }, { "application/octet-stream", 2 },
      { "application/zip", 1 }, { "video/mp4", 2 }, { "audio/mpeg", 1 }, { "font/woff2", 2 }, { "image/gif", 1 },
    }
  end,
}

local extensions = { "jpg", "png", "pdf", "csv", "json", "txt", "xlsx", "docx", "zip", "mp4", "html", "xml", "parquet" }

internet.file_name = {
  "the name of a file, with an extension",
  type = "string",
  example = "fake.file_name()", shows = '^"%l+_%l+%.%w+"$',
  make = function() return text { pick(names), "_", pick(names), ".", pick(extensions) } end,
}

internet.hex_color = {
  "a colour as HTML writes it",
  type = "string",
  example = "fake.hex_color()", shows = '^"#%x%x%x%x%x%x"$',
  make = function() return text { "#", provider.new { op = "hex", n = 6, type = "string", text = true } } end,
}

internet.log_level = {
  "a level of log lines, INFO most often",
  type = "string",
  example = "fake.log_level()", shows = '^"%u+"$',
  make = function()
    return weighted { { "DEBUG", 15 }, { "INFO", 70 }, { "WARN", 9 }, { "ERROR", 5 }, { "FATAL", 1 } }
  end,
}

-- ---- user agents ----

local function chrome(system)
  return text { "Mozilla/5.0 (", system, ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/", number(100, 131),
    ".0.0.0 Safari/537.36" }
end

-- A number that stands in a text as often as it is called, and is the same each time.
local function repeated(min, max)
  local draw = {}
  return function()
    local made = number(min, max)
    made.draw = draw
    return made
  end
end

local function firefox(system)
  local same = repeated(100, 133)
  return text { "Mozilla/5.0 (", system, "; rv:", same(), ".0) Gecko/20100101 Firefox/", same(), ".0" }
end

internet.user_agent = {
  "the name that a browser gives itself, common ones more often",
  type = "string",
  example = "fake.user_agent()", shows = '^"Mozilla/5%.0 %(',
  make = function()
    local windows, mac = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"
    local major, minor, edition = repeated(15, 18), repeated(0, 6), repeated(100, 131)
    local iphone = text { "Mozilla/5.0 (iPhone; CPU iPhone OS ", major(), "_", minor(),
      " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/", major(), ".", minor(),
      " Mobile/15E148 Safari/604.1" }
    local safari = text { "Mozilla/5.0 (", mac, ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/", number(15, 18),
      ".",
      number(0, 6), " Safari/605.1.15" }
    local android = text { "Mozilla/5.0 (Linux; Android ", number(10, 15),
      "; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
      number(100, 131), ".0.0.0 Mobile Safari/537.36" }
    local edge = text { "Mozilla/5.0 (", windows,
      ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/", edition(),
      ".0.0.0 Safari/537.36 Edg/", edition(), ".0.0.0" }
    local cases = { chrome(windows), android, iphone, chrome(mac), edge, safari, firefox(windows),
      chrome "X11; Linux x86_64",
      firefox "X11; Linux x86_64" }
    local list = {}
    for i, case in ipairs(cases) do cases[i], list[i] = provider.new(case), "" end
    return { op = "choose", words = list, weights = { 30, 25, 17, 7, 6, 6, 5, 2, 2 }, cases = cases, type = "string",
      text = true }
  end,
}

return internet
