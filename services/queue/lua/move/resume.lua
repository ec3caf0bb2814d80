-- Begins a lease that its holder told of, since Redis forgot that it granted it. `lease_ms`: its length.
--
-- DEFINES resume_lease

local function resume_lease(keys, r, id, lease_ms, now)
  r.leased = math.max(r.created, math.min(r.fence, now))
  redis.call('ZADD', keys.leases, now + lease_ms, id)
  local newest = tonumber(redis.call('HGET', keys.meta, 'fence') or 0)
  redis.call('HSET', keys.meta, 'fence', string.format('%.0f', math.max(newest, r.fence)))
end
