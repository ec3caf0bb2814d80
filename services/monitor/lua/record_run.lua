#!lua flags=allow-oom
-- record_run: count one ended run in its hour, only once.
--
-- KEYS  1 sums  hash  "<row> <counter>" -> sum
--       2 seen  set   ids of the counted runs
-- ARGV  1 run id
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
-- The run's id guards the sums: if an event is delivered again or the script runs again, the run still counts once.
-- HINCRBY fails on a number that a counter cannot hold, and the id is already stored then. So the caller limits the
-- numbers. The script passes them to HINCRBY unchanged, as text.

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
