#!lua flags=allow-oom
-- keep_receipt: note what an executor ended for an emergency stop, and tell whoever waits for it.
--
-- KEYS  1 receipts  hash  executor id -> receipt (JSON)
-- ARGV  1 executor
--       2 receipt (JSON)
--       3 how long all are kept (ms)
--       4 work channel
--       5 topic
-- RETURN 'ok'

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 'ok'
