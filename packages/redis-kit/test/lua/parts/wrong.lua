-- Its header lists a name that the file does not define.
--
-- DEFINES mumble
-- NEEDS MARK (parts/mark)

local function _mutter(text)
  return text
end
