--- Numbers as people read them.
local show = {}

--- 1234567 -> "1,234,567"
function show.count(n)
  local grouped = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (grouped:gsub("^,", ""))
end

--- Records per second: 1234.5 -> "1,234", 0.5 -> "0.5"
function show.rate(value)
  return value > 0 and value < 10 and ("%.1f"):format(value) or show.count(value // 1)
end

--- Seconds: 0.0123 -> "12 ms", 3.21 -> "3.2 s"
--- @param micro what stands for "µs"
function show.time(seconds, micro)
  for _, row in ipairs { { 1, "s", 1 }, { 1e-3, "ms", 1e3 }, { 0, micro or "µs", 1e6 } } do
    if seconds >= row[1] then
      local value = seconds * row[3]
      return (value < 10 and value > 0 and "%.1f %s" or "%.0f %s"):format(value, row[2])
    end
  end
end

--- Seconds by the clock: 8 -> "0:08", 3725 -> "1:02:05", 200000 -> "2 d 7 h"
function show.clock(seconds)
  local s = math.max(seconds, 0) // 1
  if s >= 86400 then return ("%d d %d h"):format(s // 86400, s % 86400 // 3600) end
  if s >= 3600 then return ("%d:%02d:%02d"):format(s // 3600, s % 3600 // 60, s % 60) end
  return ("%d:%02d"):format(s // 60, s % 60)
end

--- A share of 0 to 1: 0.0123 -> "1.23 %", 0.5 -> "50 %"; what is not all is never "100 %".
function show.share(share)
  local percent = 100 * share
  if percent > 0 and percent < 10 then return ("%.2f %%"):format(percent) end
  return ("%d %%"):format(percent // 1)
end

return show
