#!lua flags=allow-oom
-- record_delivery: record that a channel accepted an event, only once.
--
-- KEYS  1 log        stream  the deliveries, oldest first
--       2 delivered  zset    "<channel> <event id>", the score is the time of the record (ms)
-- ARGV  1 channel
--       2 event id
--       3 the notification: JSON
--       4 event type
--       5 entries to keep in the log
--       6 keep delivered for (ms)
-- RETURN 'ok' | 'repeat'
--
-- The mark in `delivered` guards the log: if the script runs again, it adds no second entry. Marks are needed for as long
-- as an event may be delivered again. This script removes older marks, so no other cleanup is needed.

local log, delivered = KEYS[1], KEYS[2]
local channel, id, notification, event_type, keep, keep_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('ZADD', delivered, 'NX', now, channel .. ' ' .. id) == 0 then
  return 'repeat'
end
redis.call('ZREMRANGEBYSCORE', delivered, '-inf', '(' .. string.format('%.0f', now - keep_ms))
redis.call('XADD', log, 'MAXLEN', '=', keep, '*', 'type', event_type, 'notification', notification)
return 'ok'
