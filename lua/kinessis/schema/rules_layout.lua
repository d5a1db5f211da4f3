--- Rules about places: where Firehose writes, where the table looks, how large objects get. See
--- kinessis.schema.check.
---
--- Firehose's prefix and the table's template are both written out for one moment and compared, so any
--- date format works; columns that are not dates are only compared where their name says what they are.
local rules = {}

local function rule(name, check) rules[#rules + 1] = { name = name, check = check } end

local MiB = 1 << 20

-- A moment whose parts all differ, each below 10, so that missing zeros show.
local moment = 1680674828 -- 2023-04-05 06:07:08 UTC

-- ---- writing places out ----

local letters = { y = "!%Y", M = "!%m", d = "!%d", H = "!%H", m = "!%M", s = "!%S" }

--- A moment by a Java pattern; nil when a letter is not known.
local function java(pattern, time)
  local out, at = {}, 1
  while at <= #pattern do
    local letter = pattern:sub(at, at)
    local run = pattern:match("^" .. (letter:find "%a" and letter .. "+" or "[^%a']+"), at)
    if letter == "'" then
      local quoted, after = pattern:match("^'([^']*)'()", at)
      if not quoted then return nil end
      out[#out + 1], at = quoted == "" and "'" or quoted, after
    elseif letter:find "%a" then
      local form = letters[letter]
      if not form then return nil end
      local text = os.date(form, time)
      if letter == "y" and #run == 2 then text = text:sub(-2) end
      if #run == 1 then text = text:gsub("^0+(.)", "%1") end
      out[#out + 1], at = text, at + #run
    else
      out[#out + 1], at = run, at + #run
    end
  end
  return table.concat(out)
end

--- Firehose's prefix at that moment; nil when it has what only a record decides.
local function written(prefix)
  if not prefix:find("!{", 1, true) then return prefix .. java("yyyy/MM/dd/HH/", moment) end
  local known = true
  local text = prefix:gsub("!{(%a+):([^}]*)}", function(namespace, pattern)
    local value = namespace == "timestamp" and java(pattern, moment)
    known = known and value
    return value or ""
  end)
  return known and text or nil
end

local parts_of_time = { year = "yyyy", month = "MM", day = "dd", hour = "HH" }

--- What a projected column is at that moment; nil when it cannot be told.
local function projected(about, name)
  local function parameter(key) return about.parameters[("projection.%s.%s"):format(name, key)] end
  local kind = parameter "type"
  if kind == "date" then return parameter "format" and java(parameter "format", moment) end
  if kind ~= "integer" or not parts_of_time[name] then return nil end
  return ("%0" .. (math.tointeger(tonumber(parameter "digits")) or 1) .. "d"):format(
    tonumber(java(parts_of_time[name], moment)))
end

--- The folder in which the table looks at that moment.
local function looked(about, template)
  local known = true
  local text = template:gsub("%${([^}]+)}", function(name)
    local value = projected(about, name:lower())
    known = known and value
    return value or ""
  end)
  return known and text or nil
end

local function folder(place) return place:sub(-1) == "/" and place or place .. "/" end

local function is_projected(about)
  return tostring(about.parameters["projection.enabled"]):lower() == "true"
end

-- ---- rules ----

rule("location", function(about, add)
  if not about.prefix or not about.location then return end
  local fixed = about.prefix:match "^(.-)!{" or about.prefix
  local location = folder(about.location)
  if fixed:sub(1, #location) ~= location and location:sub(1, #fixed) ~= fixed then
    add { level = "problem", reason = ("Firehose writes to %s, and %s looks in %s: queries find nothing"):format(
      about.prefix, about.table, about.location), remedy = "make the prefix begin with the table's location" }
  end
end)

rule("template", function(about, add)
  if not about.prefix or not about.parameters or not is_projected(about) then return end
  local template = about.parameters["storage.location.template"]
  for _, key in ipairs(about.partition_keys) do
    if not about.parameters[("projection.%s.type"):format(key.name)] then
      add { level = "problem", field = key.name, reason = "is a partition key without projection: queries fail",
        remedy = ("set projection.%s.type on the table"):format(key.name) }
    elseif template and not template:lower():find("${" .. key.name .. "}", 1, true) then
      add { level = "problem", field = key.name,
        reason = "is a partition key that storage.location.template does not name",
        remedy = ("put ${%s} into the template"):format(key.name) }
    end
  end
  if not template then
    template = folder(about.location)
    for _, key in ipairs(about.partition_keys) do template = ("%s%s=${%s}/"):format(template, key.name, key.name) end
  end
  local there, here = written(about.prefix), looked(about, folder(template))
  if there and here and there:sub(1, #here) ~= here then
    add { level = "problem", reason = ("an object of %s lies in %s, and %s looks in %s: queries find nothing"):format(
      java("yyyy-MM-dd HH:00", moment), there, about.table, here),
      remedy = "make the prefix's date, its digits too, agree with storage.location.template" }
  end
end)

rule("range", function(about, add)
  if not about.parameters or not is_projected(about) then return end
  for _, key in ipairs(about.partition_keys) do
    local range = about.parameters[("projection.%s.range"):format(key.name)]
    local format = about.parameters[("projection.%s.format"):format(key.name)]
    local kind = about.parameters[("projection.%s.type"):format(key.name)]
    local from, to = tostring(range):match "^%s*([^,]-)%s*,%s*([^,]-)%s*$"
    local now = format and java(format, os.time())
    if kind == "date" and from and now and format:find "^yyyy" then -- such dates sort as text
      if not from:find "NOW" and from > now or not to:find "NOW" and to < now then
        add { level = "problem", field = key.name,
          reason = ("its range %s does not hold today: queries find nothing new"):format(range),
          remedy = ("end the range in NOW: %s,NOW"):format(from > now and now or from) }
      end
    end
  end
end)

rule("partitions", function(about, add)
  if not about.parameters or is_projected(about) or #about.partition_keys == 0 then return end
  add { level = "note", reason = "the table does not project its partitions: each new folder must be added to it",
    remedy = "set projection.enabled and its properties (see kinessis schema ddl), or ALTER TABLE ADD PARTITION" }
end)

rule("time zone", function(about, add)
  if not about.time_zone or about.time_zone == "UTC" then return end
  add { level = "note", reason = ("Firehose writes folders in the time of %s; ranges of a projection end in NOW of UTC")
    :format(about.time_zone), remedy = "leave CustomTimeZone at UTC, or widen the range: NOW+1DAYS" }
end)

rule("error prefix", function(about, add)
  if not about.location or not about.error_prefix then return end
  local location = folder(about.location)
  if about.error_prefix:sub(1, #location) == location then
    add { level = "problem", reason = ("errors go to %s, inside of the table's location %s: queries read them as data")
      :format(about.error_prefix, about.location), remedy = "give errors a folder beside the table's, such as errors/" }
  end
end)

rule("small files", function(about, add)
  local bytes = 0
  for _, text in ipairs(about.samples.texts) do bytes = bytes + #text end
  local due = about.buffer and about.scenario.pace.start {
    record_bytes = function() return bytes / #about.samples.texts end,
    capacity = function() return math.huge end, -- the stream is not asked here
  }
  if not due then return end -- as fast as possible
  local records = due(about.buffer.interval)
  if about.scenario.amount then records = math.min(records, about.scenario.amount) end
  local size = math.min(about.buffer.size * MiB, records * bytes / #about.samples.texts)
  if size < 64 * MiB then
    add { level = "note",
      reason = ("an object gets about %.1f MiB of JSON every %d s: many small files make queries slow"):format(
        size / MiB, about.buffer.interval),
      remedy = about.buffer.interval < 900
      and "raise the delivery stream's buffer_interval (to 900 s), or compact with INSERT INTO or CTAS later"
      or "compact with INSERT INTO or CTAS later" }
  end
end)

return rules
