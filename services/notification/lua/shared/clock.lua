-- Reads the clock.
--
-- DEFINES time_given

-- The time (ms) in which a script runs: the number in `text`, which only tests give, or the server's clock for ''.
local function time_given(text)
  if text ~= '' then
    return tonumber(text)
  end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
