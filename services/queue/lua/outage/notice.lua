-- Handles what an outage of Redis means for leases. No executor could renew its leases, so each lease gets its full
-- length from now on. A Redis process that was restarted, or that took over from another one, may also have lost its
-- last grants, and does not know that it lost them. So it grants no lease until every executor that it knows has said
-- which leases it has, but for half a lease at most.
--
-- DEFINES give_time, notice_restart, held_back
-- NEEDS run_id (outage/run)

local function give_time(keys, now, lease_ms)
  for _, id in ipairs(redis.call('ZRANGE', keys.leases, 0, -1)) do
    redis.call('ZADD', keys.leases, 'XX', 'GT', now + lease_ms, id)
  end
end

local function notice_restart(keys, now, lease_ms)
  local run = run_id()
  local last = redis.call('HGET', keys.meta, 'run')
  if last == run then
    return
  end
  redis.call('HSET', keys.meta, 'run', run)
  if last then
    give_time(keys, now, lease_ms)
    local newest = tonumber(redis.call('ZRANGE', keys.executors, -1, -1, 'WITHSCORES')[2] or 0)
    -- After a failover, `newest` is a time of another machine, whose clock may be ahead of this one.
    local to = math.max(now, newest + 1)
    redis.call('HSET', keys.meta, 'hold', string.format('%.0f %.0f %.0f', now + lease_ms / 2, newest - lease_ms, to))
  end
end

-- Returns for how long no lease may be granted yet (ms), or 0. It waits until certain executors have called again:
-- those that called within one lease length before the last call that Redis still knows.
local function held_back(keys, now)
  local hold = redis.call('HGET', keys.meta, 'hold')
  if not hold then
    return 0
  end
  local till, from, to = string.match(hold, '(%S+) (%S+) (%S+)')
  local left = tonumber(till) - now
  if left > 0 and redis.call('ZCOUNT', keys.executors, from, '(' .. to) > 0 then
    return left
  end
  redis.call('HDEL', keys.meta, 'hold')
  return 0
end
