-- open_gate: open a gate before its time, or one that has none.
--
-- KEYS  1 gates   hash    scope -> gate (JSON)
--       2 events  stream
-- ARGV  1 scope
--       2 now (ms), or '' for the server's clock
--       3 data of the event gate.opened (JSON); '': none is written
--       4 id of this call
--       5 work channel
--       6 topics to wake
-- RETURN 'ok' | 'open'
--
-- It is kept as opened now, for its ramp and so that a repeat of this call is recognised; open_due_gates forgets it.

local gates, events, scope = KEYS[1], KEYS[2], ARGV[1]
local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local gate = redis.call('HGET', gates, scope)
gate = gate and cjson.decode(gate)
if not gate or (gate.opens or math.huge) <= now then
  return gate and gate.opened == ARGV[4] and 'ok' or 'open'
end
gate.opens, gate.opened = now, ARGV[4]
redis.call('HSET', gates, scope, cjson.encode(gate))
if ARGV[3] ~= '' then
  redis.call('XADD', events, 'MAXLEN', '~', 100000, '*', 'type', 'gate.opened', 'time', now, 'task', '', 'agent', '',
    'trace', '', 'data', ARGV[3])
end
for i = 6, #ARGV do
  redis.call('PUBLISH', ARGV[5], ARGV[i])
end
return 'ok'
