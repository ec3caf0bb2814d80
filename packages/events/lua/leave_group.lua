#!lua flags=allow-oom
-- leave_group: forget a consumer, or offer what it has not finished to the others at once.
--
-- KEYS  1 stream  stream  the partition's events
-- ARGV  1 group
--       2 consumer
--       3 idle time (ms) that marks an entry as free for everybody
-- RETURN 'ok' | 'pending'
--
-- Deleting a consumer drops its pending entries, which would lose them: so it is one step with the check that it has
-- none. JUSTID leaves the count of deliveries alone.

local stream = KEYS[1]
local group, consumer, idle_ms = ARGV[1], ARGV[2], ARGV[3]

local pending = redis.call('XPENDING', stream, group, '-', '+', 10000, consumer)
if #pending == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
  return 'ok'
end
for _, entry in ipairs(pending) do
  redis.call('XCLAIM', stream, group, consumer, 0, entry[1], 'IDLE', idle_ms, 'JUSTID')
end
return 'pending'
