#!lua flags=allow-oom
-- revoke_key: end an API key for good.
--
-- KEYS  1 key       hash    the key's record
--       2 revoked   zset    credential id -> time (ms) until which gateways need to know that it is revoked
--       3 revision  string  number of changes
-- ARGV  1 now (ms), or '' for the server's clock
--       2 credential id of the key
--       3 how long the key is listed after its end (ms)
--       4 channel of changes
-- RETURN 'ok' | 'missing'
-- NEEDS time_given (shared/clock), announce (shared/revision)
--
-- The record and the list of revoked credentials change together, so that no gateway reads one without the other.

local key, revoked, revision = KEYS[1], KEYS[2], KEYS[3]
local now = time_given(ARGV[1])

if redis.call('EXISTS', key) == 0 then
  return 'missing'
end
if redis.call('HSETNX', key, 'revoked_ms', now) == 1 then
  redis.call('PEXPIREAT', key, now + ARGV[3])
  redis.call('ZREMRANGEBYSCORE', revoked, '-inf', now)
  redis.call('ZADD', revoked, now + ARGV[3], ARGV[2])
  announce(revision, ARGV[4])
end
return 'ok'
