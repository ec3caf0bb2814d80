#!lua flags=allow-oom
-- lift_refilled: let benched agents try again whose rate has refilled.
--
-- KEYS  1 bench    zset  agent/agent/engine/class of agents that may not run now, back/engine/class/agent of those that may
--                        again, all with score 0
--       2 refills  zset  agents that may not run now by when their rate has refilled (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 work channel
-- RETURN 'ok'
-- NEEDS time_given (shared/clock), lift_bench (move/bench)

local bench, refills = unpack(KEYS)
local now = time_given(ARGV[1])
for _, agent in ipairs(redis.call('ZRANGEBYSCORE', refills, '-inf', now)) do
  lift_bench(bench, agent, ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', refills, '-inf', now)
return 'ok'
