--- Which values of a record agree, and with what.
---
--- A record tells of people and places. All that is drawn for one of them comes from streams named after
--- it, so two fields that ask for the same draw of the same person get the same answer: nothing is
--- remembered, and record i stays a pure function of (seed, i).
---
--- Whose draws are they? A provider of this kind has a *role* ("given", "family", "birth", "place") and
--- an *attribute* (its name). Attributes that introduce somebody (first_name, city, ...) name their roles
--- as `anchors`. Then:
---   - a value goes with the anchor of its role in its own object, or in the nearest object around it;
---     without one anywhere, with the other values of its object;
---   - the second use of an attribute in an object is about a second person or place, and so on; where
---     an object has fewer anchors than uses, the rest go with the last one, with draws of their own;
---   - inside a text (concat, template) uses are counted anew: {first_name} there is the record's;
---   - values with a `group` go with that group, wherever in the record they stand.
local locales = require "kinessis.locale"

local agree = {}

local Scope = {}
Scope.__index = Scope

local function new_scope(path, parent, root)
  local scope = setmetatable({ path = path, parent = parent, anchors = {}, counts = {} }, Scope)
  scope.root = root or scope
  return scope
end

--- The scope of a record. options.locale is the default locale of its values. What an operation repeats
--- in one record (the elements of an array) has draws of its own, so it is a record of its own here too.
function agree.record(path, locale)
  local scope = new_scope(path)
  scope.groups, scope.locale = {}, locale
  return scope
end

--- The scope of an object in this one.
function Scope:object(path)
  return new_scope(path, self, self.root)
end

local function group_scope(root, name)
  local found = root.groups[name]
  if not found then
    found = new_scope(root.path .. "@" .. name, nil, root)
    found.single = true
    root.groups[name] = found
  end
  return found
end

--- Registers that a value of this object asks for the provider's attribute. counts: of uses, where they
--- are not the object's. Returns the use.
function Scope:use(node, counts)
  local scope = node.group and group_scope(self.root, node.group) or self
  counts = counts or scope.counts
  local k = scope.single and 0 or counts[node.attribute] or 0
  counts[node.attribute] = k + 1
  for _, role in ipairs(node.anchors or {}) do
    local anchors = scope.anchors[role] or {}
    scope.anchors[role] = anchors
    anchors[k + 1] = anchors[k + 1] or node
  end
  return { scope = scope, k = k, locale = node.locale, pinned = {} }
end

-- The scope that owns the role for a use, the anchor there (or nil), its number, and how many uses the
-- anchors are short of.
local function find(use, role)
  local scope = use.scope
  while scope and not scope.anchors[role] do scope = scope.parent end
  if not scope then return use.scope, nil, use.k, 0 end
  local anchors = scope.anchors[role]
  local k = math.min(use.k, #anchors - 1)
  return scope, anchors[k + 1], k, use.k - k
end

-- The locale for a role of a use: of what it goes with, else of the value itself, else the record's.
local function locale_of(use, node)
  local _, anchor = find(use, node.role)
  local locale = anchor and anchor.locale or node.locale or use.locale or use.scope.root.locale or locales.get "en_US"
  return use.pinned[locale] or locale
end

local function record_of(use, node, words)
  local record = { words = words }

  --- The draws called `draw` of the person or place that owns the role. With `own`, a repeated use that
  --- goes with the same owner has other draws.
  function record.stream(role, draw, own)
    local scope, _, k, extra = find(use, role)
    local more = own and extra > 0 and "+" .. extra or ""
    return ("%s#%s%d.%s%s"):format(scope.path, role, k, draw, more)
  end

  --- How many values of this kind went before with the same owner of the role.
  function record.repeated(role)
    local _, _, _, extra = find(use, role)
    return extra
  end

  --- An option of the value that introduced the owner of the role, or of this value.
  function record.option(role, name)
    local _, anchor = find(use, role)
    local value
    if anchor then value = anchor.options[name] end
    if value == nil then value = node.options[name] end
    return value
  end

  return record
end

--- The provider that a node stands for in its place. In a mix of locales it is a choice of one for
--- each, with `uses`: the use that what is inside of each is part of.
function agree.resolve(node, use)
  local locale = locale_of(use, node)
  if not locale.mix then return node.resolve(record_of(use, node, locale)) end
  local root = use.scope.single and use.scope or use.scope.root
  local choice = {
    op = "choose", stream = root.path .. "#locale", words = {}, weights = {}, cases = {}, uses = {},
    type = node.type, text = node.text,
  }
  for i, one in ipairs(locale.mix) do
    choice.words[i], choice.weights[i] = one.locale.label, one.weight
    choice.cases[i] = node.resolve(record_of(use, node, one.locale))
    choice.uses[i] = {
      scope = use.scope, k = use.k, locale = use.locale,
      pinned = setmetatable({ [locale] = one.locale }, { __index = use.pinned }),
    }
  end
  return choice
end

return agree
