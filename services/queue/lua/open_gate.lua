#!lua flags=allow-oom
-- open_gate: open a gate before its time of opening, or a gate without one.
--
-- KEYS  1 gates   hash    scope -> gate (JSON)
--       2 events  stream
-- ARGV  1 scope
--       2 now (ms), or '' for the server's clock
--       3 type of the event
--       4 data of the event (JSON), or '' to write no event
--       5 id of this call
--       6 time at which the gate was closed (ms), or ''; a gate that was closed at another time stays closed
--       7 how long the gate then lets work through on a ramp (ms), or '' for the ramp that it was closed with
--       8 work channel
--       9 topics to wake
-- RETURN 'ok' | 'open'
-- NEEDS time_given (shared/clock), add_event (shared/events)
--
-- The entry stays, and says that the gate opened now. Its ramp needs it, and a repeated call is recognised by it.
-- open_due_gates deletes it.

local gates, events, scope = KEYS[1], KEYS[2], ARGV[1]
local now = time_given(ARGV[2])

local gate = redis.call('HGET', gates, scope)
gate = gate and cjson.decode(gate)
if not gate or (gate.opens or math.huge) <= now then
  return gate and gate.opened == ARGV[5] and 'ok' or 'open'
elseif gate.closed ~= (tonumber(ARGV[6]) or gate.closed) then
  return 'open'
end
gate.opens, gate.opened = now, ARGV[5]
gate.ramp = tonumber(ARGV[7]) or gate.ramp
redis.call('HSET', gates, scope, cjson.encode(gate))
if ARGV[4] ~= '' then
  add_event(events, ARGV[3], now, ARGV[4])
end
for i = 9, #ARGV do
  redis.call('PUBLISH', ARGV[8], ARGV[i])
end
return 'ok'
