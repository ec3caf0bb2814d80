#!lua flags=allow-oom
-- claim_records: give each record of outside work its first content and end for a day, whatever its repeats say.
--
-- KEYS  1 claims        hash  id -> digest of the content, a space, end (ms); those that came today
--       2 claimsBefore  hash  the same of yesterday
-- ARGV  1 keep `claims` for (ms)
--       2 for each record: id, digest, end (ms)
-- RETURN list, for each record: the claim that counts, which is the first one
--
-- A claim does not count the record. So a caller that dies between the two repeats both, and the second count has the
-- end of the first one, by which count_attempts knows it.

local replies = {}
for at = 2, #ARGV, 3 do
  local id = ARGV[at]
  local claim = redis.call('HGET', KEYS[1], id) or redis.call('HGET', KEYS[2], id)
  if not claim then
    claim = ARGV[at + 1] .. ' ' .. ARGV[at + 2]
    redis.call('HSET', KEYS[1], id, claim)
  end
  replies[#replies + 1] = claim
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return replies
