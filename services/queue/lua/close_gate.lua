#!lua flags=allow-oom
-- close_gate: close a gate, or change who closed it, why and until when.
--
-- KEYS  1 gates   hash    scope -> gate (JSON)
--       2 events  stream
-- ARGV  1 scope
--       2 now (ms), or '' for the server's clock
--       3 gate as JSON, without `closed`: who, why; a gate that opens by itself also has opens (ms) and ramp (ms)
--       4 'replace', or 'extend': a gate that is closed already may only get a later time of opening
--       5 data of the event gate.closed (JSON), or '' to write no event
--       6 data of the event session.timeout (JSON), or '' to write no event
--       7 work channel
-- RETURN the gate after this call (JSON)
-- NEEDS time_given (shared/clock), tell_due (shared/due), add_event (shared/events)
--
-- A call that closes a gate in the same way once more changes nothing. So a repeated call writes no second event.

local gates, events, scope = KEYS[1], KEYS[2], ARGV[1]
local now = time_given(ARGV[2])

local gate = cjson.decode(ARGV[3])
local before = redis.call('HGET', gates, scope)
before = before and cjson.decode(before)
local closed = before and (before.opens or math.huge) > now
if closed and ARGV[4] == 'extend' then
  if (gate.opens or math.huge) > (before.opens or math.huge) then
    before.opens, before.ramp = gate.opens, gate.ramp
    redis.call('HSET', gates, scope, cjson.encode(before))
  end
  return cjson.encode(before)
end
if closed and before.who == gate.who and before.why == gate.why and before.opens == gate.opens and not gate.budgets then
  return cjson.encode(before)
end

gate.closed = now
tell_due(ARGV[7], gate.opens or math.huge, now)
redis.call('HSET', gates, scope, cjson.encode(gate))
for i, type in ipairs({ 'gate.closed', 'session.timeout' }) do
  if ARGV[4 + i] ~= '' then
    add_event(events, type, now, ARGV[4 + i])
  end
end
return cjson.encode(gate)
