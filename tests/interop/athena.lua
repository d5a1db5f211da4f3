-- The Athena bindings against the server at the URL given. (Its answers are not data: the lake's are.)
local url = ...
local tap = dofile "tests/lua/tap.lua"
local athena = require("kinessis").aws.athena { endpoint = url }

tap.ok(athena:create_work_group {
  Name = "bindings",
  Configuration = { ResultConfiguration = { OutputLocation = "s3://results/" }, EnforceWorkGroupConfiguration = true },
}, "create_work_group")
local names = {}
for _, group in ipairs(assert(athena:list_work_groups()).WorkGroups) do names[group.Name] = true end
tap.ok(names.bindings, "list_work_groups")
tap.is(assert(athena:get_work_group { WorkGroup = "bindings" }).WorkGroup.Configuration.EnforceWorkGroupConfiguration,
  true, "get_work_group")
local nothing, err = athena:create_work_group { Name = "bindings" }
tap.ok(nothing == nil and err.aws_code == "InvalidRequestException", "it exists already")

local id = assert(athena:start_query_execution {
  QueryString = "SELECT 1", WorkGroup = "bindings", QueryExecutionContext = { Database = "d" },
}).QueryExecutionId
tap.ok(#id > 0, "start_query_execution")
local execution = assert(athena:get_query_execution { QueryExecutionId = id }).QueryExecution
tap.is(execution.Query, "SELECT 1", "get_query_execution")
tap.ok(execution.Status.State and math.type(execution.Status.SubmissionDateTime), "its state, and when")
tap.is(type(assert(athena:get_query_results { QueryExecutionId = id }).ResultSet.Rows), "table", "get_query_results")
tap.ok(athena:stop_query_execution { QueryExecutionId = id }, "stop_query_execution")
tap.is(assert(athena:list_query_executions { WorkGroup = "bindings" }).QueryExecutionIds[1], id,
  "list_query_executions")
tap.done()
