#!lua flags=allow-oom
-- claim_deliveries: give a worker the next deliveries of a channel, for a limited time.
--
-- KEYS  1 states      hash  channel → JSON: paused_until (ms), failures in a row, tokens and when they were counted
--       2 due         zset  lanes, the score is when they are due (ms)
--       3 order       zset  "<lane> <sequence> <id>", all with the score 0
--       4 claimed     zset  lanes that a worker has, the score is when its time is over (ms)
--       5 notices     hash  id → names of its channels, a line end, JSON
--       6 deliveries  hash  "<channel> <id>" → JSON of the delivery
--       7 matters     hash  dedup key → JSON
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 channel
--       3 the worker's token: another one for each claim
--       4 how long the worker has the deliveries (ms)
--       5 most deliveries
--       6 most deliveries in a minute, or 0
--       7 failures in a row after which the channel is tried with one delivery at a time
-- RETURN time until a delivery may be due (ms), then for each one: member of order, notice, delivery, matter or ''
-- NEEDS time_given (shared/clock), whole (shared/put)
--
-- A lane has one worker at a time, so the notices of a matter are delivered one after the other. The lanes of a worker
-- that died become due again when its time is over.

local states, due, order, claimed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, channel, token = time_given(ARGV[1]), ARGV[2], ARGV[3]
local lease_ms, most, rate, breaks = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

for _, lane in ipairs(redis.call('ZRANGEBYSCORE', claimed, '-inf', whole(now), 'LIMIT', 0, 100)) do
  redis.call('ZREM', claimed, lane)
  redis.call('ZADD', due, whole(now), lane)
end
local state = cjson.decode(redis.call('HGET', states, channel) or '{}')
local paused_ms = (state.paused_until or 0) - now
if paused_ms > 0 then
  return { whole(paused_ms) }
end
if (state.failures or 0) >= breaks then
  most = redis.call('ZCARD', claimed) == 0 and 1 or 0
end
if rate > 0 then
  local passed = math.max(0, now - (state.tokens_at or 0))
  state.tokens = math.min(rate, (state.tokens or rate) + passed * rate / 60000)
  state.tokens_at = now
  most = math.min(most, math.floor(state.tokens))
  if most == 0 and state.tokens < 1 then
    redis.call('HSET', states, channel, cjson.encode(state))
    return { whole(math.ceil((1 - state.tokens) * 60000 / rate)) }
  end
end
local reply = { '' }
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', whole(now), 'LIMIT', 0, most)) do
  redis.call('ZREM', due, lane)
  local member = redis.call('ZRANGEBYLEX', order, '[' .. lane .. ' ', '(' .. lane .. '!', 'LIMIT', 0, 1)[1]
  if member then
    local id = string.match(member, '^%S+ %S+ (.*)$')
    local field = channel .. ' ' .. id
    local record = cjson.decode(redis.call('HGET', KEYS[6], field) or '{}')
    record.token = token
    local json = cjson.encode(record)
    redis.call('HSET', KEYS[6], field, json)
    redis.call('ZADD', claimed, whole(now + lease_ms), lane)
    local matter = record.key and record.key ~= '' and redis.call('HGET', KEYS[7], record.key)
    reply[#reply + 1] = member
    reply[#reply + 1] = redis.call('HGET', KEYS[5], id) or ''
    reply[#reply + 1] = json
    reply[#reply + 1] = matter or ''
  end
end
if rate > 0 then
  state.tokens = state.tokens - (#reply - 1) / 4
  redis.call('HSET', states, channel, cjson.encode(state))
end
local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
reply[1] = next_due and whole(math.max(0, tonumber(next_due) - now)) or '-1'
return reply
