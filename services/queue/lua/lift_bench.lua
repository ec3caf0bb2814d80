#!lua flags=allow-oom
-- lift_bench: let benched agents try again.
--
-- KEYS  1 bench  zset  agent/agent/engine/class of agents that may not run now, back/engine/class/agent of those that may
--                      again, all with score 0
-- ARGV  1 agent, or '' for all of them
--       2 work channel
-- RETURN 'ok'
-- NEEDS lift_bench (move/bench)

lift_bench(KEYS[1], ARGV[1], ARGV[2])
return 'ok'
