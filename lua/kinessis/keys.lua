--- The keys of a scenario's records: for each destination the values that its members partition_key and
--- explicit_hash_key ask for. A value is the name of a field, or a provider or function(ctx) whose value
--- is made for each record and not written.
---
--- What can be known of a key is checked here; what cannot fails with its record, alone.
--- https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html
local keys = {}

local most_hash = "340282366920938463463374607431768211455" -- 2^128 - 1

local function partition_key(text)
  if text == "" then return "is empty: a partition key has 1 to 256 characters" end
  if (utf8.len(text) or #text) > 256 then return "is longer than the 256 characters of a partition key" end
end

local function explicit_hash_key(text)
  if not (text == "0" or text:find "^[1-9]%d*$") or #text > #most_hash or #text == #most_hash and text > most_hash then
    return "is no explicit hash key: a whole number from 0 to 2^128 - 1, in decimal digits, is expected"
  end
end

local whole = { string = true, tinyint = true, smallint = true, int = true, bigint = true, decimal = true }

--- By member of a destination: what is wrong with a text, and with the type of the value.
keys.members = {
  { name = "partition_key", wrong = partition_key },
  { name = "explicit_hash_key", wrong = explicit_hash_key, types = whole },
}

-- What is wrong with the texts that the provider chooses from, where it is as simple as that.
local function wrong_word(node, wrong)
  local choices = node and (node.op == "pick" or node.op == "weighted") and node.words or {}
  for _, word in ipairs(choices) do
    local problem = wrong(tostring(word))
    if problem then return ("%q %s"):format(#tostring(word) > 40 and word:sub(1, 37) .. "..." or word, problem) end
  end
end

local function mistake(member, value, kind)
  if member.types and (not member.types[kind:match "^%a+"] or kind:find "^decimal" and not kind:find ",0%)$") then
    return ("is of type %s: a whole number is expected"):format(kind)
  end
  return type(value) == "table" and wrong_word(value.node, member.wrong)
end

--- @param schema of the records
--- @param destinations a list
--- @param numbered they are a list in the scenario too
--- @return { values = what schema:plan keeps, of = destination -> member -> the number of its value, named =
---   a list of { path =, member =, number =, destination = } }; or nil, what is wrong and whose ("to.partition_key")
function keys.of(schema, destinations, numbered)
  local found = { values = {}, of = {}, named = {} }
  for i, destination in ipairs(destinations) do
    local numbers = {}
    for _, member in ipairs(keys.members) do
      local given = destination[member.name]
      if given ~= nil then
        local path = ("to%s.%s"):format(numbered and ("[%d]"):format(i) or "", member.name)
        local value, kind = schema:value(path, given)
        local problem = not value and kind or mistake(member, value, kind)
        if problem then return nil, ("schema %s: %s"):format(schema.name, problem), path end
        table.insert(found.values, value)
        numbers[member.name] = #found.values
        table.insert(found.named, {
          path = type(value) == "string" and value or path, member = member, number = #found.values,
          destination = destination,
        })
      end
    end
    found.of[destination] = numbers
  end
  return found
end

return keys
