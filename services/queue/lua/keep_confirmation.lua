#!lua flags=allow-oom
-- keep_confirmation: store when a call was prepared that needs a confirmation.
--
-- KEYS  1 confirmation  string  the time (ms)
-- ARGV  1 time (ms)
--       2 how long it is kept (ms)
-- RETURN 'ok'
--
-- This is a script because Redis refuses a plain SET when memory is full. Clearing the queue must work then, because it
-- frees memory.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'ok'
