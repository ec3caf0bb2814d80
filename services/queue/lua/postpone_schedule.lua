#!lua flags=allow-oom
-- postpone_schedule: set a later time for the next check of a schedule, unless the schedule was deleted.
--
-- KEYS  1 times  zset  agent/name by the time of the next check (ms)
-- ARGV  1 agent/name
--       2 time of the next check (ms)
-- RETURN 'ok'

redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
return 'ok'
