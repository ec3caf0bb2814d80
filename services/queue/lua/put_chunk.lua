#!lua flags=allow-oom
-- put_chunk: store a piece of a large result, and set how long the whole result is kept.
--
-- KEYS  1 result  hash  number of the chunk -> bytes
-- ARGV  1 number
--       2 bytes
--       3 how long the result is kept from now on (ms)
-- RETURN 'ok'
--
-- Each call stores a chunk and sets the expiry in one step. So no chunk stays forever when the caller dies before the
-- last chunk, or when the task is deleted meanwhile.

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
