--- Identifiers.
local identity = {}

identity.uuid = {
  "a random UUID, version 4 (RFC 9562)",
  type = "string",
  example = "fake.uuid()", shows = '^"%x+%-%x+%-4%x+%-[89ab]%x+%-%x+"$',
  make = function() return { op = "uuid", type = "string", text = true } end,
}

return identity
