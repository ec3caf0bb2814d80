#!lua flags=allow-oom
-- unthrottle_agents: let throttled agents run again.
--
-- KEYS  1 bench  zset  skip list: agent/agent/engine/class of throttled agents, back/engine/class/agent of agents that
--                      may run again, all with score 0
-- ARGV  1 agent, or '' for all agents
--       2 work channel
-- RETURN 'ok'
-- NEEDS unthrottle (move/throttled)

unthrottle(KEYS[1], ARGV[1], ARGV[2])
return 'ok'
