-- Upper case, with a mark.

local function shout(text)
  return string.upper(text) .. '!'
end
