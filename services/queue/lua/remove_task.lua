-- remove_task: forget an ended task, with all that was kept of it.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 prompts  hash    id -> TaskSpec with the prompts only
--       3 results  hash    id -> TaskResult
--       4 ended    zset    ids by end (ms)
--       5 owned    zset    agent/id, all with score 0
--       6 log      stream  entries 0-1, 0-2, … are sequences 2, 3, …
-- ARGV  1 id
-- RETURN 'ok' | 'kept'
--
-- The request id is kept for its own time, so that a repeated call does not run the task again.

local tasks, prompts, results, ended, owned, log = unpack(KEYS)
local id = ARGV[1]

local raw = redis.call('HGET', tasks, id)
if raw then
  local r = cjson.decode(raw)
  if not r.ended then
    return 'kept'
  end
  redis.call('ZREM', owned, r.agent .. '/' .. id)
end
redis.call('HDEL', tasks, id)
redis.call('HDEL', prompts, id)
redis.call('HDEL', results, id)
redis.call('ZREM', ended, id)
redis.call('UNLINK', log)
return 'ok'
