--- What a table holds, by SQL that Athena and the lake both run: sums first, then ranges of keys, then the rows
--- of the ranges that differ. The texts are those of src/run/verify/row.h.
local sql = require "kinessis.sql"

local verify_table = {}

local ranges_per_query = 10000 -- a statement has at most 256 KiB

-- The first bits of the MD5 of a text, as a number: 4 of them for each of the hexadecimal digits.
local function hash(text, digits)
  return ("from_base(substr(to_hex(md5(to_utf8(%s))), 1, %d), 16)"):format(text, digits)
end

local function identifier(name) return '"' .. name:gsub('"', '""') .. '"' end

--- @param stack the scenario's whole stack @param columns of verify.fields @param key the key's column
--- @param since seconds since 1970, or nil
function verify_table.new(target, stack, columns, key, since)
  local texts = {}
  for i, column in ipairs(columns) do texts[i] = column.sql end
  local self = {
    target = target,
    options = { database = stack.database, workgroup = stack.workgroup },
    row = table.concat(texts, " || chr(31) || "),
    key = key.sql,
    from = (" FROM %s.%s"):format(identifier(stack.database), identifier(stack.table)),
    where = since and (" WHERE datehour >= '%s'"):format(os.date("!%Y/%m/%d/%H", math.floor(since))) or "",
  }
  return setmetatable(self, { __index = verify_table })
end

local function sum_of(row)
  return ("coalesce(CAST(sum(CAST(%s AS decimal(38,0))) AS varchar), '0')"):format(hash(row, 15))
end

--- @return { count =, distinct =, sum = text }; or nil and an error
function verify_table:total()
  local result, err = sql.run(self.target, ("SELECT count(*), count(DISTINCT %s), %s%s%s"):format(
    self.key, sum_of(self.row), self.from, self.where), self.options)
  if not result then return nil, err end
  local row = result.rows[1]
  return { count = math.tointeger(tonumber(row[1])), distinct = math.tointeger(tonumber(row[2])), sum = row[3] }
end

--- Adds the sums of each range to the digest.
function verify_table:ranges(digest)
  return sql.pages(self.target, ("SELECT %s, count(*), %s%s%s GROUP BY 1"):format(
    hash(self.key, 4), sum_of(self.row), self.from, self.where), self.options, function(_, _, rows)
    for _, row in ipairs(rows) do
      digest:add_range(math.tointeger(tonumber(row[1])), math.tointeger(tonumber(row[2])), row[3])
    end
  end)
end

--- Adds the rows of the ranges to the digest.
function verify_table:rows(digest, ranges)
  local also = self.where == "" and " WHERE " or self.where .. " AND "
  for from = 1, #ranges, ranges_per_query do
    local list = table.concat(ranges, ",", from, math.min(from + ranges_per_query - 1, #ranges))
    local added, problem = true, nil
    local ok, err = sql.pages(self.target, ("SELECT %s, %s%s%s%s IN (%s)"):format(
      self.key, self.row, self.from, also, hash(self.key, 4), list), self.options, function(_, _, rows)
      for _, row in ipairs(rows) do
        if added then added, problem = digest:add(row[1], row[2]) end
      end
    end)
    if not ok then return nil, err end
    if not added then return nil, problem end
  end
  return true
end

--- The key and the values of a row's text, for people.
function verify_table.values(columns, text)
  local values, i = {}, 0
  for value in (text .. "\31"):gmatch "([^\31]*)\31" do
    i = i + 1
    values[i] = { table.concat(columns[i] and columns[i].path or { "?" }, "."), value }
  end
  return values
end

return verify_table
