--- kinessis lake: serves until it is told to stop.
local options = require "kinessis.options"
local target = require "kinessis.target"

local ready = [[
The lake in %s serves Kinesis, Firehose, S3, Glue and Athena at http://127.0.0.1:%d
For AWS clients:
  export AWS_ENDPOINT_URL=http://127.0.0.1:%d AWS_REGION=%s
  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s
Ctrl-C stops it.
]]

return {
  description = [[
Any AWS client may use it (endpoint http://127.0.0.1:PORT, path-style S3). It holds the data folder alone;
run, query and repl find it there. Ctrl-C and SIGTERM stop it; what was acknowledged is kept.
]],
  options = {
    { "--port", "N", "the TCP port on 127.0.0.1; 0 takes a free one", parse = options.port, default = 4566 },
    { "--data", "DIR", "the data folder (default: $KINESSIS_DATA, else .kinessis)", parse = options.text },
    { "--region", "REGION", "the region in ARNs", parse = options.text, default = target.lake_region },
    { "--shard-limits", nil, "shards throttle as on AWS: 1,000 records and 1 MB a second in, 5 reads and 2 MB out" },
  },
  run = function(_, given)
    local folder = target.data_folder(given.data)
    local core = require "kinessis.core.lake"
    core.hold_signals()
    local lake, err = core.open {
      folder = folder, port = given.port, region = given.region, shard_limits = given.shard_limits,
    }
    if not lake then return nil, err end
    local port = lake:port()
    io.stdout:write(ready:format(folder, port, port, given.region, target.lake_keys.access_key,
      target.lake_keys.secret_key))
    io.stdout:flush()
    lake:wait()
    lake:close()
    return 0
  end,
}
