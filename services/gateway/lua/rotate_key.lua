#!lua flags=allow-oom
-- rotate_key: give an API key a new secret. The one that it had works for a while more.
--
-- KEYS  1 key       hash    the key's record
--       2 revision  string  number of changes
-- ARGV  1 now (ms), or '' for the server's clock
--       2 hash of the new secret
--       3 how long the old secret works (ms)
--       4 channel of changes
-- RETURN 'ok' | 'missing'
-- NEEDS time_given (shared/clock), announce (shared/revision)
--
-- 'missing' means that there is no such key, or that it was revoked or has expired. A key has one earlier secret at
-- most: with the next rotation, that of the rotation before ends.

local key, revision = KEYS[1], KEYS[2]
local now = time_given(ARGV[1])

local secret, revoked, expires = unpack(redis.call('HMGET', key, 'secret_hash', 'revoked_ms', 'expires_ms'))
if not secret or revoked or expires and tonumber(expires) <= now then
  return 'missing'
end
if secret == ARGV[2] then
  return 'ok'
end

redis.call('HSET', key, 'secret_hash', ARGV[2], 'rotated_ms', now, 'previous_hash', secret,
  'previous_until_ms', now + ARGV[3])
announce(revision, ARGV[4])
return 'ok'
