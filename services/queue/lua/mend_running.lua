-- mend_running: forget what is counted as running and has no lease.
--
-- KEYS  1 running  zset  urgent/engine/id, agent/agent/id, account/engine/account/id and label/label/id of held tasks, all
--                        with score 0
--       2 leases   zset  ids by lease expiry (ms)
-- ARGV  1 members of running
-- RETURN 'ok'
--
-- A count that leaks would keep work back for ever. The caller reads the members, in pages, before it asks.

for _, member in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[2], string.match(member, '[^/]+$')) then
    redis.call('ZREM', KEYS[1], member)
  end
end
return 'ok'
