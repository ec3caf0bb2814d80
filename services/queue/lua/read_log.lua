-- read_log: a page of a task's log, with the task as it is then.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 results  hash    id -> result
--       3 log      stream  entries 0-1, 0-2, … are sequences 2, 3, …
-- ARGV  1 task id
--       2 entry after which it begins
--       3 most entries
-- RETURN {record or nothing, result or nothing, how many entries the stream has, {entry id, {field, value, …}}, …}
--
-- In one look: a task that has ended and a page that is not full are then the whole truth, and whoever watches for the end needs to
-- ask for nothing more. A success is no entry (see move_tasks.lua): its result comes with the page that it follows, unless it is stored
-- in chunks.

local tasks, results, log = unpack(KEYS)
local id, most = ARGV[1], tonumber(ARGV[3])
local record, entries = redis.call('HGET', tasks, id), redis.call('XRANGE', log, '(' .. ARGV[2], '+', 'COUNT', most)
local succeeded = record and #entries < most and string.find(record, '"state":"SUCCEEDED"', 1, true)
return { record, succeeded and redis.call('HGET', results, id) or false, redis.call('XLEN', log), unpack(entries) }
