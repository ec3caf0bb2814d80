#!lua flags=allow-oom
-- put_turn: write a turn into a conversation, unless a later turn is there.
--
-- KEYS  1 conversation  hash  agent, engine; head and next: turns (JSON)
-- ARGV  1 agent
--       2 engine
--       3 'next' for a turn that is about to be completed, 'head' for a completed turn
--       4 turn (JSON)
--       5 how long the conversation is kept from now on (ms)
-- RETURN 'ok' | 'later'
--
-- Several turns can end at the same time, at different replicas. The turn that was leased later has the greater fence.

local conversation, field = KEYS[1], ARGV[3]
local before = redis.call('HGET', conversation, field)
if before and cjson.decode(before).fence > cjson.decode(ARGV[4]).fence then
  return 'later'
end
redis.call('HSET', conversation, 'agent', ARGV[1], 'engine', ARGV[2], field, ARGV[4])
redis.call('PEXPIRE', conversation, ARGV[5])
return 'ok'
