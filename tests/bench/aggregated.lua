--- The quickstart's records, aggregated, for the benchmarks.
local kinessis = require "kinessis"
local scenario = dofile(os.getenv("BENCH_QUICKSTART"))
return kinessis.scenario {
  records = scenario.records,
  amount = 10,
  pace = kinessis.pace.unlimited(),
  to = kinessis.stream { name = "r-d-kinesis-stream", partition_key = "uuid", aggregate = true },
}
