-- read_places: whether the lines that are named hold every task that waits in line.
--
-- KEYS  1 load      hash  all/tasks -> what waits, among others
--       2 parked    zset  ids by the time at which they become ready (ms)
--       3 pinned    zset  executor/engine/class/age/id of waiting tasks with an affinity, all with score 0
--       4 blocked   zset  reason/age/id of queued tasks that are in no line, all with score 0
--       5 ...lines  zset  of an engine and class: agent/age/id of waiting tasks, all with score 0
-- ARGV  1 now (ms), or '' for the server's clock
-- RETURN {now (ms), '1' when they do, else ''}
-- NEEDS time_given (shared/clock)
--
-- Each waiting task is in exactly one of these places, so that their sizes say whether one is missing: that of an engine which this
-- installation no longer has.

local places = 0
for i = 2, #KEYS do
  places = places + redis.call('ZCARD', KEYS[i])
end
local waiting = tonumber(redis.call('HGET', KEYS[1], 'all/tasks') or 0)
return { string.format('%.0f', time_given(ARGV[1])), places == waiting and '1' or '' }
