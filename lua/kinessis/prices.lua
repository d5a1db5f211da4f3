--- List prices that `kinessis preview` reckons with, in US dollars: us-east-1, without discounts, free tiers
--- and taxes; noted by hand, and held against no bill. They change:
--- `kinessis preview --print-prices > prices.lua`, edit, `--prices prices.lua`. A file may hold only the
--- figures that differ.
--- https://aws.amazon.com/kinesis/data-streams/pricing/ https://aws.amazon.com/firehose/pricing/
--- https://aws.amazon.com/s3/pricing/
return {
  region = "us-east-1",
  as_of = "2025-06",
  kinesis = {
    shard_hour = 0.015,
    put_unit_bytes = 25 * 1024,       -- a record is paid for by units, each of at most so much
    million_put_units = 0.014,
    on_demand_stream_hour = 0.04,
    on_demand_gb_in = 0.08,
    on_demand_record_bytes = 1024,    -- each record is rounded up to a multiple
  },
  firehose = {
    gb = 0.029,
    record_bytes = 5 * 1024,          -- each record is rounded up to a multiple
    conversion_gb = 0.018,
  },
  s3 = {
    thousand_puts = 0.005,
    gb_month = 0.023,
  },
}
