#!lua flags=allow-oom
-- change_state: replace one entry of the monitor's state and report it, if nobody else has changed the entry.
--
-- KEYS  1 state   hash    name of the entry → its revision, a space, JSON
--       2 events  stream  the events of partition 0
-- ARGV  1 name of the entry
--       2 revision that the caller read, or '' if there was no entry
--       3 revision of the new entry, which no other call uses
--       4 JSON of the new entry, or '' to remove the entry
--       5 number of events to keep
--       6 the events: for each one, how many fields follow, then the fields
-- RETURN 'ok' | 'conflict'
--
-- A second run of the same call finds its own revision and changes nothing. For a removal, and when another call has
-- changed the entry since, it answers 'conflict', and the caller reads the state again.

local stored = redis.call('HGET', KEYS[1], ARGV[1])
local revision = stored and string.match(stored, '^%S+') or ''
if revision == ARGV[3] then
  return 'ok'
end
if revision ~= ARGV[2] then
  return 'conflict'
end

local at = 6
while at <= #ARGV do
  local fields = tonumber(ARGV[at])
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', unpack(ARGV, at + 1, at + fields))
  at = at + fields + 1
end
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
end
return 'ok'
