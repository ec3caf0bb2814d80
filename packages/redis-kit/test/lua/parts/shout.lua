-- Turns a text into upper case, with a mark.
--
-- DEFINES shout
-- NEEDS MARK (parts/mark)

local function shout(text)
  return string.upper(text) .. MARK
end
