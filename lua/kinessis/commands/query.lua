--- kinessis query SQL: Athena's answer as a table, CSV or JSON.
local interrupts = require "kinessis.core.repl"
local options = require "kinessis.options"
local report = require "kinessis.report"
local sql = require "kinessis.sql"
local sys = require "kinessis.core.sys"
local target = require "kinessis.target"

local numeric = { tinyint = true, smallint = true, integer = true, bigint = true, float = true, double = true,
  real = true, decimal = true }

--- Draws a table of a whole result.
local function draw(result)
  if #result.names == 0 then return "" end
  local numbers = {}
  for i, kind in ipairs(result.types) do numbers[i] = numeric[kind] or false end
  local count = #result.rows
  return report.table(result.names, result.rows, { numbers = numbers })
    .. ("%d row%s\n"):format(count, count == 1 and "" or "s")
end

-- Each format gets the pages, then the end.

local function table_writer()
  local all = { names = {}, types = {}, rows = {} }
  return {
    page = function(names, types, rows)
      all.names, all.types = names, types
      table.move(rows, 1, #rows, #all.rows + 1, all.rows)
    end,
    finish = function() io.stdout:write(draw(all)) end,
  }
end

local function csv_writer()
  return {
    page = function(names, _, rows, first)
      local text = report.csv(names, rows)
      if #names > 0 then io.stdout:write(first and text or text:sub(#report.csv(names, {}) + 1)) end
    end,
    finish = function() end,
  }
end

local function lines_writer()
  return {
    page = function(names, types, rows)
      for _, line in ipairs(report.json_lines(names, rows, types)) do io.stdout:write(line, "\n") end
    end,
    finish = function() end,
  }
end

local function array_writer()
  local separator = "[\n  "
  return {
    page = function(names, types, rows)
      for _, line in ipairs(report.json_lines(names, rows, types)) do
        io.stdout:write(separator, line)
        separator = ",\n  "
      end
    end,
    finish = function() io.stdout:write(separator:sub(1, 1) == "[" and "[]\n" or "\n]\n") end,
  }
end

local writers = { table = table_writer, csv = csv_writer, json = array_writer, jsonl = lines_writer }

local function s3_url(text)
  if text:find "^s3://[^/]+" then return text end
  return nil, "an S3 URL such as s3://bucket/folder/"
end

local query = {
  arguments = { { "SQL", "the statement; - reads it from stdin", parse = options.text } },
  options = {
    { "--format", "FORMAT", "table (a line for each cell where the terminal is too narrow), csv, json (one array) or "
      .. "jsonl (an object a line)", default = "table",
      parse = options.choice { "table", "csv", "json", "jsonl" } },
    { "--database", "NAME", "the Glue database (default: $KINESSIS_DATABASE; on the lake, the only or first one)",
      parse = options.text },
    { "--workgroup", "NAME", "the Athena workgroup (default: $KINESSIS_WORKGROUP; on the lake, the database's own)",
      parse = options.text },
    { "--output-location", "URL", "where Athena writes results, s3://bucket/folder/ (default: the workgroup's)",
      parse = s3_url },
    table.unpack(target.options),
  },
  draw = draw,
}

--- After Ctrl-C: a query that nobody waits for would run on, and cost.
local function give_up(stop)
  local stopped, err
  if stop then stopped, err = stop() end
  if err then sys.log("warning", "The query may still run: " .. tostring(err)) end
  sys.log("info", stopped and "Interrupted: the query was stopped." or "Interrupted.")
  return 130
end

function query.run(arguments, given)
  local statement = arguments[1]
  if statement == "-" then statement = io.read "a"
  elseif statement:find "%.sql$" and not statement:find "%s" then
    options.usage("SQL: '%s' is a file: kinessis query - < %s reads it", statement, statement)
  end
  statement = statement:gsub("[%s;]+$", "")
  if statement == "" then options.usage "SQL: the statement is empty" end
  local where <close>, err = target.from(given)
  if not where then return nil, err end
  local writer, stop = writers[given.format](), nil
  given.on_start = function(stop_query) stop = stop_query end
  local ended, execution
  ended, execution, err = interrupts.call(sql.pages, where, statement, given, writer.page)
  if not ended and interrupts.interrupted() then return give_up(stop) end
  if not ended then return nil, execution end
  if not execution then return nil, err end
  writer.finish()
  return 0
end

return query
