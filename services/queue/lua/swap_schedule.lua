#!lua flags=allow-oom
-- swap_schedule: store, replace or delete a schedule, unless it was changed since the caller read it.
--
-- KEYS  1 schedules  hash  of one agent: name -> schedule (JSON)
--       2 times      zset  agent/name by the time of the next check (ms)
-- ARGV  1 agent
--       2 name
--       3 schedule as it was read, or '' when there was none
--       4 schedule to store, or '' to delete it
--       5 time of the next check (ms), or '' for no check
--       6 most schedules of the agent, or '' for no bound
--       7 most bytes of all schedules of the agent
--       8 work channel
-- RETURN 'ok' | 'same' | 'changed' | 'full'
--
-- 'same': exactly this schedule is stored already. This call ran twice, or another replica made the same change.

local schedules, times = unpack(KEYS)
local name, before, after = ARGV[2], ARGV[3], ARGV[4]
local member = ARGV[1] .. '/' .. name

local current = redis.call('HGET', schedules, name) or ''
local same = current == after
if not same then
  if current ~= before then
    return 'changed'
  end
  if ARGV[6] ~= '' then
    local bytes = #after - #current
    local names = redis.call('HKEYS', schedules)
    for _, each in ipairs(names) do
      bytes = bytes + redis.call('HSTRLEN', schedules, each)
    end
    if bytes > tonumber(ARGV[7]) or current == '' and #names >= tonumber(ARGV[6]) then
      return 'full'
    end
  end
end
if after == '' then
  redis.call('HDEL', schedules, name)
else
  redis.call('HSET', schedules, name, after)
end
if ARGV[5] == '' then
  redis.call('ZREM', times, member)
else
  redis.call('ZADD', times, ARGV[5], member)
end
redis.call('PUBLISH', ARGV[8], 'schedules')
return same and 'same' or 'ok'
