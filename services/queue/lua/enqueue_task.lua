-- enqueue_task: store a new task and put it in its class.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 prompts  hash    id -> TaskSpec with the prompts only
--       3 ready    zset    ids of the task's engine and class by acceptance (ms)
--       4 owned    zset    agent/id, all with score 0
--       5 leases   zset    ids by lease expiry (ms)
--       6 ended    zset    ids by end (ms)
--       7 request  string  task id and payload hash of this agent's request id
--       8 events   stream
--       9 lines    zset    agent/engine/class/acceptance/id of waiting tasks, all with score 0
--       10 turns   zset    agents of this engine and class by virtual time (tokens / weight)
--       11 rota    hash    time:class -> virtual time
-- ARGV  1 id
--       2 now (ms), or '' for the server's clock
--       3 record as JSON, without `created`
--       4 prompts
--       5 agent
--       6 payload hash, or '' when the call has no request id
--       7 how long the request id is remembered (ms)
--       8 most tasks that may wait
--       9 traceparent
--       10 event data (JSON)
--       11 work channel
--       12 engine
--       13 class
--       14 most tasks of this agent that may wait, not counting parked ones; 0: any number
-- RETURN {'added', id, record} | {'known', id} | {'conflict', id} | {'full'} | {'agent_full'}
--
-- Writes no log entry: a log's first entry, QUEUED at `created`, is the record itself, which spares every waiting task
-- a stream. Waiting is what is neither leased nor ended, so the bounds need no counter that could leak.
-- An agent with nothing waiting takes its turns from now on: what it did not use before is not kept for it.

local tasks, prompts, ready, owned, leases, ended, request, events, lines, turns, rota = unpack(KEYS)
local id, agent, hash = ARGV[1], ARGV[5], ARGV[6]

local raw = redis.call('HGET', tasks, id)
if raw then
  return { 'added', id, raw }
end
local before = hash ~= '' and redis.call('GET', request)
if before then
  local known, known_hash = string.match(before, '^(%S+) (%S+)$')
  return { known_hash == hash and 'known' or 'conflict', known }
end
local waiting = redis.call('HLEN', tasks) - redis.call('ZCARD', ended) - redis.call('ZCARD', leases)
if waiting >= tonumber(ARGV[8]) then
  return { 'full' }
end
local agent_max = tonumber(ARGV[14])
if agent_max > 0 and redis.call('ZLEXCOUNT', lines, '[' .. agent .. '/', '(' .. agent .. '0') >= agent_max then
  return { 'agent_full' }
end

local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local record = string.format('{"created":%.0f,', now) .. string.sub(ARGV[3], 2)
redis.call('HSET', tasks, id, record)
redis.call('HSET', prompts, id, ARGV[4])
redis.call('ZADD', ready, now, id)
local line = agent .. '/' .. ARGV[12] .. '/' .. ARGV[13]
if redis.call('ZLEXCOUNT', lines, '[' .. line .. '/', '(' .. line .. '0') == 0 then
  redis.call('ZADD', turns, 'GT', redis.call('HGET', rota, 'time:' .. ARGV[13]) or 0, agent)
end
redis.call('ZADD', lines, 0, string.format('%s/%013.0f/%s', line, now, id))
redis.call('ZADD', owned, 0, agent .. '/' .. id)
if hash ~= '' then
  redis.call('SET', request, id .. ' ' .. hash, 'PX', ARGV[7])
end
redis.call('XADD', events, 'MAXLEN', '~', 100000, '*', 'type', 'task.enqueued', 'time', now, 'task', id,
  'agent', agent, 'trace', ARGV[9], 'data', ARGV[10])
redis.call('PUBLISH', ARGV[11], 'engine:' .. ARGV[12])
return { 'added', id, record }
