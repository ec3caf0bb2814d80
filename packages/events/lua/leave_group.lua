#!lua flags=allow-oom
-- leave_group: delete a consumer, or offer its unfinished entries to the other consumers immediately.
--
-- KEYS  1 stream  stream  the partition's events
-- ARGV  1 group
--       2 consumer
--       3 idle time (ms) that makes an entry free for every consumer
-- RETURN 'ok' | 'pending'
--
-- When Redis deletes a consumer, it drops the consumer's pending entries, and they would be lost. So this script checks
-- for pending entries and deletes in one step. JUSTID keeps the count of deliveries unchanged.

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
