-- report_progress: add an executor's report to the log of the task it holds.
--
-- KEYS  1 tasks   hash    id -> record (JSON)
--       2 log     stream  entries 0-1, 0-2, … are sequences 2, 3, …
--       3 events  stream
-- ARGV  1 id
--       2 now (ms), or '' for the server's clock
--       3 fence
--       4 number of the report within this fence
--       5 'started' in the attempt's first report, else ''
--       6 traceparent of the attempt, with 'started'
--       7 log channel
--       8 entries (TaskEvent), oldest first
-- RETURN 'ok' | 'lost'
--
-- A lease past its expiry that nobody reclaimed yet still belongs to its holder: going on is better than a second run.

local tasks, log, events = unpack(KEYS)
local id, report = ARGV[1], tonumber(ARGV[4])

local raw = redis.call('HGET', tasks, id)
local r = raw and cjson.decode(raw)
local held = r and (r.state == 'LEASED' or r.state == 'RUNNING' or r.state == 'CANCELLING')
if not held or r.fence ~= tonumber(ARGV[3]) then
  return 'lost'
end
if report <= r.reports then
  return 'ok'
end

local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
r.reports = report
if ARGV[5] == 'started' and r.ran ~= r.fence then
  r.ran, r.started, r.previous, r.attempt = r.fence, now, ARGV[6], (r.attempt or 0) + 1
  if r.state == 'LEASED' then
    r.state = 'RUNNING'
    redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt, 'state', 'RUNNING')
  end
  local data = string.format('{"engine":"%s","attempt":%d,"executorId":"%s"}', r.engine, r.attempt, r.executor)
  redis.call('XADD', events, 'MAXLEN', '~', 100000, '*', 'type', 'task.started', 'time', now, 'task', id,
    'agent', r.agent, 'trace', r.trace or '', 'data', data)
end
for i = 8, #ARGV do
  redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt or 0, 'event', ARGV[i])
end
redis.call('HSET', tasks, id, cjson.encode(r))
redis.call('PUBLISH', ARGV[7], id)
return 'ok'
