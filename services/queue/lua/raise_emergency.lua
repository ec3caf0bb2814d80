#!lua flags=allow-oom
-- raise_emergency: call an emergency stop, or raise the level of the stop in force.
--
-- KEYS  1 gates   hash    scope -> gate (JSON)
--       2 events  stream
-- ARGV  1 now (ms), or '' for the server's clock
--       2 stop as JSON, without `closed`: id, level (1 to 4), who, why
--       3 'raise', or 'copy' to store exactly this stop in this shard, whatever its level
--       4 data of the event emergency.stop (JSON), or '' to write no event
--       5 work channel
--       6 topic to wake
-- RETURN stop in force (JSON)
-- NEEDS time_given (shared/clock), add_event (shared/events)
--
-- The stop is the gate `emergency`. While it is closed, enqueue_tasks accepts no task, and from level 2 on claim_tasks
-- starts no task. The same stop changes nothing, and neither does 'raise' with a level that is not higher. So a
-- repeated call writes no second event.

local gates, events = KEYS[1], KEYS[2]
local now = time_given(ARGV[1])

local stop, before = cjson.decode(ARGV[2]), redis.call('HGET', gates, 'emergency')
local held = before and cjson.decode(before)
if held and not held.opens and (held.id == stop.id or ARGV[3] == 'raise' and held.level >= stop.level) then
  return before
end

stop.closed = now
local after = cjson.encode(stop)
redis.call('HSET', gates, 'emergency', after)
if ARGV[4] ~= '' then
  add_event(events, 'emergency.stop', now, ARGV[4])
end
redis.call('PUBLISH', ARGV[5], ARGV[6])
return after
