#!lua flags=allow-oom
-- tell_repeats: put one notice into the queues for each incident whose repeats are to be reported now.
--
-- KEYS  1 notices     hash    see accept_notice
--       2 deliveries  hash
--       3 incidents   hash
--       4 digests     zset
--       5 waiting     zset
--       6 left        hash
--       7 sequence    string
--       8 ...queues   zset
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 the channels
-- RETURN number of incidents
-- NEEDS time_given (shared/clock), put_digest, queues_from, whole (shared/put)
--
-- A second run finds the repeats reported already, and does nothing.

local keys = {
  notices = KEYS[1], deliveries = KEYS[2], digests = KEYS[4], waiting = KEYS[5], left = KEYS[6], sequence = KEYS[7],
}
local now = time_given(ARGV[1])
local queues = queues_from(8, { unpack(ARGV, 2) })
local due = redis.call('ZRANGEBYSCORE', keys.digests, '-inf', whole(now), 'LIMIT', 0, 20)
for _, key in ipairs(due) do
  local stored = redis.call('HGET', KEYS[3], key)
  if stored then
    local incident = cjson.decode(stored)
    put_digest(keys, queues, incident, key, now)
    redis.call('HSET', KEYS[3], key, cjson.encode(incident))
  else
    redis.call('ZREM', keys.digests, key)
  end
end
return #due
