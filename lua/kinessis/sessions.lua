--- sessions(name, {...}): runs of ordered events that overlap in time.
---
---     local visits = kinessis.sessions("visit", {
---       steps = {                                        -- what happens, and what may follow
---         { "view",     { view = 0.5, cart = 0.2 } },    -- the rest of 1 ends the session
---         { "cart",     { view = 0.3, purchase = 0.4 } },
---         { "purchase" },
---       },
---       open = 20,                                       -- sessions at once
---       most = 30,                                       -- events of one session
---       fields = { { "user_id", users:id() }, { "device", fake.one_of { "phone", "desktop" } } },
---     })
---     kinessis.schema("event", {
---       { "session", visits:id() },
---       { "user_id", visits:attribute("user_id") },      -- the same in all events of the session
---       { "event",   visits:step() },
---       { "price",   visits:when({ "cart", "purchase" }, fake.decimal(1, 200)) },
---     })
---
--- A session begins with the first step. Record i still is a function of the seed and i: sessions lie
--- within blocks of 4,096 records, each laid out by its number (src/gen/session.h).
local blame = require "kinessis.blame"
local entity = require "kinessis.entity"
local provider = require "kinessis.fake.provider"

local sessions = {}

local Sessions = { __name = "kinessis.sessions" }
Sessions.__index = Sessions

local MOST_STEPS, MOST_EVENTS, MOST_OPEN = 16, 64, 256

local function label(self)
  return "sessions " .. self.name
end

local function check_steps(self, steps)
  if type(steps) ~= "table" or #steps == 0 then
    entity.fail(label(self), "steps must be a list of { name, { follower = probability } }, not %s",
      type(steps) == "table" and "empty" or blame.show(steps))
  elseif #steps > MOST_STEPS then
    entity.fail(label(self), "there are %d steps; the most is %d", #steps, MOST_STEPS)
  end
  for i, step in ipairs(steps) do
    local name = type(step) == "table" and step[1]
    if type(name) ~= "string" or name == "" then
      entity.fail(label(self), "step %d must be { name, { follower = probability } }, not %s", i, blame.show(step))
    elseif self.number[name] then
      entity.fail(label(self), "steps %d and %d have the same name", self.number[name], i)
    end
    self.names[i], self.number[name] = name, i
  end
end

local function find_step(self, name)
  local found = self.number[name]
  if not found then
    entity.fail(label(self), "there is no step %s%s", blame.show(name),
      type(name) == "string" and blame.suggestion(name, self.names) or "")
  end
  return found
end

-- The probabilities of all steps after this one, in order.
local function followers(self, step)
  local row, sum = {}, 0
  for i = 1, #self.names do row[i] = 0.0 end
  if step[2] ~= nil and type(step[2]) ~= "table" then
    entity.fail(label(self), "what follows %q must be { step = probability }, not %s", step[1], blame.show(step[2]))
  end
  for name, p in pairs(step[2] or {}) do
    if type(p) ~= "number" or not (p >= 0 and p <= 1) then
      entity.fail(label(self), "the probability of %s after %q must be 0 to 1, not %s", blame.show(name), step[1],
        blame.show(p))
    end
    row[find_step(self, name)] = p + 0.0
  end
  for _, p in ipairs(row) do sum = sum + p end
  if sum > 1 + 1e-9 then entity.fail(label(self), "what follows %q has a probability of %g in all", step[1], sum) end
  return row
end

--- The session: a UUID.
function Sessions:id()
  local uuid = { op = "uuid", stream = self.name .. "#id" }
  return entity.seal(self.name .. ":id()", {
    code = { { op = "entity", pick = self.spec, body = { uuid } } }, type = "string", text = true,
    describes = { op = "uuid", type = "string", text = true },
  })
end

--- A field of the session, the same in all its events.
function Sessions:attribute(path)
  return entity.attribute(label(self), self.name, self.attributes, self.spec, path)
end

--- The name of the event: one of the steps.
function Sessions:step()
  return entity.seal(self.name .. ":step()", {
    op = "session_step", pick = self.spec, words = self.names, type = "string", text = true,
  })
end

local numbers = { position = "int", length = "int", elapsed = "bigint", duration = "bigint" }
for i, name in ipairs { "position", "length", "elapsed", "duration" } do
  --- position(): of the event, from 1; length(): events of the session in all; elapsed(): ms of the
  --- simulated clock since its first event; duration(): from the first to the last.
  Sessions[name] = function(self)
    return entity.seal(("%s:%s()"):format(self.name, name), {
      op = "session_number", pick = self.spec, what = i - 1, type = numbers[name],
    })
  end
end

--- when(step or { steps }, value): the value (a provider or a constant) at these steps, else null.
function Sessions:when(steps, value)
  local mask = 0
  if type(steps) ~= "table" then steps = { steps } end
  if #steps == 0 then entity.fail(label(self), "when needs a step, or a list of steps") end
  for _, name in ipairs(steps) do mask = mask | 1 << (find_step(self, name) - 1) end
  if not provider.is(value) then value = require("kinessis.fake").constant(value) end
  return entity.seal(self.name .. ":when()", {
    op = "session_when", pick = self.spec, mask = mask, body = value, type = value.type, problem = value.problem,
  })
end

function Sessions:__tostring()
  return ("sessions %s (%s)"):format(self.name, table.concat(self.names, ", "))
end

local function new(_, name, options)
  entity.check_name("sessions", name)
  local self = setmetatable({ name = name, names = {}, number = {} }, Sessions)
  options = entity.check_keys(label(self), options, { "steps", "open", "most", "fields", "locale" })
  check_steps(self, options.steps)
  local rows = {}
  for i, step in ipairs(options.steps) do rows[i] = followers(self, step) end
  self.spec = {
    kind = "session", population = "sessions " .. name, stream = "sessions " .. name, steps = rows,
    open = entity.integer(label(self), "open", options.open or 20, 1, MOST_OPEN),
    most = entity.integer(label(self), "most", options.most or 30, 1, MOST_EVENTS),
  }
  self.attributes = entity.attributes(name, options.fields, options.locale)
  return self
end

return setmetatable(sessions, { __call = new })
