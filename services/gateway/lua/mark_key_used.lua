#!lua flags=allow-oom
-- mark_key_used: note that a gateway has accepted an API key.
--
-- KEYS  1 key  hash  the key's record
-- ARGV  1 now (ms), or '' for the server's clock
--       2 time (ms) within which a second note is not written
-- RETURN 'ok'
-- NEEDS time_given (shared/clock)
--
-- A record that is gone stays gone.

local key = KEYS[1]
local now = time_given(ARGV[1])

local created, last = unpack(redis.call('HMGET', key, 'created_ms', 'last_used_ms'))
if created and now - (tonumber(last) or 0) >= tonumber(ARGV[2]) then
  redis.call('HSET', key, 'last_used_ms', now)
end
return 'ok'
