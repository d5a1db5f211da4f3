--- The partitions of a Glue table that declare other columns than the table. Athena reads a partition by the
--- columns that it was added with, and refuses a query whose partition has another type for a column of the
--- table (HIVE_PARTITION_SCHEMA_MISMATCH). A table that projects its partitions has none stored.
---
--- Types that Athena widens by itself (an int read as a bigint) are told apart: these queries run.
local types = require "kinessis.types"

local partitions = {}

local widens = { -- the partition's type -> the table's that take it
  tinyint = { smallint = true, int = true, bigint = true },
  smallint = { int = true, bigint = true },
  int = { bigint = true },
  float = { double = true },
}

-- One spelling of a type.
local function plain(text)
  local parsed = types.parse(text)
  return parsed and types.glue(parsed):lower() or text:lower()
end

-- Counts what one partition has otherwise. seen: the differences so far, as a list and by their text.
local function compare(columns, partition, seen)
  local has = {}
  for _, column in ipairs((partition.StorageDescriptor or {}).Columns or {}) do
    has[column.Name:lower()] = column.Type
  end
  for _, column in ipairs(columns) do
    local there = has[column.name:lower()]
    local other = there and plain(there)
    if not there or other ~= plain(column.type) then
      local key = column.name .. "\0" .. (other or "")
      local difference = seen[key]
      if not difference then
        difference = {
          column = column.name, type = there, table_type = column.type, count = 0, first = partition.Values,
          widened = there and widens[other] and widens[other][plain(column.type)] or nil,
        }
        seen[key] = difference
        seen[#seen + 1] = difference
      end
      difference.count = difference.count + 1
    end
  end
end

--- @param glue a client; database, name: of the table; columns: the table's, { name, type }
--- @return { { column, type = the partitions', nil when they lack it, table_type, count, first = the values
---   of one of them, widened }, ... }, how many partitions there are; or nil and an error
function partitions.differences(glue, database, name, columns)
  local seen, total, token = {}, 0, nil
  repeat
    local reply, err = glue:get_partitions { DatabaseName = database, TableName = name, NextToken = token }
    if not reply then
      err.message = ("the partitions of %s.%s: %s"):format(database, name, err.message)
      return nil, err
    end
    for _, partition in ipairs(reply.Partitions or {}) do
      total = total + 1
      compare(columns, partition, seen)
    end
    token = reply.NextToken
  until not token or token == ""
  return seen, total
end

return partitions
