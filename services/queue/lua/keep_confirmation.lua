#!lua flags=allow-oom
-- keep_confirmation: note when something was prepared that needs a confirmation.
--
-- KEYS  1 confirmation  string  the time (ms)
-- ARGV  1 time (ms)
--       2 how long it is kept (ms)
-- RETURN 'ok'
--
-- A script since SET alone is refused when memory is full, and clearing the queue is what empties it.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'ok'
