#!lua flags=allow-oom
-- revoke_tokens: end one token, or all tokens of a subject that were issued until now.
--
-- KEYS  1 revoked   zset    credential id -> time (ms) until which gateways need to know that it is revoked
--       2 subjects  hash    subject -> time (ms) before which its tokens were issued
--       3 revision  string  number of changes
-- ARGV  1 now (ms), or '' for the server's clock
--       2 'token' or 'subject'
--       3 credential id of the token, or the subject
--       4 time (ms) when the token expires, or '' for a subject
--       5 channel of changes
-- RETURN 'ok'
-- NEEDS time_given (shared/clock), announce (shared/revision)
--
-- Tokens that have expired leave the list. A subject stays: nobody knows how long its tokens live.

local revoked, subjects, revision = KEYS[1], KEYS[2], KEYS[3]
local now = time_given(ARGV[1])

redis.call('ZREMRANGEBYSCORE', revoked, '-inf', now)
if ARGV[2] == 'token' then
  redis.call('ZADD', revoked, 'GT', ARGV[4], ARGV[3])
else
  redis.call('HSET', subjects, ARGV[3], now)
end
announce(revision, ARGV[5])
return 'ok'
