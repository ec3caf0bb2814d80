-- read_memory: read how full the memory of this shard's node is.
--
-- KEYS  1 tasks  hash  id -> record (JSON)
-- RETURN id of the Redis process, bytes that count towards maxmemory, maxmemory (0: none), maxmemory-policy
-- NEEDS run_id (outage/run)
--
-- This is a script because a plain INFO has no key: on a Redis Cluster it would go to any node. Data that waits to be
-- sent to replicas or written to the append-only file does not count.

local memory = redis.call('INFO', 'memory')
local function read(field)
  return string.match(memory, '[\r\n]' .. field .. ':([^\r\n]*)') or ''
end
local used = (tonumber(read('used_memory')) or 0) - (tonumber(read('mem_not_counted_for_evict')) or 0)
return { run_id(), string.format('%.0f', used), read('maxmemory'), read('maxmemory_policy') }
