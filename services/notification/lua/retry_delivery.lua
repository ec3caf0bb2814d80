#!lua flags=allow-oom
-- retry_delivery: put a delivery that was given up back into the queue of its channel, or let a waiting one be due now.
--
-- KEYS  1 deliveries  hash    "<channel> <id>" → JSON of the delivery
--       2 dead        zset    "<channel> <id>" of deliveries that were given up
--       3 waiting     zset    "<channel> <id>" of deliveries that wait
--       4 sequence    string  number of notices
--       5 due         zset    lanes of the channel
--       6 order       zset    "<lane> <sequence> <id>"
--       7 claimed     zset    lanes that a worker has
--       8 states      hash    channel → JSON, see claim_deliveries
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 channel
--       3 id
-- RETURN 'ok' | 'missing' | 'delivered'
-- NEEDS time_given (shared/clock), enqueue, whole (shared/put)
--
-- A second run finds the delivery waiting, and lets it be due again. A person who retries has a reason: the pause of the
-- channel ends. Its failures stay, so that one that keeps failing is tried with one delivery.

local deliveries, dead, waiting, sequence = unpack(KEYS, 1, 4)
local queue = { due = KEYS[5], order = KEYS[6], claimed = KEYS[7] }
local states = KEYS[8]
local now, channel, id = time_given(ARGV[1]), ARGV[2], ARGV[3]
local field = channel .. ' ' .. id
local stored = redis.call('HGET', deliveries, field)
if not stored then
  return 'missing'
end
local record = cjson.decode(stored)
if record.state == 'delivered' then
  return 'delivered'
end
if record.state == 'dead' then
  record.state, record.since, record.due = 'waiting', now, now
  record.lane = enqueue(queue, id, record.key, redis.call('INCR', sequence), now, true)
  redis.call('HSET', deliveries, field, cjson.encode(record))
  redis.call('ZREM', dead, field)
  redis.call('ZADD', waiting, whole(now), field)
else
  redis.call('ZADD', queue.due, 'XX', whole(now), record.lane)
end
local state = cjson.decode(redis.call('HGET', states, channel) or '{}')
if (state.paused_until or 0) > now then
  state.paused_until = nil
  redis.call('HSET', states, channel, cjson.encode(state))
end
return 'ok'
