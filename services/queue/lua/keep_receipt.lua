#!lua flags=allow-oom
-- keep_receipt: store what an executor ended for an emergency stop, and wake the calls that wait for it.
--
-- KEYS  1 receipts  hash  executor id -> receipt (JSON)
-- ARGV  1 executor
--       2 receipt (JSON)
--       3 how long all receipts are kept from now on (ms)
--       4 work channel
--       5 topic
-- RETURN 'ok'

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 'ok'
