#!lua flags=allow-oom
-- release_lease: give one's own lease back.
--
-- KEYS  1 lease  string  the instance that holds it
-- ARGV  1 instance
-- RETURN 'ok' | 'other'

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'other'
end
redis.call('DEL', KEYS[1])
return 'ok'
