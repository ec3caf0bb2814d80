-- record_run: count one ended run in its hour, once.
--
-- KEYS  1 sums  hash  "<row> <counter>" -> sum
--       2 seen  set   ids of the events that are counted
-- ARGV  1 event id
--       2 row: JSON [agent, model]
--       3 keep sums for (ms)
--       4 keep seen for (ms)
--       5 runs
--       6 failed runs
--       7 input tokens
--       8 output tokens
--       9 cache read tokens
--       10 cache creation tokens
--       11 cost (micro-dollars)
--       12 runs without cost
-- RETURN 'ok' | 'repeat'
--
-- The event's id guards the sums, so that an event delivered again, or a script sent again, counts once. Numbers go to
-- HINCRBY as text: Lua's own would lose digits past 2^53.

local sums, seen = KEYS[1], KEYS[2]
local id, row, keep_sums, keep_seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local counters = { 'runs', 'failed_runs', 'input_tokens', 'output_tokens', 'cache_read_tokens',
  'cache_creation_tokens', 'cost_micro_usd', 'runs_without_cost' }

if redis.call('SADD', seen, id) == 0 then
  return 'repeat'
end
for at, counter in ipairs(counters) do
  local by = ARGV[4 + at]
  if by ~= '0' then
    redis.call('HINCRBY', sums, row .. ' ' .. counter, by)
  end
end
redis.call('PEXPIRE', sums, keep_sums)
redis.call('PEXPIRE', seen, keep_seen)
return 'ok'
