-- read_clock: read the clock that says when tasks of this shard are due.
--
-- KEYS  1 tasks  hash  id -> record (JSON)
-- RETURN now (ms)
-- NEEDS read_clock (shared/clock)
--
-- This is a script because a plain TIME has no key. On a Redis Cluster it would go to any node, and that node has
-- another clock than the node of the shard.

return read_clock()
