-- read_due: read when something is due next.
--
-- KEYS  1 leases   zset  ids by lease expiry (ms)
--       2 parked   zset  ids by the time at which they become ready (ms)
--       3 alarms   zset  ids by the time at which a task that was not started expires or loses its executor (ms)
--       4 gates    hash  scope -> gate (JSON)
--       5 holds    hash  budget/… -> gate of a budget that is used up (JSON)
--       6 refills  zset  throttled agents by the time at which their rate has refilled (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 only what is due after this time (ms): the caller has handled everything before it
-- RETURN {now, when a task is due next, when a gate opens next, when a rate has refilled next}, each (ms) or ''
-- NEEDS time_given (shared/clock)
--
-- The script reads all times at one moment. So a reaper that sleeps until the earliest of them misses none.

local leases, parked, alarms, gates, holds, refills = unpack(KEYS)
local now, after = time_given(ARGV[1]), tonumber(ARGV[2])

local function first_of(...)
  local first = math.huge
  for _, zset in ipairs({ ... }) do
    local found = redis.call('ZRANGEBYSCORE', zset, '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    first = math.min(first, tonumber(found[2] or math.huge))
  end
  return first
end

local opens = math.huge
for _, key in ipairs({ gates, holds }) do
  for _, entry in ipairs(redis.call('HVALS', key)) do
    local gate = cjson.decode(entry)
    if gate.opens and gate.opens > after then
      opens = math.min(opens, gate.opens)
    end
  end
end
local function text_of(time)
  return time < math.huge and string.format('%.0f', math.ceil(time)) or ''
end
return { string.format('%.0f', now), text_of(first_of(leases, parked, alarms)), text_of(opens), text_of(first_of(refills)) }
