-- The settings of a client, as the message about one that does not exist lists them.
local _, message = pcall(function() require("kinessis").aws.s3({ no_such_setting = 1 }):list_buckets() end)
for name in tostring(message):match("there are ([^)]*)"):gmatch "[%w_]+" do print(name) end
