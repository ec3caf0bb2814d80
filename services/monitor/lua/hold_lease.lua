#!lua flags=allow-oom
-- hold_lease: take a lease that nobody holds, or renew one's own.
--
-- KEYS  1 lease  string  the instance that holds it
-- ARGV  1 instance
--       2 length of the lease (ms)
-- RETURN 'ok' | 'other'

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 'other'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'ok'
