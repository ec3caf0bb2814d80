-- move_task: take a task from the state that the caller saw to the next, with its indexes, log entry and event.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 results  hash    id -> TaskResult
--       3 ready    zset    ids of the task's engine and class by acceptance (ms)
--       4 leases   zset    ids by lease expiry (ms)
--       5 held     zset    executor/id, all with score 0
--       6 parked   zset    ids by ready time (ms)
--       7 ended    zset    ids by end (ms)
--       8 running  zset    urgent/engine/id and agent/agent/id of held tasks, all with score 0
--       9 log      stream  entries 0-1, 0-2, … are sequences 2, 3, …
--       10 events  stream
--       11 lines   zset    agent/engine/class/acceptance/id of waiting tasks, all with score 0
--       12 turns   zset    agents of the task's engine and class by virtual time (tokens / weight)
--       13 rota    hash    time:class -> virtual time
--       14 meta    hash    cost:engine: tokens of a run on average
-- ARGV  1 id
--       2 now (ms), or '' for the server's clock
--       3 move (JSON): to, set {field: value}, and where they apply: from (state seen), fence (held by the caller),
--         settle (what the fence was used up for), due (only when its time in leases or parked has come), used
--         (tokens of the run), note (of the log entry, as JSON; none: not logged), event (type), data (rest of the
--         event's JSON members)
--       4 result, or ''
--       5 log channel
--       6 work channel
-- RETURN 'ok' | 'done' | 'lost' | 'moved' | 'early' | 'missing'
--
-- The only script that takes a task out of a state, but for starting it: what a state means for the indexes is here.
-- What the next state is, the domain decides from a record that it read; 'moved' says that it changed since, decide
-- again. 'early' says that what is due was renewed since. 'done' says that this very call was made before. A retry keeps
-- class and age: its score is its acceptance.
-- A claim charged its agent for an average run; what the run used corrects that here: nothing when it never started,
-- and the average stands when nobody knows.

local tasks, results, ready, leases, held, parked, ended, running, log, events, lines, turns, rota, meta = unpack(KEYS)
local id, move = ARGV[1], cjson.decode(ARGV[3])
local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local raw = redis.call('HGET', tasks, id)
if not raw then
  return 'missing'
end
local r = cjson.decode(raw)
local leased = r.state == 'LEASED' or r.state == 'RUNNING' or r.state == 'CANCELLING'
if move.settle and r.settled == move.settle then
  return 'done'
end
if move.fence and not (leased and r.fence == move.fence) then
  return 'lost'
end
if move.from and r.state ~= move.from then
  return 'moved'
end
if move.due and tonumber(redis.call('ZSCORE', leased and leases or parked, id) or now + 1) > now then
  return 'early'
end

local line = r.agent .. '/' .. r.engine .. '/' .. r.class
local place = string.format('%s/%013.0f/%s', line, r.created, id)
local time = 'time:' .. r.class
if r.state == 'QUEUED' then
  redis.call('ZREM', ready, id)
  redis.call('ZREM', lines, place)
elseif r.state == 'PARKED' then
  redis.call('ZREM', parked, id)
elseif move.to ~= 'CANCELLING' then
  redis.call('ZREM', leases, id)
  redis.call('ZREM', held, r.executor .. '/' .. id)
  redis.call('ZREM', running, r.class .. '/' .. r.engine .. '/' .. id, 'agent/' .. r.agent .. '/' .. id)
  local used = r.state == 'LEASED' and 0 or move.used
  if used and r.charged then
    local before = redis.call('ZSCORE', turns, r.agent) or redis.call('HGET', rota, time) or 0
    redis.call('ZADD', turns, tonumber(before) + (used - r.charged) / r.weight, r.agent)
  end
  if move.used then
    local average = tonumber(redis.call('HGET', meta, 'cost:' .. r.engine) or move.used)
    redis.call('HSET', meta, 'cost:' .. r.engine, average + (move.used - average) / 10)
  end
end
for field, value in pairs(move.set) do
  r[field] = value
end
r.state, r.settled = move.to, move.settle or r.settled
if r.state == 'QUEUED' then
  redis.call('ZADD', ready, r.created, id)
  if redis.call('ZLEXCOUNT', lines, '[' .. line .. '/', '(' .. line .. '0') == 0 then
    redis.call('ZADD', turns, 'GT', redis.call('HGET', rota, time) or 0, r.agent)
  end
  redis.call('ZADD', lines, 0, place)
  redis.call('PUBLISH', ARGV[6], 'engine:' .. r.engine)
elseif r.state == 'PARKED' then
  redis.call('ZADD', parked, r.ready, id)
elseif r.state == 'CANCELLING' then
  redis.call('PUBLISH', ARGV[6], 'executor:' .. r.executor)
else
  r.ended = now
  redis.call('ZADD', ended, now, id)
end
redis.call('HSET', tasks, id, cjson.encode(r))
local data = string.format('{"engine":"%s","attempt":%d', r.engine, r.attempt or 0) .. (move.data or '')
if r.state == 'SUCCEEDED' then
  redis.call('HSET', results, id, ARGV[4])
  local wait = r.leased - r.created
  data = data .. string.format(',"executorId":"%s","queueWait":{"seconds":"%d","nanos":%d}', r.executor,
    math.floor(wait / 1000), wait % 1000 * 1000000)
end
if move.note then
  redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt or 0, 'state', r.state, 'note', move.note)
  redis.call('PUBLISH', ARGV[5], id)
end
if move.event then
  redis.call('XADD', events, 'MAXLEN', '~', 100000, '*', 'type', move.event, 'time', now, 'task', id,
    'agent', r.agent, 'trace', r.trace or '', 'data', data .. '}')
end
return 'ok'
