-- peek_loudly: read one value of a hash, in upper case with a mark.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name
-- RETURN the value
-- NEEDS shout (parts/shout)

return shout(redis.call('HGET', KEYS[1], ARGV[1]))
