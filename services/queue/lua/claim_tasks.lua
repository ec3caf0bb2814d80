-- claim_tasks: lease the next tasks of one engine to an executor.
--
-- KEYS  1 executor  hash  boot, seq, ids granted in answer to this seq
--       2 tasks     hash  id -> record (JSON)
--       3 prompts   hash  id -> TaskSpec with the prompts only
--       4 leases    zset  ids by lease expiry (ms)
--       5 held      zset  executor/id, all with score 0
--       6 meta      hash  fence: the newest
--       7 urgent    zset  ids of this engine and class by acceptance (ms)
--       8 high      zset  the same
--       9 normal    zset  the same
--       10 low      zset  the same
-- ARGV  1 executor id
--       2 now (ms), or '' for the server's clock
--       3 boot id
--       4 sequence
--       5 engine
--       6 most leases
--       7 lease length (ms)
--       8 bytes of prompts after which no more is added
-- RETURN {'stale'} | {'ok', id, record, prompts, …}
--
-- Run twice for one sequence it answers what it granted the first time, with the same fences, and fills up. The fence
-- is at least the time in ms: a Redis that came back without its last second still grants none twice.

local executor, tasks, prompts, leases, held, meta = unpack(KEYS)
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
local fence = tonumber(redis.call('HGET', meta, 'fence') or 0)
for class = 7, 10 do
  while most > 0 and bytes < tonumber(ARGV[8]) do
    local id = redis.call('ZPOPMIN', KEYS[class])[1]
    if not id then
      break
    end
    local r = cjson.decode(redis.call('HGET', tasks, id))
    fence = math.max(fence + 1, now)
    r.state, r.fence, r.executor, r.boot, r.leased, r.reports = 'LEASED', fence, name, boot, now, 0
    local raw = cjson.encode(r)
    redis.call('HSET', tasks, id, raw)
    redis.call('ZADD', leases, now + tonumber(ARGV[7]), id)
    redis.call('ZADD', held, 0, name .. '/' .. id)
    granted = granted .. id .. ' '
    answer(id, raw)
  end
end
if granted ~= last[3] then
  redis.call('HSET', meta, 'fence', string.format('%.0f', fence))
  redis.call('HSET', executor, 'granted', granted)
end
return reply
