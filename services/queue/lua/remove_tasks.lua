#!lua flags=allow-oom
-- remove_tasks: delete ended tasks with all their data.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 prompts  hash    id -> TaskSpec with the prompts and attachments only
--       3 results  hash    id -> TaskResult
--       4 ended    zset    ids by end (ms)
--       5 owned    zset    agent/id, all with score 0
--       6 load     hash    ended/bytes -> bytes that ended tasks take
--       7 ...belongings  any  for each task, in their order, its log (stream) and its result in chunks (hash)
-- ARGV  1 the ids of the tasks
-- RETURN 'ok'
-- NEEDS decode_record (shared/record), open_tally (shared/tally)
--
-- A task that has not ended stays. When its record cannot be read, its entry in `ended` decides; then its entry in
-- `owned` stays, because the agent is not known. The request id stays for its own time, so that a repeated call does
-- not run the task again.

local tasks, prompts, results, ended, owned, load = unpack(KEYS)
local loads = open_tally(load)
for i, id in ipairs(ARGV) do
  local raw = redis.call('HGET', tasks, id)
  local r = decode_record(raw)
  if not raw or r and r.ended or not r and redis.call('ZSCORE', ended, id) then
    if r then
      redis.call('ZREM', owned, r.agent .. '/' .. id)
      loads.add('ended/bytes', -(r.kept or 0))
    end
    redis.call('HDEL', tasks, id)
    redis.call('HDEL', prompts, id)
    redis.call('HDEL', results, id)
    redis.call('ZREM', ended, id)
    redis.call('UNLINK', KEYS[5 + 2 * i], KEYS[6 + 2 * i])
  end
end
loads.save()
return 'ok'
