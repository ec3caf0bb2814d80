#!lua flags=allow-oom
-- write_barrier: make a write for the WAIT that comes next on the same connection.
--
-- KEYS  1 barrier  string  always empty
-- RETURN OK
--
-- This is a script because Redis refuses a plain SET when memory is full. The queue has to confirm ends of tasks then
-- too.

return redis.call('SET', KEYS[1], '')
