-- put_once: store a value if the name has none yet.
--
-- KEYS  1 values  hash  name -> value
--       2 order   list  names, oldest first
-- ARGV  1 name
--       2 value
-- RETURN 'ok' | 'taken'

local values, order = KEYS[1], KEYS[2]
if redis.call('HSETNX', values, ARGV[1], ARGV[2]) == 0 then
  return 'taken'
end
redis.call('RPUSH', order, ARGV[1])
return 'ok'
