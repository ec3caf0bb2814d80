#!lua flags=allow-oom
-- write_barrier: write something, for a WAIT that comes next on the same connection.
--
-- KEYS  1 barrier  string  nothing
-- RETURN OK
--
-- A script since SET alone is refused when memory is full, and ends have to be confirmed then too.

return redis.call('SET', KEYS[1], '')
