#!lua flags=allow-oom
-- recount_leases: count the leases again.
--
-- KEYS  1 running  hash  urgent/engine, agent/agent, account/engine/account, executor/executor and label/label ->
--                        leases
--       2 tasks    hash  id -> record (JSON)
--       3 leases   zset  ids by lease expiry (ms)
--       4 meta     hash  mended: time of the last count (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 shortest time between two counts (ms)
-- RETURN 'ok' | 'early'
-- NEEDS time_given (shared/clock), decode_record (shared/record), count_lease (shared/count_lease)
--
-- A count that is too high by mistake would defer work forever. The leases are the source of truth. Each script that
-- begins or ends a lease also writes the counts, and this script corrects them whatever went wrong. It reads every
-- lease, so all replicas together run it only once in the time of ARGV 2.

local running, tasks, leases, meta = unpack(KEYS)
local now = time_given(ARGV[1])
if now - tonumber(redis.call('HGET', meta, 'mended') or 0) < tonumber(ARGV[2]) then
  return 'early'
end
redis.call('HSET', meta, 'mended', string.format('%.0f', now))

local counts = {}
local count = {
  add = function(name, change)
    counts[name] = (counts[name] or 0) + change
  end,
}
for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  local r = decode_record(redis.call('HGET', tasks, id))
  if r and r.agent and r.engine and r.executor then
    count_lease(count, r, 1)
  end
end

local stored = redis.call('HGETALL', running)
for i = 1, #stored, 2 do
  local name, before = stored[i], tonumber(stored[i + 1])
  if not counts[name] then
    redis.call('HDEL', running, name)
  elseif counts[name] == before then
    counts[name] = nil
  end
end
for name, leased in pairs(counts) do
  redis.call('HSET', running, name, leased)
end
return 'ok'
