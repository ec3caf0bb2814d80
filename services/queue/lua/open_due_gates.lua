#!lua flags=allow-oom
-- open_due_gates: delete gates whose time is over, and wake executors when a gate lets work through.
--
-- KEYS  1 gates  hash  scope -> gate (JSON)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 how long a bound of adaptive concurrency stays after its last halving (ms)
--       3 work channel
--       4 topics to wake
-- RETURN 'ok'
-- NEEDS time_given (shared/clock)
--
-- All replicas may run it at the same time. A gate that opens by itself writes no event: the event of its closing says
-- when it opens.

local gates, woken = KEYS[1], false
local now = time_given(ARGV[1])

local entries = redis.call('HGETALL', gates)
for i = 1, #entries, 2 do
  local gate = cjson.decode(entries[i + 1])
  local over = gate.limit and gate.at + ARGV[2] or gate.opens and gate.opens + (gate.ramp or 0)
  if (over or math.huge) <= now then
    redis.call('HDEL', gates, entries[i])
  end
  woken = woken or (gate.limit and over or gate.opens or math.huge) <= now
end
for i = 4, woken and #ARGV or 0 do
  redis.call('PUBLISH', ARGV[3], ARGV[i])
end
return 'ok'
