-- Writes to the event stream, with the fields that packages/events reads. Empty fields are left out: each argument
-- costs a twentieth of what Redis spends to append an entry to its file.
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

-- A script trims once, after all events that it adds: the bound is not exact.
local function trim_events(events)
  redis.call('XTRIM', events, 'MAXLEN', '~', 100000)
end
