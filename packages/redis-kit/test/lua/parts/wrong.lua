-- Says that it defines what it does not.
--
-- DEFINES mumble
-- NEEDS MARK (parts/mark)

local function _mutter(text)
  return text
end
