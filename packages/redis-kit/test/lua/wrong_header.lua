-- other_name: its header does not agree with its code.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name

redis.call('HSET', KEYS[2], ARGV[2], 'x')
redis.call('SET', 'built:' .. ARGV[1], 'x')
return 'ok'
