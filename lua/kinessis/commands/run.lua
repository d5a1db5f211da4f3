--- kinessis run FILE: records to where the scenario sends them, and the truth about what arrived.
local delivery = require "kinessis.delivery"
local outcome = require "kinessis.outcome"
local runner = require "kinessis.run"
local sys = require "kinessis.core.sys"

local function run(path, values, about)
  local scenario, err = require("kinessis.scenario").load(path)
  if not scenario then return nil, err end
  if values.quiet then sys.log_level "error" end
  local job <close>, why = delivery.open(scenario, values, about)
  if not job then return nil, why end
  if job:complete() then
    job:tell_complete()
    return 0
  end
  job.with.announce = "Started data generation."
  job.with.stay = true
  local result
  result, err = runner.go(scenario, values, job.with)
  if not result then return nil, err end
  return job:conclude(result)
end

return {
  description = "The target lake is an embedded Kinesis, Firehose, S3, Glue and Athena: what the scenario needs is\n"
    .. "made there. On AWS nothing is made unless --provision is given. Ctrl-C delivers what was generated\n"
    .. "and stops; a second one stops at once. SIGUSR1 pauses, and goes on. Exits 1 when any record was not\n"
    .. "delivered: kinessis redrive sends those again; 3 when only a threshold was not met. --resume goes on\n"
    .. "after a run that was stopped or killed.\n",
  arguments = { { "FILE", "the scenario" } },
  options = delivery.options,
  run = function(arguments, values)
    local about = { scenario = arguments[1], target = values.target, started = sys.now() }
    local function begin() return run(arguments[1], values, about) end
    if not values.json_summary then return begin() end
    return outcome.record(values.json_summary, about, begin)
  end,
}
