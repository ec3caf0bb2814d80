-- Reads the clock of the Redis server (ms).
--
-- DEFINES read_clock, time_given

local function read_clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The time (ms) in which a script runs: the number in `text`, which only tests give, or the server's clock for ''.
local function time_given(text)
  return tonumber(text) or read_clock()
end
