-- The stream of events, in the fields that packages/events reads. What has nothing to say is left out: of an entry appended to the file,
-- each argument costs Redis a twentieth.
--
-- DEFINES add_event, trim_events

local function add_event(events, type, time, data, task, agent, trace)
  if not task then
    redis.call('XADD', events, '*', 'type', type, 'time', time, 'data', data)
  elseif not trace or trace == '' then
    redis.call('XADD', events, '*', 'type', type, 'time', time, 'data', data, 'task', task, 'agent', agent)
  else
    redis.call('XADD', events, '*', 'type', type, 'time', time, 'data', data, 'task', task, 'agent', agent, 'trace', trace)
  end
end

-- Once for all that a call adds: the bound is no exact one.
local function trim_events(events)
  redis.call('XTRIM', events, 'MAXLEN', '~', 100000)
end
