#!lua flags=allow-oom
-- report_runs: add reports of executors to the logs of the tasks that they hold. Each report succeeds or fails on its
-- own.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 events   stream
--       3 ...logs  stream  one for each report, in their order; entries 0-1, 0-2, … are sequences 2, 3, …
-- ARGV  1 now (ms), or '' for the server's clock
--       2 log channel
--       3 for each report: task id, fence, number of the report within this fence, 'started' in the first report of the
--         attempt or '', with 'started' the traceparent of the attempt, what the attempt has used so far (see
--         Task.usageSoFar) or '', how many entries, and the entries (TaskEvent), oldest first
-- RETURN for each report 'ok' | 'lost' | 'ahead', or 'fault ' and what is wrong with the record of its task
-- NEEDS time_given (shared/clock), HELD (shared/held), add_event, trim_events (shared/events),
--       is_ahead (outage/ahead)
--
-- A lease that is past its expiry but was not taken back yet still belongs to its holder: to continue is better than a
-- second run. 'ahead' says that Redis lost the lease, and that the next Sync of its holder restores it. Report numbers
-- have no gaps. So a gap means that Redis lost the reports between, and the report after the gap starts the run.

local tasks, events = unpack(KEYS)
local now = time_given(ARGV[1])

local logged = {}
local function report(log, id, fence, number, started, trace, used, first, last)
  local raw = redis.call('HGET', tasks, id)
  local r = raw and cjson.decode(raw)
  if not (r and HELD[r.state] and r.fence == fence) then
    return r and is_ahead(r, fence, now) and 'ahead' or 'lost'
  end
  if number <= r.reports then
    return 'ok'
  end
  started = started or number > r.reports + 1
  r.reports = number
  if started and r.ran ~= r.fence then
    r.ran, r.started, r.previous, r.attempt = r.fence, now, trace, (r.attempt or 0) + 1
    if r.state == 'LEASED' then
      r.state = 'RUNNING'
      redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt, 'state', 'RUNNING')
    end
    local data = string.format('{"engine":"%s","attempt":%d,"executorId":"%s"}', r.engine, r.attempt, r.executor)
    add_event(events, 'task.started', now, data, id, r.agent, r.trace)
  end
  if used ~= '' and r.state == 'RUNNING' then
    r.usageSoFar = used
  end
  for entry = first, last do
    redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt or 0, 'event', ARGV[entry])
    r.logged = (r.logged or 0) + #ARGV[entry]
  end
  redis.call('HSET', tasks, id, cjson.encode(r))
  logged[#logged + 1] = id
  return 'ok'
end

local words, i = {}, 3
while i <= #ARGV do
  local id, fence, number, started, trace, used, count = unpack(ARGV, i, i + 6)
  local first, last = i + 7, i + 6 + tonumber(count)
  -- A record that cannot be read must not stop the other reports.
  local good, word =
    pcall(report, KEYS[3 + #words], id, tonumber(fence), tonumber(number), started ~= '', trace, used, first, last)
  words[#words + 1] = good and word or 'fault ' .. (type(word) == 'table' and word.err or tostring(word))
  i = last + 1
end
trim_events(events)
if #logged > 0 then
  redis.call('PUBLISH', ARGV[2], table.concat(logged, ' '))
end
return words
