#!lua flags=allow-oom
-- park_entry: remove an entry that cannot be handled from a group, and keep a copy.
--
-- KEYS  1 stream  stream  the partition's events
--       2 parked  stream  the group's parked entries: the entry's fields, then `parked_id` and `parked_why`
-- ARGV  1 group
--       2 entry id
--       3 the reason, for people
--       4 number of copies to keep, approximate
-- RETURN 'ok' | 'gone'
--
-- The acknowledgement guards the copy. If this script runs a second time, or if another consumer has finished the entry
-- in the meantime, it returns 'gone' and adds nothing. If the entry was trimmed away, there is nothing to copy, and the
-- script only acknowledges it.

local stream, parked = KEYS[1], KEYS[2]
local group, id, why, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('XACK', stream, group, id) == 0 then
  return 'gone'
end
local entry = redis.call('XRANGE', stream, id, id)[1]
if entry then
  local fields = entry[2]
  for _, value in ipairs({ 'parked_id', id, 'parked_why', why }) do
    fields[#fields + 1] = value
  end
  redis.call('XADD', parked, 'MAXLEN', '~', keep, '*', unpack(fields))
end
return 'ok'
