#!lua flags=allow-oom
-- claim_deliveries: give a worker the next deliveries of a channel, for a limited time.
--
-- KEYS  1 states      hash  channel → JSON: paused_until (ms), failures in a row, `sent`: pairs of a second and the
--                     deliveries that were given out in it
--       2 due         zset  lanes, the score is when they are due (ms)
--       3 order       zset  "<lane> <sequence> <id>", all with the score 0
--       4 claimed     zset  lanes that a worker has, the score is when its time is over (ms)
--       5 notices     hash  id → names of its channels, a line end, JSON
--       6 deliveries  hash  "<channel> <id>" → JSON of the delivery
--       7 incidents   hash  dedup key → JSON
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 channel
--       3 the worker's token: another one for each claim
--       4 how long the worker has the deliveries (ms)
--       5 most deliveries
--       6 most deliveries in any minute, or 0
--       7 failures in a row after which the channel is tried with one delivery at a time
-- RETURN time until a delivery may be due (ms), then for each one: member of order, notice, delivery, incident or ''
-- NEEDS time_given (shared/clock), whole (shared/put)
--
-- A lane has one worker at a time, so the notices of an incident are delivered one after the other. The lanes of a
-- worker that died become due again when its time is over.
-- A record counts its claims, and settle_delivery writes it without the count: a process that died left the rest.
--
-- The limit holds for any 60 s, and time is counted in seconds: what was given out leaves the count after 60 to 61 s.

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
local second, sent, used = math.floor(now / 1000), {}, 0
if rate > 0 then
  for _, pair in ipairs(state.sent or {}) do
    if pair[1] >= second - 60 then
      sent[#sent + 1] = pair
      used = used + pair[2]
    end
  end
  -- A clock that goes back, after a failover, must not hold the channel for longer than a minute.
  if sent[1] and sent[#sent][1] > second then
    sent, used = {}, 0
  end
  if used >= rate then
    return { whole(math.max(1, (sent[1][1] + 61) * 1000 - now)) }
  end
  most = math.min(most, rate - used)
end
local reply = { '' }
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', whole(now), 'LIMIT', 0, most)) do
  redis.call('ZREM', due, lane)
  local member = redis.call('ZRANGEBYLEX', order, '[' .. lane .. ' ', '(' .. lane .. '!', 'LIMIT', 0, 1)[1]
  if member then
    local id = string.match(member, '^%S+ %S+ (.*)$')
    local field = channel .. ' ' .. id
    local record = cjson.decode(redis.call('HGET', KEYS[6], field) or '{}')
    record.token, record.claims = token, (record.claims or 0) + 1
    local json = cjson.encode(record)
    redis.call('HSET', KEYS[6], field, json)
    redis.call('ZADD', claimed, whole(now + lease_ms), lane)
    local incident = record.key and record.key ~= '' and redis.call('HGET', KEYS[7], record.key)
    reply[#reply + 1] = member
    reply[#reply + 1] = redis.call('HGET', KEYS[5], id) or ''
    reply[#reply + 1] = json
    reply[#reply + 1] = incident or ''
  end
end
local given = (#reply - 1) / 4
if rate > 0 and given > 0 then
  local newest = sent[#sent]
  if newest and newest[1] == second then
    newest[2] = newest[2] + given
  else
    sent[#sent + 1] = { second, given }
  end
  state.sent, state.tokens, state.tokens_at = sent, nil, nil
  redis.call('HSET', states, channel, cjson.encode(state))
end
local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
reply[1] = next_due and whole(math.max(0, tonumber(next_due) - now)) or '-1'
return reply
