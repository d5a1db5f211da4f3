--- Proof of delivery. Record i is a pure function of the seed and i, so what should have arrived is made again,
--- not remembered: both sides become sums over a multiset (src/run/verify/digest.h), which are equal when every record
--- is there, once and unaltered. Where they differ, ranges of keys are compared, and in those that differ the
--- records themselves.
local core = require "kinessis.core.verify"
local fields = require "kinessis.verify.fields"
local runner = require "kinessis.run"
local stream = require "kinessis.verify.stream"
local sys = require "kinessis.core.sys"
local verify_table = require "kinessis.verify.table"

local verify = {}

local at_a_time = 200000 -- records that are looked at singly, on each side

-- A digest of what the run should have delivered.
local function expect(job, row, options)
  local digest, err = core.digest(row, options)
  if not digest then return nil, err end
  local summary
  summary, err = runner.go(job.scenario, job.values, {
    sinks = { { kind = "digest", digest = digest, label = "a digest", name = "digest", partition_key = job.kept } },
    first = job.first,
  })
  if not summary then return nil, err end
  if summary.error then return nil, summary.error end
  -- Sums of a part would prove the part only, and say so of the whole.
  if summary.stopped then return nil, sys.error("cancelled", "stopped: nothing is proven") end
  return digest, summary
end

local order = { lost = 1, duplicated = 2, altered = 3, foreign = 4 }

local function by_verdict(a, b)
  if a.verdict ~= b.verdict then return order[a.verdict] < order[b.verdict] end
  return a.index < b.index
end

-- Adds what a comparison found, which is in the order of by_verdict, to the report: all of it to the counts, and
-- what is among the first `limit` to the findings; a stream may hold millions of other runs' records. A record that
-- is there three times too often is one finding.
local function add_findings(report, list, got, limit)
  local findings, last, added = report.findings, nil, 0
  for _, entry in ipairs(list) do
    local verdict, index = entry[1], entry[2]
    report.counts[verdict] = report.counts[verdict] + 1
    if last and last.verdict == verdict and last.index == index and verdict ~= "altered" and verdict ~= "foreign" then
      last.times = last.times + 1
    else
      last = { verdict = verdict, index = index, times = 1 }
      if added < limit then
        if verdict ~= "lost" then last.key, last.text = got:text(entry[3]) end
        added = added + 1
        findings[#findings + 1] = last
      end
    end
  end
  table.sort(findings, by_verdict)
  for i = #findings, limit + 1, -1 do findings[i] = nil end
end

-- What differs in the chosen ranges, added to the report. place.fill(digest, choice) reads what was found.
-- Returns whether any expected record was there as it was made.
local function look_at(job, place, row, choice, report)
  local options = { choice = choice, limit = math.maxinteger }
  local wanted <close>, err = expect(job, row, options)
  if not wanted then return nil, err end
  local got <close> = core.digest(row, options)
  local ok
  ok, err = place.fill(got, choice)
  if not ok then return nil, err end
  local list
  list, err = wanted:compare(got)
  if not list then return nil, err end
  local before = report.counts.lost + report.counts.altered
  add_findings(report, list, got, job.values.limit)
  return true, report.counts.lost + report.counts.altered - before < wanted:size()
end

-- The records that differ, range after range. When all of the first ones are missing, the others are taken to
-- be too, and the report is cut short: most often the seed is another run's.
local function find_differences(job, place, row, expected, found, report)
  local from, any = 0, false
  while from do
    local choice, next_range, ranges = expected:choose(found, from, at_a_time)
    if ranges == 0 then break end
    local ok, some = look_at(job, place, row, choice, report)
    if not ok then return nil, some end
    any = any or some
    from = next_range
    if from and not any then break end
  end
  report.cut_short = from ~= nil
  return true
end

-- One place: its sums against the expected ones.
local function check_place(job, place)
  local row, err = place.row()
  if not row then return nil, err end
  local expected <close>, summary = expect(job, row)
  if not expected then return nil, summary end
  local found <close> = core.digest(row)
  local total
  total, err = place.total(found)
  if not total then return nil, err end
  local count, sum, distinct = expected:total()
  local report = {
    name = place.name, generated = summary.generated, found = total,
    expected = { count = count, distinct = distinct, sum = sum }, row = row,
    findings = {}, counts = { lost = 0, duplicated = 0, altered = 0, foreign = 0 },
  }
  report.same = total.count == count and total.sum == sum
  if report.same then return report end
  local ok = true
  if place.ranges then ok, err = place.ranges(found) end
  if ok then ok, err = find_differences(job, place, row, expected, found, report) end
  if not ok then return nil, err end
  return report
end

--- What a stream holds.
function verify.stream(job, name)
  local key = job.key and { path = job.key, kind = "text" } or nil
  local volatile = {}
  for i, path in ipairs(job.fields.volatile) do volatile[i] = { path = path } end
  local place = { name = "stream " .. name }
  local function read(digest)
    local shards, err = stream.read(job.target, name, digest, job.since)
    place.name = ("stream %s (%d shard%s)"):format(name, shards or 0, shards == 1 and "" or "s")
    return shards, err
  end
  function place.row() return core.row(volatile, true, key) end
  function place.total(digest)
    local ok, err = read(digest)
    if not ok then return nil, err end
    local count, sum, distinct = digest:total()
    return { count = count, sum = sum, distinct = distinct }
  end
  function place.fill(digest) return read(digest) end
  return check_place(job, place)
end

--- What the table of the scenario's stack holds.
function verify.table(job, stack)
  local columns, left_out = fields.columns(job.scenario, job.fields.volatile)
  local key
  for _, column in ipairs(columns) do
    if job.key and fields.show(column.path) == fields.show(job.key) then key = column end
  end
  key = key or columns[1]
  if not key then
    return nil, sys.error("script", "no column of the table can be compared")
  end
  local source = verify_table.new(job.target, stack, columns, key, job.since)
  local report, err = check_place(job, {
    name = ("table %s.%s"):format(stack.database, stack.table),
    row = function() return core.row(columns, false, key) end,
    total = function() return source:total() end,
    ranges = function(digest) return source:ranges(digest) end,
    fill = function(digest, choice) return source:rows(digest, choice:ranges()) end,
  })
  if not report then return nil, err end
  report.columns, report.left_out = columns, left_out
  return report
end

--- What differs in an altered record: { { field, expected, found }, ... }.
--- @param record the record made again
function verify.differences(job, report, record, text)
  if not report.columns then return fields.differences(record, text, job.fields.volatile) end
  local expected = verify_table.values(report.columns, (report.row:text(record)))
  local found, list = verify_table.values(report.columns, text), {}
  for i, value in ipairs(expected) do
    local other = found[i] and found[i][2] or "nothing"
    if value[2] ~= other then list[#list + 1] = { value[1], value[2], other } end
  end
  return list
end

return verify
