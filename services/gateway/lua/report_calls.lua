#!lua flags=allow-oom
-- report_calls: say how many calls of some callers are in progress at one replica, and learn how many are at the others.
--
-- KEYS  1 ...calls  hash  of one caller each: replica -> "count:end of the lease (ms)"
-- ARGV  1 replica
--       2 lease (ms)
--       3... calls in progress at this replica, one for each key
-- RETURN for each key, the calls in progress at the other replicas
--
-- A replica that ended without a word counts until its lease ends. So a crash heals by itself, and no script cleans up.

local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local replica, lease = ARGV[1], tonumber(ARGV[2])
local others = {}
for i, key in ipairs(KEYS) do
  local own = tonumber(ARGV[i + 2])
  if own > 0 then
    redis.call('HSET', key, replica, own .. ':' .. (ms + lease))
    redis.call('PEXPIRE', key, lease)
  else
    redis.call('HDEL', key, replica)
  end
  others[i] = 0
  local all = redis.call('HGETALL', key)
  for field = 1, #all, 2 do
    local count, ends = all[field + 1]:match('^(%d+):(%d+)$')
    if tonumber(ends) <= ms then
      redis.call('HDEL', key, all[field])
    elseif all[field] ~= replica then
      others[i] = others[i] + tonumber(count)
    end
  end
end
return others
