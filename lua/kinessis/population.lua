--- population(name, size, fields, options): things that records are about: users, devices, accounts.
---
---     local users = kinessis.population("users", 10000, {
---       { "name",  fake.name() },
---       { "email", fake.email() },
---     })
---     local order = kinessis.schema("order", {
---       { "user_id", users:id() },
---       { "email",   users:attribute("email") },
---     })
---
--- An entity's attributes are a function of the seed and its number: user 17 has the same email in every
--- record of every scenario with that seed, and users:schema() is the table that user_id refers to. All
--- that a schema asks of `users` is of one user, another for each record; users:pick{...} chooses apart:
---
---     local seller = users:pick { zipf = 1.1 }          -- few sell most; the oldest are the most active
---     local device = devices:pick { order = "rounds" }  -- each once, in another order every round
---     device:count()                                    -- how many records it had, with this one
---     device:counter { start = 0, step = 10 }           -- a meter of its own that never falls
---     device:walk { start = 20, step = 0.5 }            -- a temperature of its own that wanders
---
--- options: locale, as a schema's; every = 100, lives = { 5000, 20000 }: a new entity with every 100
--- records, which is picked for 5,000 to 20,000 records; without `lives` they stay. `size` are there at
--- the start. The time (fake.now) of an attribute is when the entity appeared.
local blame = require "kinessis.blame"
local entity = require "kinessis.entity"
local fake = require "kinessis.fake"
local schema = require "kinessis.schema"

local population = {}

local MOST = 1 << 30
local LONGEST = 1 << 40

-- ---- a choice ----

local Pick = { __name = "kinessis.pick" }
Pick.__index = Pick

local function label(pick)
  return "population " .. pick.population.name
end

--- The attribute `path` ("address.city") of whom it chooses.
function Pick:attribute(path)
  return entity.attribute(label(self), self.population.name, self.population.attributes, self.spec, path)
end

--- The attribute "id", or, where there is none, the entity's number, from 1.
function Pick:id()
  if self.population.attributes.id then return self:attribute("id") end
  return entity.seal(self.population.name .. ":id()", { op = "entity_number", pick = self.spec, type = "bigint" })
end

local function need_rounds(self, method)
  if self.spec.kind ~= "rounds" then
    entity.fail(label(self), '%s needs pick { order = "rounds" }: else nobody can tell without all records before',
      method)
  end
end

--- How many records the entity had, with this one.
function Pick:count()
  need_rounds(self, "count")
  return entity.seal(self.population.name .. ":count()", { op = "entity_count", pick = self.spec, type = "bigint" })
end

--- counter { start = 0, step = 1 }: a number of the entity that never falls: `step` more in each of its
--- records on average, less than twice that at most.
function Pick:counter(options)
  need_rounds(self, "counter")
  options = entity.check_keys(label(self) .. ": counter", options, { "start", "step" })
  return entity.seal(self.population.name .. ":counter()", {
    op = "entity_counter", pick = self.spec, type = "bigint",
    start = entity.integer(label(self) .. ": counter", "start", options.start or 0, -LONGEST, LONGEST),
    step = entity.integer(label(self) .. ": counter", "step", options.step or 1, 0, MOST),
  })
end

--- walk { start = 0, step = 1, scale = 2, min =, max = }: a random walk of the entity's own (fake.walk): in each of
--- its records the value of its record before, and a bell-shaped step.
function Pick:walk(options)
  need_rounds(self, "walk")
  local names = { "start", "step", "scale", "min", "max" }
  options = entity.check_keys(label(self) .. ": walk", options, names)
  local made = fake.walk(options.start or 0, options.step or 1, options.scale or 2, options.min, options.max)
  if made.problem then entity.fail(label(self) .. ": walk", "%s", made.problem) end
  self.walks = (self.walks or 0) + 1
  local step = { op = made.op, stream = ("walk %d of %s"):format(self.walks, self.spec.stream) }
  for _, name in ipairs { "a", "b", "scale", "min", "max" } do step[name] = made[name] end
  return entity.seal(self.population.name .. ":walk()", {
    code = { { op = "entity_round", pick = self.spec, body = { step } } }, type = made.type,
  })
end

-- ---- the population ----

local Population = { __name = "kinessis.population" }
Population.__index = Population

local function new_pick(self, kind, stream, exponent)
  local spec = {
    kind = kind, population = "population " .. self.name, stream = ("pick %s %s"):format(self.name, stream),
    size = self.size, every = self.every, life_min = self.life_min, life_max = self.life_max, exponent = exponent,
  }
  return setmetatable({ population = self, spec = spec }, Pick)
end

--- pick { zipf = exponent, order = "rounds", name = text }: a choice of its own. Choices without a name
--- are numbered as they are made; with one, other scenarios can make the same choice.
function Population:pick(options)
  local what = "population " .. self.name .. ": pick"
  options = entity.check_keys(what, options, { "zipf", "order", "name" })
  local kind, exponent = "uniform", options.zipf
  if exponent ~= nil then
    if type(exponent) ~= "number" or not (exponent > 0 and exponent <= 10) then
      entity.fail(what, "zipf must be an exponent above 0, to 10, not %s", blame.show(exponent))
    end
    kind = "zipf"
  end
  if options.order ~= nil then
    if options.order ~= "rounds" then entity.fail(what, 'order can be "rounds", not %s', blame.show(options.order)) end
    if exponent then entity.fail(what, "in rounds all are equally active: zipf does not go with it") end
    if self.every then entity.fail(what, "rounds need a population that does not change: leave `every` out") end
    kind = "rounds"
  end
  local name = options.name
  if name == nil then
    self.picks = self.picks + 1
    name = self.picks
  else
    entity.check_name(what, name)
    name = "named " .. name
  end
  return new_pick(self, kind, tostring(name), exponent)
end

--- The id of the entity that a record is about, chosen anew for each: see population:pick for other choices.
function Population:id() return self.default:id() end

--- The attribute of that name, or path ("address.city"), of the same entity.
function Population:attribute(path) return self.default:attribute(path) end

--- The population as records: record i is entity i. With the fields that are declared, and "id" before
--- them where they have none.
function Population:schema()
  local own = new_pick(self, "index", "index")
  local fields = {}
  if not self.attributes.id then fields[1] = { "id", own:id() } end
  for _, attribute in ipairs(self.attributes) do
    if not attribute.name:find(".", 1, true) then
      fields[#fields + 1] = { attribute.name, own:attribute(attribute.name), type = attribute.type }
    end
  end
  return schema.new(self.name, fields)
end

function Population:__tostring()
  return ("population %s (%d)"):format(self.name, self.size)
end

local function read_life(self, life)
  local what = "population " .. self.name
  if life.every == nil and life.lives == nil then return end
  if life.every == nil then entity.fail(what, "lives needs every: how many records until the next one appears") end
  self.every = entity.integer(what, "every", life.every, 1, MOST)
  if life.lives == nil then return end
  local least, most = life.lives, life.lives
  if type(life.lives) == "table" then least, most = life.lives[1], life.lives[2] end
  self.life_min = entity.integer(what, "the least of lives", least, 1, LONGEST)
  self.life_max = entity.integer(what, "the most of lives", most, 1, LONGEST)
  if self.life_min > self.life_max then
    entity.fail(what, "lives from %d to %d: the least is more than the most", self.life_min, self.life_max)
  elseif self.life_min < self.every then
    entity.fail(what, "with a new one every %d records, lives of %d leave times without anyone: the least must be %d",
      self.every, self.life_min, self.every)
  end
end

local function new(_, name, size, fields, options)
  entity.check_name("population", name)
  local self = setmetatable({ name = name, picks = 0 }, Population)
  self.size = entity.integer("population " .. name, "the size", size, 1, MOST)
  options = entity.check_keys("population " .. name, options, { "every", "lives", "locale" })
  self.attributes = entity.attributes(name, fields, options.locale)
  read_life(self, options)
  self.default = new_pick(self, "uniform", "default")
  return self
end

return setmetatable(population, { __call = new })
