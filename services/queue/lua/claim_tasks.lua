-- claim_tasks: lease the next tasks of one engine to an executor.
--
-- KEYS  1 executor      hash  boot, seq, ids granted in answer to this seq
--       2 tasks         hash  id -> record (JSON)
--       3 prompts       hash  id -> TaskSpec with the prompts only
--       4 leases        zset  ids by lease expiry (ms)
--       5 held          zset  executor/id, all with score 0
--       6 alarms       zset  ids by the time at which a task that was not started expires or loses its executor (ms)
--       7 meta         hash  fence: the newest; cost:engine: tokens of a run on average
--       8 running      zset  urgent/engine/id and agent/agent/id of held tasks, all with score 0
--       9 load         hash  all, class/… or agent/…, then /tasks or /bytes -> what waits
--       10 rota        hash  class -> credit in this engine's round of turns; time:class -> virtual time
--       11 urgentLines zset  agent/age/id of waiting tasks of this engine and class, all with score 0
--       12 highLines   zset  the same
--       13 normalLines zset  the same
--       14 lowLines    zset  the same
--       15 urgentHeads zset  agents of this engine and class by the age of their oldest waiting task (ms)
--       16 highHeads   zset  the same
--       17 normalHeads zset  the same
--       18 lowHeads    zset  the same
--       19 urgentTurns zset  agents of this engine and class by virtual time (tokens / weight)
--       20 highTurns   zset  the same
--       21 normalTurns zset  the same
--       22 lowTurns    zset  the same
-- ARGV  1 executor id
--       2 now (ms), or '' for the server's clock
--       3 boot id
--       4 sequence
--       5 engine
--       6 most leases
--       7 lease length (ms)
--       8 bytes of prompts after which no more is added
--       9 how many urgent tasks of the engine may run by overtaking; 0: any number
--       10 most that age multiplies a weight by
--       11 how many tasks of an agent may run; 0: any number
--       12 agent -> weight (JSON); 1 when absent
--       13 weight and start target (ms) of urgent, high, normal and low, in turn
-- RETURN {'stale'} | {'ok', id, record, prompts, …}
--
-- Run twice for one sequence it answers what it granted the first time, with the same fences, and fills up. The fence
-- is at least the time in ms: a Redis that came back without its last second still grants none twice.
--
-- Class: urgent first, up to its cap. The rest by smooth weighted round robin: each pick adds to every waiting class its
-- share of the weights and takes 1 from the class with the most credit, which is picked. A weight grows with the age of
-- the class's oldest, up to the bound that keeps any other class from being outweighed without end.
-- Agent, inside a class: start-time fair queueing. The agent with the least virtual time is next and pays for an average
-- run; move_tasks corrects that. An agent without waiting tasks keeps its time until the others have passed it.

local executor, tasks, prompts, leases, held, alarms, meta, running, load, rota = unpack(KEYS)
local name, boot, seq, engine, most = ARGV[1], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local last = redis.call('HMGET', executor, 'boot', 'seq', 'granted')
if last[1] ~= boot or last[2] ~= seq then
  return { 'stale' }
end

local granted, reply, bytes = last[3], { 'ok' }, 0
local function answer(id, raw)
  local text = redis.call('HGET', prompts, id)
  bytes = bytes + #text
  table.insert(reply, id)
  table.insert(reply, raw)
  table.insert(reply, text)
  most = most - 1
end

for id in string.gmatch(granted, '%S+') do
  local raw = redis.call('HGET', tasks, id)
  local r = raw and cjson.decode(raw)
  if r and r.state == 'LEASED' and r.executor == name and r.engine == engine then
    answer(id, raw)
  end
end

local CLASSES = { 'urgent', 'high', 'normal', 'low' }
local urgent_max, most_ageing, agent_max = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local agent_weights = cjson.decode(ARGV[12])
local function count(what)
  return redis.call('ZLEXCOUNT', running, '[' .. what .. '/', '(' .. what .. '0')
end

-- When the oldest of each class was accepted; nil when none may start.
local oldest = {}
local function look(class)
  oldest[class] = tonumber(redis.call('ZRANGE', KEYS[14 + class], 0, 0, 'WITHSCORES')[2])
end

local urgent_runs, credit = count('urgent/' .. engine), redis.call('HMGET', rota, unpack(CLASSES))
local function next_class()
  if oldest[1] and (urgent_max == 0 or urgent_runs < urgent_max) then
    return 1
  end
  local weights, sum, best = {}, 0, nil
  for class = 1, 4 do
    if oldest[class] then
      local age = math.max(0, now - oldest[class]) / tonumber(ARGV[12 + class * 2])
      weights[class] = tonumber(ARGV[11 + class * 2]) * math.min(1 + age, most_ageing)
      sum = sum + weights[class]
    else
      credit[class] = 0
    end
  end
  for class = 1, 4 do
    if weights[class] then
      credit[class] = credit[class] + weights[class] / sum
      best = (not best or credit[class] > credit[best]) and class or best
    end
  end
  if best then
    credit[best] = credit[best] - 1
  end
  return best
end

-- The oldest waiting task of an agent, as it stands in line. Asked again for each turn, it changes only with `leave_line`.
local firsts = { {}, {}, {}, {} }
local function first_in_line(class, agent)
  if firsts[class][agent] == nil then
    local range = { '[' .. agent .. '/', '(' .. agent .. '0' }
    firsts[class][agent] = redis.call('ZRANGEBYLEX', KEYS[10 + class], range[1], range[2], 'LIMIT', 0, 1)[1] or false
  end
  return firsts[class][agent]
end
local function leave_line(class, agent)
  redis.call('ZREM', KEYS[10 + class], firsts[class][agent])
  firsts[class][agent] = nil
  local first = first_in_line(class, agent)
  if first then
    redis.call('ZADD', KEYS[14 + class], tonumber(string.match(first, '/(%x+)/'), 16), agent)
  else
    redis.call('ZREM', KEYS[14 + class], agent)
  end
end

-- Whose turn it is, with what, and the agents before that have nothing waiting; nil when all run as many as they may.
local function find_turn(class)
  local gone, place = {}, 0
  while true do
    local agent, time = unpack(redis.call('ZRANGE', KEYS[18 + class], place, place, 'WITHSCORES'))
    if not agent then
      return nil
    end
    local first = first_in_line(class, agent)
    if not first then
      table.insert(gone, agent)
    elseif agent_max == 0 or count('agent/' .. agent) < agent_max then
      return { agent = agent, time = tonumber(time), id = string.match(first, '[^/]+$'), gone = gone }
    end
    place = place + 1
  end
end

-- What does not wait any more, by scope of `load`.
local started = {}
local function count_start(scope, size)
  started[scope] = started[scope] or { tasks = 0, bytes = 0 }
  started[scope].tasks, started[scope].bytes = started[scope].tasks + 1, started[scope].bytes + size
end

local fence, cost = unpack(redis.call('HMGET', meta, 'fence', 'cost:' .. engine))
fence, cost = tonumber(fence or 0), tonumber(cost or 1)
local function lease(class, next)
  local id, agent, turns = next.id, next.agent, KEYS[18 + class]
  local weight = agent_weights[agent] or 1
  leave_line(class, agent)
  for _, other in ipairs(next.gone) do
    redis.call('ZREM', turns, other)
  end
  redis.call('ZADD', turns, next.time + cost / weight, agent)
  local time = 'time:' .. CLASSES[class]
  if next.time > tonumber(redis.call('HGET', rota, time) or 0) then
    redis.call('HSET', rota, time, next.time)
  end

  local r = cjson.decode(redis.call('HGET', tasks, id))
  fence = math.max(fence + 1, now)
  r.state, r.fence, r.executor, r.boot, r.leased, r.reports = 'LEASED', fence, name, boot, now, 0
  r.charged, r.weight = cost, weight
  local raw = cjson.encode(r)
  redis.call('HSET', tasks, id, raw)
  redis.call('ZADD', leases, now + tonumber(ARGV[7]), id)
  redis.call('ZADD', held, 0, name .. '/' .. id)
  redis.call('ZADD', running, 0, 'agent/' .. agent .. '/' .. id)
  if class == 1 then
    redis.call('ZADD', running, 0, 'urgent/' .. engine .. '/' .. id)
    urgent_runs = urgent_runs + 1
  end
  if r.deadline or r.pinMs then
    redis.call('ZREM', alarms, id)
  end
  for _, scope in ipairs({ 'all', 'class/' .. CLASSES[class], 'agent/' .. agent }) do
    count_start(scope, r.size)
  end
  granted = granted .. id .. ' '
  answer(id, raw)
end

for class = 1, 4 do
  credit[class] = tonumber(credit[class] or 0)
  look(class)
end
while most > 0 and bytes < tonumber(ARGV[8]) do
  local class = next_class()
  if not class then
    break
  end
  local next = find_turn(class)
  if next then
    lease(class, next)
    look(class)
  else
    oldest[class] = nil
  end
end
for scope, less in pairs(started) do
  redis.call('HINCRBY', load, scope .. '/bytes', -less.bytes)
  if redis.call('HINCRBY', load, scope .. '/tasks', -less.tasks) == 0 then
    redis.call('HDEL', load, scope .. '/tasks', scope .. '/bytes')
  end
end
if granted ~= last[3] then
  redis.call('HSET', meta, 'fence', string.format('%.0f', fence))
  redis.call('HSET', executor, 'granted', granted)
  redis.call('HSET', rota, 'urgent', credit[1], 'high', credit[2], 'normal', credit[3], 'low', credit[4])
end
return reply
