-- Word that something is due before whoever sleeps until the next time has looked again, which is each second.
--
-- DEFINES tell_due

local function tell_due(work_channel, time, now)
  if time < now + 1000 then
    redis.call('PUBLISH', work_channel, 'due')
  end
end
