#!lua flags=allow-oom
-- keep_transcript: store the transcript of a conversation for the holder of a task's lease, or delete one. Then delete
-- transcripts that are too old, or that exceed the bytes of all.
--
-- KEYS  1 tasks        hash  id -> record (JSON)
--       2 transcripts  hash  id of the task whose turn is the last in it -> bytes
--       3 kept         zset  these ids by the time at which they were stored (ms)
--       4 meta         hash  transcripts: bytes of all transcripts
-- ARGV  1 now (ms), or '' for the server's clock
--       2 how long a transcript is kept (ms)
--       3 most bytes of all transcripts together
--       4 task id
--       5 fence, or '' to delete the transcript of this task
--       6 transcript
-- RETURN 'ok' | 'lost'
-- NEEDS time_given (shared/clock), HELD (shared/held)
--
-- The oldest transcripts are deleted first. An executor that still has a deleted transcript on its disk can continue
-- its conversation.

local tasks, transcripts, kept, meta = unpack(KEYS)
local id, fence, transcript = ARGV[4], tonumber(ARGV[5]), ARGV[6]
local now = time_given(ARGV[1])

local function drop(one)
  local bytes = redis.call('HSTRLEN', transcripts, one)
  redis.call('HDEL', transcripts, one)
  redis.call('ZREM', kept, one)
  return redis.call('HINCRBY', meta, 'transcripts', 0 - bytes)
end

local total
if fence then
  local raw = redis.call('HGET', tasks, id)
  local r = raw and cjson.decode(raw)
  if not (r and HELD[r.state] and r.fence == fence) then
    return 'lost'
  end
  drop(id)
  redis.call('HSET', transcripts, id, transcript)
  redis.call('ZADD', kept, now, id)
  total = redis.call('HINCRBY', meta, 'transcripts', #transcript)
else
  total = drop(id)
end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now - ARGV[2], 'LIMIT', 0, 100)) do
  total = drop(old)
end
while total > tonumber(ARGV[3]) do
  local oldest = redis.call('ZRANGE', kept, 0, 0)[1]
  if not oldest then
    break
  end
  total = drop(oldest)
end
return 'ok'
