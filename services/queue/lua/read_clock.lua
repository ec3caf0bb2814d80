-- read_clock: the time by which this shard's tasks are due.
--
-- KEYS  1 tasks  hash  id -> record (JSON)
-- RETURN now (ms)
-- NEEDS read_clock (shared/clock)
--
-- A script because TIME alone has no key: a Redis Cluster would ask any node, whose clock is not that of the shard's node.

return read_clock()
