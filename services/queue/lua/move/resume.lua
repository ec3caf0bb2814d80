-- Restores a lease that Redis granted and then lost. The holder of the lease reported it. `lease_ms`: its length (ms).
--
-- DEFINES resume_lease

local function resume_lease(keys, r, id, lease_ms, now)
  r.leased = math.max(r.created, math.min(r.fence, now))
  redis.call('ZADD', keys.leases, now + lease_ms, id)
  local newest = tonumber(redis.call('HGET', keys.meta, 'fence') or 0)
  redis.call('HSET', keys.meta, 'fence', string.format('%.0f', math.max(newest, r.fence)))
end
