#!lua flags=allow-oom
-- postpone_schedule: look at a schedule later, unless it is gone.
--
-- KEYS  1 times  zset  agent/name by when to look next (ms)
-- ARGV  1 agent/name
--       2 when (ms)
-- RETURN 'ok'

redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1])
return 'ok'
