#!lua flags=allow-oom
-- unthrottle_refilled: let throttled agents run again when their rate has refilled.
--
-- KEYS  1 bench    zset  skip list: agent/agent/engine/class of throttled agents, back/engine/class/agent of agents
--                        that may run again, all with score 0
--       2 refills  zset  throttled agents by the time at which their rate has refilled (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 work channel
-- RETURN 'ok'
-- NEEDS time_given (shared/clock), unthrottle (move/throttled)

local bench, refills = unpack(KEYS)
local now = time_given(ARGV[1])
for _, agent in ipairs(redis.call('ZRANGEBYSCORE', refills, '-inf', now)) do
  unthrottle(bench, agent, ARGV[2])
end
redis.call('ZREMRANGEBYSCORE', refills, '-inf', now)
return 'ok'
