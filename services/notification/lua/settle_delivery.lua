#!lua flags=allow-oom
-- settle_delivery: record how an attempt to deliver ended, and let the lane go on.
--
-- KEYS  1 states      hash    channel → JSON, see claim_deliveries
--       2 due         zset    lanes, the score is when they are due (ms)
--       3 order       zset    "<lane> <sequence> <id>"
--       4 claimed     zset    lanes that a worker has
--       5 notices     hash    id → names of its channels, a line end, JSON
--       6 deliveries  hash    "<channel> <id>" → JSON of the delivery
--       7 incidents   hash    dedup key → JSON
--       8 waiting     zset    "<channel> <id>" of deliveries that wait
--       9 left        hash    id → number of channels that it still waits for
--      10 done        zset    ids that wait for no channel, the score is when the last one ended (ms)
--      11 dead        zset    "<channel> <id>" of deliveries that were given up, the score is when (ms)
--      12 log         stream  the accepted deliveries, oldest first
--      13 delivered   zset    "<channel> <id>" of accepted deliveries
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 channel
--       3 member of order
--       4 the worker's token
--       5 'ok' | 'retry' | 'dead'
--       6 JSON of the delivery now
--       7 'retry': wait before the next attempt (ms)
--       8 what the channel keeps of the incident, or ''
--       9 wait before the next attempt of the whole channel (ms), or 0
--      10 'ok' | 'failed' | 'same': what the attempt says of the channel
--      11 'ok': kind of the notice
--      12 'ok': the notification for the log, JSON
--      13 deliveries to keep in the log, and ended notices to keep
--      14 how long to keep delivered (ms)
--      15 failures in a row after which the whole channel waits
--      16 first wait of the channel (ms)
--      17 longest wait of the channel (ms)
-- RETURN 'ok' | 'repeat' | 'lost'
-- NEEDS time_given (shared/clock), whole (shared/put)
--
-- A worker whose time was over may still say that the channel accepted the delivery: that is true. Everything else that
-- it says is 'lost', because another worker has the delivery.

local states, due, order, claimed, notices, deliveries, incidents = unpack(KEYS, 1, 7)
local waiting, left, done, dead, log, delivered = unpack(KEYS, 8, 13)
local now, channel, member, token, outcome = time_given(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local kept, keep_ms = tonumber(ARGV[13]), tonumber(ARGV[14])
local lane, id = string.match(member, '^(%S+) %S+ (.*)$')
local field = channel .. ' ' .. id

local stored = redis.call('HGET', deliveries, field)
local record = stored and cjson.decode(stored) or {}
if record.state ~= 'waiting' then
  return 'repeat'
end
local ours = record.token == token
if not ours and outcome ~= 'ok' then
  return 'lost'
end

local state = cjson.decode(redis.call('HGET', states, channel) or '{}')
local pause_ms = tonumber(ARGV[9])
if ARGV[10] == 'ok' then
  -- A pause stays: the attempt may have begun before it.
  state.failures = 0
elseif ARGV[10] == 'failed' and (state.paused_until or 0) <= now then
  -- Attempts that were under way when the channel was paused fail for the same cause: they count once.
  state.failures = (state.failures or 0) + 1
  local over = state.failures - tonumber(ARGV[15])
  if over >= 0 then
    pause_ms = math.max(pause_ms, math.min(tonumber(ARGV[16]) * 2 ^ math.min(over, 20), tonumber(ARGV[17])))
  end
end
if pause_ms > 0 then
  state.paused_until = now + pause_ms
end
redis.call('HSET', states, channel, cjson.encode(state))
redis.call('HSET', deliveries, field, ARGV[6])
redis.call('ZREM', claimed, lane)
redis.call('ZREM', due, lane)
if ARGV[8] ~= '' and record.key ~= '' then
  local incident = redis.call('HGET', incidents, record.key)
  if incident then
    incident = cjson.decode(incident)
    incident.refs[channel] = ARGV[8]
    redis.call('HSET', incidents, record.key, cjson.encode(incident))
  end
end
if outcome == 'retry' then
  redis.call('ZADD', due, whole(now + tonumber(ARGV[7])), lane)
  return 'ok'
end

redis.call('ZREM', order, member)
redis.call('ZREM', waiting, field)
local following = redis.call('ZRANGEBYLEX', order, '[' .. lane .. ' ', '(' .. lane .. '!', 'LIMIT', 0, 1)[1]
if following then
  local next_id = string.match(following, '^%S+ %S+ (.*)$')
  local next_record = cjson.decode(redis.call('HGET', deliveries, channel .. ' ' .. next_id) or '{}')
  redis.call('ZADD', due, whole(math.max(now, next_record.due or 0)), lane)
end
-- Forgets the oldest notices that wait for no channel.
local function finish(finished)
  if redis.call('HINCRBY', left, finished, -1) > 0 then
    return
  end
  redis.call('HDEL', left, finished)
  redis.call('ZADD', done, whole(now), finished)
  for _, old in ipairs(redis.call('ZRANGE', done, 0, -1 - kept)) do
    local names = string.match(redis.call('HGET', notices, old) or '\n', '^([^\n]*)\n')
    for name in string.gmatch(names, '[^,]+') do
      redis.call('HDEL', deliveries, name .. ' ' .. old)
    end
    redis.call('HDEL', notices, old)
    redis.call('ZREM', done, old)
  end
end

if outcome == 'dead' then
  redis.call('ZADD', dead, whole(now), field)
  for _, old in ipairs(redis.call('ZRANGE', dead, 0, -1 - kept)) do
    redis.call('ZREM', dead, old)
    redis.call('HDEL', deliveries, old)
    finish(string.match(old, '^%S+ (.*)$'))
  end
else
  redis.call('ZADD', delivered, 'NX', whole(now), field)
  redis.call('ZREMRANGEBYSCORE', delivered, '-inf', '(' .. whole(now - keep_ms))
  redis.call('XADD', log, 'MAXLEN', '=', kept, '*', 'type', ARGV[11], 'notification', ARGV[12])
  finish(id)
end
return 'ok'
