#!lua flags=allow-oom
-- make_group: make stream and group where they are missing.
--
-- KEYS  1 stream  stream  the partition's events
-- ARGV  1 group
--       2 from: '0' the oldest entry that is kept, '$' the next one that comes
-- RETURN 'ok' | 'there'
--
-- A group that exists stays where it is. A script since the command alone is refused when memory is full, also
-- where the group is there.

local reply = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')
if not reply.err then
  return 'ok'
end
return string.find(reply.err, 'BUSYGROUP', 1, true) and 'there' or reply
