#!lua flags=allow-oom
-- make_group: make the stream and the group if they do not exist.
--
-- KEYS  1 stream  stream  the partition's events
-- ARGV  1 group
--       2 from: '0' the oldest kept entry, '$' the next new entry
-- RETURN 'ok' | 'there'
--
-- A group that exists keeps its position. This is a script because a full Redis refuses the plain command, even if the
-- group exists.

local reply = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')
if not reply.err then
  return 'ok'
end
return string.find(reply.err, 'BUSYGROUP', 1, true) and 'there' or reply
