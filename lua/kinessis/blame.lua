--- Whose line it is, and what was meant: for messages about a user's mistake.
local options = require "kinessis.options"

local blame = {}

-- The folder of the library, as chunk names have it: "@lua/kinessis/" or the tree's.
local library = debug.getinfo(1, "S").source:match("^(.*)blame%.lua$")

--- The first line up the stack that is not the library's, as "file.lua:12"; "" when there is none.
function blame.where()
  for level = 2, 200 do
    local frame = debug.getinfo(level, "Sl")
    if not frame then break end
    if frame.currentline > 0 and frame.source:sub(1, #library) ~= library then
      return ("%s:%d"):format(frame.short_src, frame.currentline)
    end
  end
  return ""
end

--- '; did you mean "x"?', or ""
function blame.suggestion(word, candidates)
  local nearest = options.nearest(word, candidates)
  return nearest and ('; did you mean "%s"?'):format(nearest) or ""
end

--- A value, as a message shows it.
function blame.show(value)
  local kind = type(value)
  if kind == "string" then
    local text = #value > 40 and value:sub(1, 37) .. "..." or value
    return "string " .. ("%q"):format(text):gsub("\\\n", "\\n")
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  end
  return "a " .. kind
end

return blame
