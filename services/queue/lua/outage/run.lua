-- Which process of Redis this is: one that was started again, or that took over, is another, and may have forgotten its last moments.
--
-- DEFINES run_id

local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
