--- The sinks of a run, as kinessis.core.run takes them: where the scenario sends records, then the copy on stdout.
local sinks = {}

--- @param values { dry_run = true: nothing is sent, print = true: the records on stdout too }
--- @param where the target (kinessis.target), nil where nothing is sent
--- @return a list; empty when the scenario says nowhere
function sinks.of(scenario, values, where)
  local to, list = scenario.to, {}
  if where then
    list[1] = {
      kind = to.service,
      name = to.name,
      aws = where.config,
      no_newline = to.newline == false,
      max_records = to.max_records,
      max_bytes = to.max_bytes,
      linger_ms = to.linger_ms,
      requests_in_flight = to.requests_in_flight,
    }
  elseif values.dry_run then
    list[1] = { kind = "null" }
  end
  if values.print or scenario.print then list[#list + 1] = { kind = "text" } end
  return list
end

return sinks
