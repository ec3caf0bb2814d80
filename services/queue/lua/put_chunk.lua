#!lua flags=allow-oom
-- put_chunk: store a piece of a large result, and how long all of it is kept.
--
-- KEYS  1 result  hash  number of the chunk -> bytes
-- ARGV  1 number
--       2 bytes
--       3 how long (ms)
-- RETURN 'ok'
--
-- One step, each time: whoever dies here, or whose task is forgotten meanwhile, leaves nothing for ever.

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
