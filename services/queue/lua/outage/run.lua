-- Identifies the Redis process. A restart or a failover changes the id, and the new process may have lost its last
-- writes.
--
-- DEFINES run_id

local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
