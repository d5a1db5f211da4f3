--- Turns checked fields (kinessis.schema) into the code of a plan (kinessis.core.plan): each provider is
--- copied for the field that it makes (`instantiate`), with the streams of its draws, then written out
--- (`emit_*`).
local agree = require "kinessis.agree"
local core = require "kinessis.core.plan"

local emitting = {}

local instantiate_fields

-- A copy of a provider for one field, with the stream that each of its draws comes from. place: the
-- scope (kinessis.agree), the field, the use that it is inside of, and in a text its counts of uses.
local function instantiate(node, place)
  if node.code then return node end
  local field = place.field
  local function inside(inner, changes)
    return instantiate(inner, setmetatable(changes or {}, { __index = place }))
  end
  if node.resolve then
    return { resolve = node, text = node.text, place = place, use = place.use or place.scope:use(node, place.counts) }
  end
  local copy = {}
  for key, value in pairs(node) do copy[key] = value end
  if node.fields then
    copy.nodes = instantiate_fields(node.fields, field.path, place.scope:object(field.path))
    return copy
  end
  if node.parts then
    local counts = place.counts or {}
    copy.parts = {}
    for i, part in ipairs(node.parts) do
      copy.parts[i] = type(part) == "string" and part or inside(part, { counts = counts })
    end
    return copy
  end
  local shared = node.draw and field.shared[node.draw]
  if not shared then field.draws = field.draws + 1 end
  copy.stream = node.stream or shared or ("%s#%d"):format(field.path, field.draws)
  if node.draw then field.shared[node.draw] = copy.stream end
  if node.body then
    local apart = node.apart and agree.record(copy.stream, place.scope.root.locale)
    copy.body = inside(node.body, apart and { scope = apart, counts = apart.counts })
  end
  if node.cases then
    copy.cases = {}
    local uses = node.uses or {}
    for i, case in ipairs(node.cases) do copy.cases[i] = inside(case, { use = uses[i] or place.use }) end
  end
  if node.op == "script" then copy.path = field.path end
  if node.fails then
    local where = node.where or ""
    copy.place = ("%s%sschema %s"):format(where, where ~= "" and ": " or "", field.path)
  end
  return copy
end

-- What a field will write. path names the streams of its draws.
local function node_of(field, path, scope)
  if field.node then
    return instantiate(field.node, { scope = scope, field = { path = path, draws = 0, shared = {} } })
  elseif field.fn then
    return { op = "script", fn = field.fn, path = path, stream = path .. "#1",
      empty_array = field.type:sub(1, 6) == "array<" }
  end
  return instantiate_fields(field.fields, path, scope:object(path))
end

-- What each field will write: a list of nodes, or for an object the list of its own. All of them are
-- made before the first is emitted, so that values agree with what follows them too.
function instantiate_fields(fields, path, scope)
  local nodes = {}
  for i, field in ipairs(fields) do nodes[i] = node_of(field, path .. "." .. field.name, scope) end
  return nodes
end

local emit_content, emit_value, emit_fields

-- The code of a body: a value, or the content of the string that the provider around it writes.
local function body_of(plan, node, body)
  local code = {}
  local emit = node.text and emit_content or emit_value
  emit(plan, code, body)
  return code
end

-- A copy of code that was compiled apart, whose captures have numbers of their own: here they get this plan's.
local function adopt(plan, code, slots)
  local copy = {}
  for i, op in ipairs(code) do
    if type(op) == "table" then
      local own = {}
      for key, value in pairs(op) do own[key] = value end
      if op.slot then
        slots[op.slot] = slots[op.slot] or plan:new_slot()
        own.slot = slots[op.slot]
      end
      if op.body then own.body = adopt(plan, op.body, slots) end
      op = own
    end
    copy[i] = op
  end
  return copy
end

-- Appends what the provider writes: where it is text, the content of a string.
function emit_content(plan, code, node)
  if node.from then node.slot = plan.slot_of[node.from] end
  if node.code then
    table.move(adopt(plan, node.code, {}), 1, #node.code, #code + 1, code)
  elseif node.resolve then
    local place = { scope = node.place.scope, field = node.place.field, use = node.use }
    emit_content(plan, code, instantiate(agree.resolve(node.resolve, node.use), place))
  elseif node.fields then
    emit_fields(plan:inside(), code, node.fields, node.nodes, "")
  elseif node.parts then
    for _, part in ipairs(node.parts) do
      if type(part) == "string" then
        code[#code + 1] = core.escape(part):sub(2, -2)
      else
        emit_content(plan, code, part)
      end
    end
  elseif node.cases then
    node.body = {}
    for i, case in ipairs(node.cases) do node.body[i] = { op = "case", body = body_of(plan, node, case) } end
    code[#code + 1] = node
  elseif node.body then
    node.body = body_of(plan, node, node.body)
    code[#code + 1] = node
  else
    code[#code + 1] = node
  end
end

function emit_value(plan, code, node)
  if node.text then code[#code + 1] = '"' end
  emit_content(plan, code, node)
  if node.text then code[#code + 1] = '"' end
end

-- Appends a value inside of an operation, "field" or "capture", that remembers where it is.
local function emit_captured(plan, code, node, op, slot)
  local body = {}
  if node.text then code[#code + 1] = '"' end
  emit_content(plan, body, node)
  code[#code + 1] = { op = op, slot = slot, text = node.text and 1 or 0, body = body }
  if node.text then code[#code + 1] = '"' end
end

function emit_fields(plan, code, fields, nodes, prefix)
  code[#code + 1] = "{"
  for i, field in ipairs(fields) do
    code[#code + 1] = (i > 1 and "," or "") .. core.escape(field.name) .. ":"
    local key = prefix .. field.name
    if field.fields then
      plan:add_capture(key, true)
      emit_fields(plan, code, field.fields, nodes[i], key .. "\0")
    elseif plan.every or plan.wanted[key] or field.referenced then
      local slot = plan:new_slot()
      plan:add_capture(key, slot)
      if field.type:sub(1, 6) == "array<" then plan.captures.lists[key] = true end
      plan.columns[#plan.columns + 1] = slot
      emit_captured(plan, code, nodes[i], plan.every and "field" or "capture", slot)
      plan.slot_of[field] = slot
    else
      emit_value(plan, code, nodes[i])
    end
  end
  code[#code + 1] = "}"
end

-- What is known of a plan while it is emitted: captures (path -> slot), columns (slots in order) and
-- slot_of (field -> slot), wanted (the paths to keep, as keys) and every (whether all fields are captured).
local Plan = {}
Plan.__index = Plan

function Plan.new(columns)
  return setmetatable({
    captures = { lists = {} }, columns = columns, wanted = {}, slot_of = {}, count = { slots = 0 },
  }, Plan)
end

function Plan:add_capture(key, slot)
  table.insert(self.captures, key)
  self.captures[key] = slot
end

function Plan:new_slot()
  self.count.slots = self.count.slots + 1
  return self.count.slots - 1
end

-- For the fields of an object that is a provider: functions and the partition key do not see them.
function Plan:inside()
  local inner = Plan.new {}
  inner.slot_of, inner.count = self.slot_of, self.count
  return inner
end

-- Appends values that are kept of a record without being part of it (kinessis.keys), each a field as
-- check_value leaves it. They agree with the record of the scope. Returns the slots.
local function emit_aside(plan, code, values, name, scope)
  local body, slots = {}, {}
  for i, value in ipairs(values) do
    local path = ("%s: %s"):format(name, value.name)
    slots[i] = plan:new_slot()
    emit_captured(plan, body, node_of(value, path, scope:object(path)), "capture", slots[i])
  end
  if #body > 0 then code[#code + 1] = { op = "aside", body = body } end
  return slots
end

emitting.Plan, emitting.nodes_of = Plan, instantiate_fields
emitting.fields, emitting.content, emitting.aside = emit_fields, emit_content, emit_aside

return emitting
