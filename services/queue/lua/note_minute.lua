#!lua flags=allow-oom
-- note_minute: note how many tasks run and wait, once in each minute.
--
-- KEYS  1 minutes  list  'minute running waiting parked', the newest first; a minute is counted from 1970
--       2 leases   zset  ids by lease expiry (ms)
--       3 parked   zset  ids by the time at which they become ready (ms)
--       4 load     hash  all/tasks: tasks that wait, parked ones included
-- ARGV  1 now (ms), or '' for the server's clock
--       2 most minutes that are kept
-- RETURN 'ok' | 'noted': this minute, or a later one, was noted before
-- NEEDS time_given (shared/clock)
--
-- The reapers of all replicas call it each second, and the first call in a minute counts. The sizes of the indexes are
-- the counts, so no change of a task has to count anything.

local minutes, leases, parked, load = unpack(KEYS)
local minute, most = math.floor(time_given(ARGV[1]) / 60000), tonumber(ARGV[2])
local newest = string.match(redis.call('LRANGE', minutes, 0, 0)[1] or '', '^%d+')
if newest and tonumber(newest) >= minute then
  return 'noted'
end
local held = redis.call('ZCARD', parked)
local waiting = math.max(0, tonumber(redis.call('HGET', load, 'all/tasks') or 0) - held)
redis.call('LPUSH', minutes, string.format('%d %d %d %d', minute, redis.call('ZCARD', leases), waiting, held))
redis.call('LTRIM', minutes, 0, most - 1)
redis.call('PEXPIRE', minutes, most * 60000)
return 'ok'
