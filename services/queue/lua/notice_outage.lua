#!lua flags=allow-oom
-- notice_outage: give the holders of leases time to renew them, after a time in which no executor could.
--
-- KEYS  1 meta       hash  run: id of the Redis process; reaped: when this was last called (ms); hold: until when
--                          nothing is granted
--       2 leases     zset  ids by lease expiry (ms)
--       3 executors  zset  executor ids by last call (ms)
-- ARGV  1 now (ms), or '' for the server's clock
--       2 lease length (ms)
-- RETURN 'ok'
-- NEEDS read_clock (shared/clock), give_time, notice_restart (outage/notice)
--
-- Every replica calls this script before each search for expired leases. When the last call of any replica was more
-- than a third of a lease ago (and more than 5 s), then executors could not renew their leases either: they call that
-- often. Only the server's clock decides this.

local keys = { meta = KEYS[1], leases = KEYS[2], executors = KEYS[3] }
local time = read_clock()
local now, lease_ms = tonumber(ARGV[1]) or time, tonumber(ARGV[2])

notice_restart(keys, now, lease_ms)
local reaped = tonumber(redis.call('HGET', keys.meta, 'reaped') or time)
if time - reaped > math.max(lease_ms / 3, 5000) then
  give_time(keys, now, lease_ms)
end
redis.call('HSET', keys.meta, 'reaped', time)
return 'ok'
