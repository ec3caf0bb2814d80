-- The server's clock (ms).
--
-- DEFINES read_clock, time_given

local function read_clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The time (ms) that a script was given: a test's clock; the server's for ''.
local function time_given(text)
  return tonumber(text) or read_clock()
end
