-- Begins a lease that its holder told of, since Redis forgot that it granted it. `lease`: length (ms), and those labels of the task that count
-- what runs with them.

local function resume_lease(keys, r, id, lease, now)
  r.leased = math.max(r.created, math.min(r.fence, now))
  redis.call('ZADD', keys.leases, now + lease.ms, id)
  redis.call('ZADD', keys.held, 0, r.executor .. '/' .. id)
  for _, name in ipairs(counted_as(r, id, lease.labels)) do
    redis.call('ZADD', keys.running, 0, name)
  end
  local newest = tonumber(redis.call('HGET', keys.meta, 'fence') or 0)
  redis.call('HSET', keys.meta, 'fence', string.format('%.0f', math.max(newest, r.fence)))
end
