--- The quickstart without its print, for the benchmarks.
local scenario = dofile(os.getenv("BENCH_QUICKSTART"))
scenario.print = false
return scenario
