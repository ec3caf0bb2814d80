-- Wakes the reapers when something is due in less than a second. A reaper checks everything once a second, so it finds
-- a later time by itself.
--
-- DEFINES tell_due

local function tell_due(work_channel, time, now)
  if time < now + 1000 then
    redis.call('PUBLISH', work_channel, 'due')
  end
end
