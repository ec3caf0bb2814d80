-- create_key: store an API key.
--
-- KEYS  1 key    hash  the key's record
--       2 index  zset  id -> time of creation (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 id of the key
--       3 hash of its secret
--       4 lifetime (ms), or 0 for ever
--       5 how long it is listed after its end (ms)
--       6 name
--       7 subject
--       8 scopes, with spaces between them
--       9 who made it
-- RETURN 'ok' | 'taken'
-- NEEDS time_given (shared/clock)
--
-- 'taken' means that another key has this id. A repeated call finds its own secret and answers 'ok'. The record goes by
-- itself some time after the key has expired. Its id then leaves the index when somebody lists the keys.

local key, index = KEYS[1], KEYS[2]
local now, lifetime = time_given(ARGV[1]), tonumber(ARGV[4])

local stored = redis.call('HGET', key, 'secret_hash')
if stored then
  return stored == ARGV[3] and 'ok' or 'taken'
end

redis.call('HSET', key, 'secret_hash', ARGV[3], 'created_ms', now, 'name', ARGV[6], 'subject', ARGV[7],
  'scopes', ARGV[8], 'created_by', ARGV[9])
if lifetime > 0 then
  redis.call('HSET', key, 'expires_ms', now + lifetime)
  redis.call('PEXPIREAT', key, now + lifetime + ARGV[5])
end
redis.call('ZADD', index, now, ARGV[2])
return 'ok'
