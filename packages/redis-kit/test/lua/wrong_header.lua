-- other_name: does what its header does not say.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name

redis.call('HSET', KEYS[2], ARGV[2], 'x')
redis.call('SET', 'built:' .. ARGV[1], 'x')
return 'ok'
