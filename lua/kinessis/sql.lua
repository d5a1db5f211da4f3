--- SQL through Athena: start, wait, read every page.
---
---     local result = assert(sql.run(target, "SELECT status, count(*) FROM person GROUP BY 1"))
---     print(kinessis.report.table(result.names, result.rows))
local sys = require "kinessis.core.sys"
local provision = require "kinessis.provision"

local sql = {}

local first_pause, last_pause = 0.005, 1 -- seconds between two questions whether the query is done

--- On the lake, a database that nobody named: the only one, or the first.
local function default_database(api, target)
  local named = os.getenv "KINESSIS_DATABASE"
  if named and named ~= "" then return named end
  if target.kind ~= "lake" then return nil end
  local reply, err = api.glue:get_databases {}
  if not reply then return nil, err end
  local names = {}
  for i, database in ipairs(reply.DatabaseList or {}) do names[i] = database.Name end
  table.sort(names)
  if #names > 1 then
    sys.log("info", ("Using the database %s; others are %s (--database)."):format(
      names[1], table.concat(names, ", ", 2)))
  end
  return names[1]
end

--- The workgroup that the stack made for the database, if any.
local function default_workgroup(api, target, database)
  local named = os.getenv "KINESSIS_WORKGROUP"
  if named and named ~= "" then return named end
  if target.kind ~= "lake" or not database then return nil end
  local reply, err = api.glue:get_database { Name = database }
  if not reply then return nil, err end
  return (reply.Database.Parameters or {})[provision.workgroup_parameter]
end

local function request(api, target, statement, options)
  local database, err = options.database, nil
  if not database then database, err = default_database(api, target) end
  if err then return nil, err end
  local workgroup = options.workgroup
  if not workgroup then workgroup, err = default_workgroup(api, target, database) end
  if err then return nil, err end
  if target.kind == "lake" and not (database or workgroup or options.output_location) then
    return nil, sys.error("state", target.describe .. " has no database yet: `kinessis run FILE` makes one")
  end
  return {
    QueryString = statement,
    QueryExecutionContext = database and { Database = database } or nil,
    WorkGroup = workgroup,
    ResultConfiguration = options.output_location and { OutputLocation = options.output_location } or nil,
  }
end

--- @return the QueryExecution of a query that succeeded; or nil and an error
local function wait(api, id)
  local pause = first_pause
  while true do
    local reply, err = api.athena:get_query_execution { QueryExecutionId = id }
    if not reply then return nil, err end
    local status = type(reply.QueryExecution) == "table" and reply.QueryExecution.Status
    if type(status) ~= "table" then
      return nil, sys.error("malformed", "athena GetQueryExecution: the reply has no QueryExecution with a Status")
    end
    if status.State == "SUCCEEDED" then return reply.QueryExecution end
    if status.State == "FAILED" or status.State == "CANCELLED" then
      return nil, sys.error("aws", status.StateChangeReason or "the query was " .. status.State:lower())
    end
    sys.sleep(pause)
    pause = math.min(pause * 1.5, last_pause)
  end
end

local function values_of(row, columns)
  local values = {}
  local data = row.Data or {}
  local only = #data == 1 and #columns > 1 and data[1].VarCharValue
  if only then -- DESCRIBE answers with lines of text, their columns padded and divided by tabs
    for text in only:gmatch "[^\t]+" do values[#values + 1] = text:match "^(.-) *$" end
    return values
  end
  for i = 1, #columns do
    local datum = data[i]
    values[i] = datum and datum.VarCharValue
  end
  return values
end

--- SELECT results begin with a row of the columns' names; those of DDL do not.
local function is_header(row, columns, execution)
  if execution.StatementType and execution.StatementType ~= "DML" then return false end
  for i, column in ipairs(columns) do
    local datum = (row.Data or {})[i]
    if not datum or datum.VarCharValue ~= column.Name then return false end
  end
  return true
end

local function read_pages(api, execution, on_page)
  local token, first = nil, true
  repeat
    local reply, err = api.athena:get_query_results {
      QueryExecutionId = execution.QueryExecutionId, NextToken = token, MaxResults = 1000,
    }
    if not reply then return nil, err end
    local set = reply.ResultSet or {}
    local columns = (set.ResultSetMetadata or {}).ColumnInfo or {}
    local names, types, rows = {}, {}, {}
    for i, column in ipairs(columns) do names[i], types[i] = column.Name, column.Type end
    for i, row in ipairs(set.Rows or {}) do
      if not (first and i == 1 and is_header(row, columns, execution)) then
        rows[#rows + 1] = values_of(row, columns)
      end
    end
    on_page(names, types, rows, first)
    token, first = reply.NextToken, false
  until not token
  return execution
end

--- @param target from target.open()
--- @param options { database =, workgroup =, output_location = "s3://..." }; on the lake each has a default.
---   on_start is called with a function that stops the query: for callers that Ctrl-C breaks out of pages
--- @param on_page called with (names, types, rows, is_first) for each page; rows are lists of texts, nil is NULL
--- @return the QueryExecution; or nil and an error
function sql.pages(target, statement, options, on_page)
  local aws = require "kinessis.aws"
  local api = { athena = aws.athena(target.config), glue = aws.glue(target.config) }
  local start, err = request(api, target, statement, options or {})
  if not start then return nil, err end
  local started
  started, err = api.athena:start_query_execution(start)
  if not started then return nil, err end
  if options and options.on_start then
    local id = started.QueryExecutionId
    options.on_start(function() return api.athena:stop_query_execution { QueryExecutionId = id } end)
  end
  local execution
  execution, err = wait(api, started.QueryExecutionId)
  if not execution then return nil, err end
  return read_pages(api, execution, on_page)
end

--- The same, with all pages at once.
--- @return { names =, types =, rows =, execution = }; or nil and an error
function sql.run(target, statement, options)
  local result = { names = {}, types = {}, rows = {} }
  local execution, err = sql.pages(target, statement, options, function(names, types, rows)
    result.names, result.types = names, types
    table.move(rows, 1, #rows, #result.rows + 1, result.rows)
  end)
  if not execution then return nil, err end
  result.execution = execution
  return result
end

return sql
