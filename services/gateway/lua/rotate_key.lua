#!lua flags=allow-oom
-- rotate_key: give an API key a new secret. The one that it had works for a while more.
--
-- KEYS  1 key       hash    the key's record
--       2 revision  string  number of changes
-- ARGV  1 now (ms), or '' for the server's clock
--       2 hash of the new secret
--       3 how long earlier secrets work (ms)
--       4 channel of changes
-- RETURN 'ok' | 'missing'
-- NEEDS time_given (shared/clock), announce (shared/revision)
--
-- 'missing' means that there is no such key, or that it was revoked or has expired. A secret in its grace keeps it, so
-- that a caller whose answer was lost can rotate again: a channel makes up to four tries by itself. The new grace
-- shortens an older one, so that a rotation without grace ends every earlier secret.

local key, revision = KEYS[1], KEYS[2]
local now = time_given(ARGV[1])
local MOST_EARLIER = 4

local secret, revoked, expires, known =
  unpack(redis.call('HMGET', key, 'secret_hash', 'revoked_ms', 'expires_ms', 'earlier'))
if not secret or revoked or expires and tonumber(expires) <= now then
  return 'missing'
end
if secret == ARGV[2] then
  return 'ok'
end

local ends = now + ARGV[3]
local earlier = { string.format('%s:%.0f', secret, ends) }
for hash, old_end in string.gmatch(known or '', '(%S+):(%d+)') do
  local until_ms = math.min(tonumber(old_end), ends)
  if until_ms > now then
    table.insert(earlier, #earlier, string.format('%s:%.0f', hash, until_ms))
  end
end
-- The oldest is first, and the one that just worked is last.
local first = math.max(1, #earlier - MOST_EARLIER + 1)
redis.call('HSET', key, 'secret_hash', ARGV[2], 'rotated_ms', now, 'earlier', table.concat(earlier, ' ', first))
announce(revision, ARGV[4])
return 'ok'
