-- read_places: check whether the caller knows all waiting lines. It does if the lines in KEYS hold every task that
-- waits in a line.
--
-- KEYS  1 load      hash  all/tasks -> how many tasks wait; other counts
--       2 parked    zset  ids by the time at which they become ready (ms)
--       3 pinned    zset  executor/engine/class/age/id of waiting tasks with an affinity, all with score 0
--       4 blocked   zset  reason/age/id of queued tasks that are in no line, all with score 0
--       5 ...lines  zset  one for each engine and class: agent/age/id of waiting tasks, all with score 0
-- ARGV  1 now (ms), or '' for the server's clock
-- RETURN {now (ms), '1' when they hold every such task, else ''}
-- NEEDS time_given (shared/clock)
--
-- Each waiting task is in exactly one of these places. So their sizes say whether a place is missing: a waiting line of
-- an engine that this installation no longer has.

local places = 0
for i = 2, #KEYS do
  places = places + redis.call('ZCARD', KEYS[i])
end
local waiting = tonumber(redis.call('HGET', KEYS[1], 'all/tasks') or 0)
return { string.format('%.0f', time_given(ARGV[1])), places == waiting and '1' or '' }
