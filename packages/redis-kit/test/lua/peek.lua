-- peek: read one value of a hash.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name
-- RETURN the value, or nil

return redis.call('HGET', KEYS[1], ARGV[1])
