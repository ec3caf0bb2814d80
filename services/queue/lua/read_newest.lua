-- read_newest: read the newest tasks of an agent that are older than a given one.
--
-- KEYS  1 owned  zset  agent/id of each task
--       2 tasks  hash  id -> record
-- ARGV  1 the agent
--       2 the bound of ZREVRANGEBYLEX above these tasks
--       3 how many at most
-- RETURN {id, record or nothing, …}, newest first
--
-- The ids and the records in one call: with two, a list would wait for Redis once more, and each command that a busy
-- process sends costs it as much as decoding several records.

local from = #ARGV[1] + 2
local found = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], '[' .. ARGV[1] .. '/', 'LIMIT', 0, ARGV[3])
if #found == 0 then return {} end
for i, member in ipairs(found) do
  found[i] = string.sub(member, from)
end
local records = redis.call('HMGET', KEYS[2], unpack(found))
local tasks = {}
for i, id in ipairs(found) do
  tasks[2 * i - 1], tasks[2 * i] = id, records[i]
end
return tasks
