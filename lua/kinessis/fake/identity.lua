--- Identifiers.
local blame = require "kinessis.blame"
local provider = require "kinessis.fake.provider"

local identity = {}

identity.uuid = {
  "a random UUID, version 4 (RFC 9562)",
  type = "string",
  example = "fake.uuid()", shows = '^"%x+%-%x+%-4%x+%-[89ab]%x+%-%x+"$',
  make = function() return { op = "uuid", type = "string", text = true } end,
}

identity.uuid7 = {
  "a UUID, version 7 (RFC 9562): the record's time, then random. In the order of the records it only grows (on the "
    .. "simulated clock; on the wall clock as long as a worker makes fewer than 67 million in a millisecond)",
  type = "string",
  example = "fake.uuid7()", shows = '^"%x+%-%x+%-7%x+%-[89ab]%x+%-%x+"$',
  make = function() return { op = "uuid7", type = "string", text = true } end,
}

identity.ulid = {
  "a ULID: the record's time and randomness in 26 characters; it grows like a UUID of version 7",
  type = "string",
  example = "fake.ulid()", shows = '^"[0-7][0-9A-HJKMNP-TV-Z]+"$',
  make = function() return { op = "ulid", type = "string", text = true } end,
}

identity.snowflake = {
  "a snowflake: 41 bits of milliseconds since `epoch`, 10 of the machine, 12 of the record's index",
  arguments = {
    { "machine", "integer", 0, least = 0, most = 1023 },
    { "epoch", "integer", 1288834974657, "ms since 1970", least = 0, most = 1 << 50 },
  },
  type = "bigint",
  example = "fake.snowflake(1)", shows = "^%d+$",
  make = function(machine, epoch) return { op = "snowflake", epoch = epoch, machine = machine, type = "bigint" } end,
}

identity.nanoid = {
  "a random identifier of size characters: letters, digits, - and _, or those of an alphabet of your own",
  arguments = {
    { "size", "integer", 21, least = 1, most = 256 }, { "alphabet?", "string", nil, "different characters" },
  },
  type = "string",
  example = "fake.nanoid()", shows = '^"[%w_-]+"$',
  make = function(size, alphabet)
    if not alphabet then return { op = "nanoid", n = size, type = "string", text = true } end
    local words, seen = {}, {}
    for _, code in utf8.codes(alphabet) do
      local char = utf8.char(code)
      if seen[char] then provider.refuse("the alphabet has %s twice", blame.show(char)) end
      seen[char], words[#words + 1] = true, char
    end
    if #words == 0 then provider.refuse("the alphabet is empty") end
    return { op = "letters", n = size, words = words, type = "string", text = true }
  end,
}

identity.hex = {
  "n hexadecimal digits",
  arguments = { { "n", "integer", 16, least = 1, most = 4096 } },
  type = "string",
  example = "fake.hex(8)", shows = '^"%x%x%x%x%x%x%x%x"$',
  make = function(n) return { op = "hex", n = n, type = "string", text = true } end,
}

local digests = { md5 = 32, sha1 = 40, sha256 = 64, sha512 = 128 }

identity.hash = {
  "random hexadecimal digits of the length of a digest",
  arguments = { { "algorithm", "choice", "sha256", of = { "md5", "sha1", "sha256", "sha512" } } },
  type = "string",
  example = 'fake.hash("md5")', shows = '^"%x+"$',
  make = function(algorithm) return { op = "hex", n = digests[algorithm], type = "string", text = true } end,
}

return identity
