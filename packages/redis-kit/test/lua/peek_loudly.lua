-- peek_loudly: one value of a hash, shouted.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name
-- RETURN the value
-- NEEDS shout (parts/shout)

return shout(redis.call('HGET', KEYS[1], ARGV[1]))
