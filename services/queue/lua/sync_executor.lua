#!lua flags=allow-oom
-- sync_executor: record the heartbeat of an executor, and compare the leases that it names with the leases that it was
-- granted.
--
-- KEYS  1 executor   hash  boot, seq, seen, draining, offers, address; retired: earlier boots; granted: ids granted in
--                          answer to this seq; unsettled: '1' when the caller has leases to settle first
--       2 executors  zset  executor ids by last call (ms)
--       3 tasks      hash  id -> record (JSON)
--       4 leases     zset  ids by lease expiry (ms)
--       5 running    hash  executor/executor -> leases
--       6 meta       hash  run: id of the Redis process; hold: until when nothing is granted
--       7 gates      hash  scope -> gate (JSON)
--       8 holds      hash  budget/… -> gate of a budget that is used up (JSON)
-- ARGV  1 executor id
--       2 now (ms), or '' for the server's clock
--       3 boot id
--       4 sequence
--       5 lease length (ms)
--       6 '1' when draining, else '0'
--       7 'first', or 'again' when a waiting call checks once more
--       8 what the executor offers (JSON; this script does not read it)
--       9 host and port at which others reach the executor, or ''
--       10 for each lease that the executor holds: task id, fence
-- RETURN {'stale'} | {'ok', {lost id, …}, {cancelled id, fence, reason, …}, {unlisted id, fence, …}, {forgotten id,
--        fence, …}, for how long no lease may be granted (ms), the gate of the emergency stop (JSON) or '',
--        {id that budgets hold, fence, the used up budgets (JSON), …}}
-- NEEDS time_given (shared/clock), HELD (shared/held), decode_record (shared/record), budgets_of_run (sync/run_holds),
--       open_batch, push_two (shared/batch), is_ahead (outage/ahead), notice_restart, held_back (outage/notice)
--
-- Unlisted leases: an earlier answer granted them, or an earlier boot had them, and the executor does not have them
-- now. The caller takes them back one by one. Leases that this sequence itself was granted are not among them, so the
-- same call can be made twice.
-- Forgotten leases: Redis lost them with its last writes. The caller restores them.
-- When there are unlisted or forgotten leases, a claim that was sent together with this call waits until they are
-- settled.
-- 'again' renews no lease: the heartbeat counts from the start of the call.
-- A call of a boot that another boot followed is stale, and so is a call with an older sequence. This ends when the
-- newest call is older than a lease: the process that made it is gone or never was this executor, and all its leases
-- have expired. Otherwise one call that was made under the name of a live executor would shut that executor out for
-- good.
-- The ids of earlier boots are known while they are among the last 1,000 characters, and while the executor's hash is
-- kept (a day after its last call).

local executor, executors, tasks, leases, running, meta, gates, holds = unpack(KEYS)
local outage = { meta = meta, leases = leases, executors = executors }
local name, boot, seq, mode = ARGV[1], ARGV[3], tonumber(ARGV[4]), ARGV[7]
local now = time_given(ARGV[2])

local last = redis.call('HMGET', executor, 'boot', 'seq', 'retired', 'granted', 'unsettled', 'seen')
local last_boot, last_seq, retired, granted = last[1] or '', tonumber(last[2] or 0), last[3] or ' ', last[4] or ' '
local at, to = string.find(retired, ' ' .. boot .. ' ', 1, true)
local older = at ~= nil or (boot == last_boot and seq < last_seq)
if older and now - tonumber(last[6] or 0) <= tonumber(ARGV[5]) then
  return { 'stale' }
end
if mode == 'again' and (boot ~= last_boot or seq ~= last_seq) then
  return { 'stale' }
end
if at then
  retired = string.sub(retired, 1, at) .. string.sub(retired, to + 1)
end
if boot ~= last_boot then
  retired = string.sub(' ' .. last_boot .. retired, 1, 1000)
end
if boot ~= last_boot or seq ~= last_seq then
  granted = ' '
end
notice_restart(outage, now, tonumber(ARGV[5]))

-- The records of `ids`, in the same order; false where there is none that can be read.
local function find_all(ids)
  local found = {}
  for from = 1, #ids, 1000 do
    for i, raw in ipairs(redis.call('HMGET', tasks, unpack(ids, from, math.min(from + 999, #ids)))) do
      found[from + i - 1] = decode_record(raw) or false
    end
  end
  return found
end
local function is_here(r)
  return HELD[r.state] and r.executor == name
end

local lost, cancelled, unlisted, forgotten, held = {}, {}, {}, {}, {}
local any_holds = redis.call('EXISTS', holds) == 1
local listed, renewed, expiry = {}, 0, now + tonumber(ARGV[5])
local batch = open_batch()
local to_leases = batch.of('ZADD', leases)
local named, fences = {}, {}
for i = 10, #ARGV, 2 do
  named[#named + 1], fences[#fences + 1] = ARGV[i], ARGV[i + 1]
end
local found = find_all(named)
for i, id in ipairs(named) do
  local r, fence = found[i], fences[i]
  if r and r.fence == tonumber(fence) and is_here(r) and r.boot == boot then
    renewed = renewed + (listed[id] and 0 or 1)
    listed[id] = true
    push_two(to_leases, expiry, id)
    if r.state == 'CANCELLING' then
      table.insert(cancelled, id)
      table.insert(cancelled, fence)
      table.insert(cancelled, r.cancel or '')
    elseif any_holds then
      local budgets = budgets_of_run(holds, r, now)
      if #budgets > 0 then
        table.insert(held, id)
        table.insert(held, fence)
        table.insert(held, cjson.encode(budgets))
      end
    end
  elseif r and is_ahead(r, tonumber(fence), now) then
    listed[id] = true
    table.insert(forgotten, id)
    table.insert(forgotten, fence)
  else
    table.insert(lost, id)
  end
end
if mode == 'first' then
  batch.write()
end

-- An executor normally names all its leases, except those that this same Sync granted. So the script scans all leases
-- only when the count shows others.
local granted_ids = {}
for id in string.gmatch(granted, '%S+') do
  granted_ids[#granted_ids + 1] = not listed[id] and id or nil
end
local known = renewed
for _, r in pairs(find_all(granted_ids)) do
  known = known + (r and is_here(r) and 1 or 0)
end
if tonumber(redis.call('HGET', running, 'executor/' .. name) or 0) ~= known then
  local leased = redis.call('ZRANGE', leases, 0, -1)
  for i, r in pairs(find_all(leased)) do
    local id = leased[i]
    if r and is_here(r) and not listed[id] and not string.find(granted, ' ' .. id .. ' ', 1, true) then
      table.insert(unlisted, id)
      table.insert(unlisted, string.format('%.0f', r.fence))
    end
  end
end
local unsettled = #unlisted + #forgotten > 0 and '1' or ''
if mode == 'first' then
  redis.call('HSET', executor, 'boot', boot, 'seq', seq, 'seen', now, 'draining', ARGV[6], 'offers', ARGV[8],
    'address', ARGV[9], 'retired', retired, 'granted', granted, 'unsettled', unsettled)
  redis.call('PEXPIRE', executor, 86400000)
  redis.call('ZADD', executors, now, name)
elseif unsettled ~= (last[5] or '') then
  redis.call('HSET', executor, 'unsettled', unsettled)
end
local hold = string.format('%.0f', held_back(outage, now))
return { 'ok', lost, cancelled, unlisted, forgotten, hold, redis.call('HGET', gates, 'emergency') or '', held }
