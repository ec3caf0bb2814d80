#!lua flags=allow-oom
-- move_tasks: take tasks of one engine from the state that the caller saw to the next state, with indexes, log entry
-- and event. Each task is moved or refused on its own.
--
-- KEYS  1 tasks         hash    id -> record (JSON)
--       2 results       hash    id -> TaskResult
--       3 leases        zset    ids by lease expiry (ms)
--       4 parked        zset    ids by the time at which they become ready (ms)
--       5 alarms        zset    ids by the time at which a task that was not started expires or loses its executor (ms)
--       6 pinned        zset    executor/engine/class/age/id of waiting tasks with an affinity, all with score 0
--       7 ended         zset    ids by end (ms)
--       8 running       hash    urgent/engine, agent/agent, account/engine/account, executor/executor and label/label
--                               -> leases
--       9 load          hash    all, class/… or agent/…, then /tasks or /bytes -> how much waits; scheduled -> tasks;
--                               ended/bytes -> bytes that ended tasks take
--       10 meta         hash    fence: the newest; cost:engine: average tokens of a run
--       11 blocked      zset    reason/age/id of queued tasks that are in no line, all with score 0
--       12 bench        zset    skip list: agent/agent/engine/class of throttled agents, back/engine/class/agent of
--                               agents that may run again, all with score 0
--       13 rates        hash    requests|tokens/engine|agent/name -> level and time (ms)
--       14 events       stream
--       15 rota         hash    time:class -> virtual time
--       16 urgentLines  zset    agent/age/id of waiting tasks of this engine and class, all with score 0
--       17 highLines    zset    the same
--       18 normalLines  zset    the same
--       19 lowLines     zset    the same
--       20 urgentHeads  zset    agents of this engine and class by the age of their oldest waiting task (ms)
--       21 highHeads    zset    the same
--       22 normalHeads  zset    the same
--       23 lowHeads     zset    the same
--       24 urgentTurns  zset    agents of this engine and class by virtual time (tokens / weight)
--       25 highTurns    zset    the same
--       26 normalTurns  zset    the same
--       27 lowTurns     zset    the same
--       28 ...logs      stream  one for each task whose move has a note, in their order; entries 0-1, 0-2, … are
--                               sequences 2, 3, …
-- ARGV  1 now (ms), or '' for the server's clock
--       2 engine
--       3 log channel
--       4 work channel
--       5 how many moves follow
--       6 the moves (JSON, see below), each once, then for each task: its line (see below), result or ''
-- RETURN for each task 'ok' | 'done' | 'lost' | 'ahead' | 'moved' | 'early' | 'missing', 'full ' and the field of
--        `load` that is at its bound, or 'fault ' and what is wrong with its record
-- NEEDS time_given (shared/clock), HELD (shared/held), open_batch, push, push_two (shared/batch),
--       open_tally (shared/tally), count_lease (shared/count_lease), tell_due (shared/due),
--       add_event, trim_events (shared/events), is_ahead (outage/ahead), unthrottle (move/throttled),
--       open_charges (move/charge), resume_lease (move/resume)
--
-- A line describes a task: id, number of its move, fence (that the caller holds) or '', tokens of the run or '', and
-- the remaining JSON members of the event. A space separates them. Most ends of runs have the same move, and so it is
-- sent and decoded once.
-- A move has: to, set {field: value}, and where they apply: from (the state that the caller saw), settle (what the
-- fence is used up for), due (only when its time in leases, parked or alarms has come), note (of the log entry, as
-- JSON; without it there is no entry), leaseMs (length of a lease that begins, see move/resume.lua), bounds (of what
-- waits, as in enqueue_tasks), event (type). A field that is set to null is deleted.
--
-- Only this script takes a task out of a state, except that claim_tasks and report_runs start it. So this file alone
-- says what a state means for the indexes. The domain decides the next state from a record that it read before.
-- 'moved': the task has changed since then, and the domain decides again. 'ahead': Redis lost the caller's lease, and
-- the next Sync of its holder restores it. 'early': what was due has been renewed since. 'done': this same call was
-- made before. A retried task keeps its class and age.
-- A result may come late: its lease is over, but no later one was granted, and the task waits. It still ends the task.
-- A success gets no log entry, because no entry comes after it: it is read from the record. So a task without reports
-- needs no stream.
-- The claim charged the agent for an average run. This script corrects that by the tokens that the run used: 0 when it
-- never started, and no correction when the tokens are not known.

local tasks, results, leases, parked, alarms, pinned, ended, running, load, meta, blocked, bench, rates, events, rota =
  unpack(KEYS)
local LINES, HEADS, TURNS, LOGS = 15, 19, 23, 27
local engine = ARGV[2]
local CLASS = { urgent = 1, high = 2, normal = 3, low = 4 }
local now = time_given(ARGV[1])
local now_text = string.format('%.0f', now)

-- The task waits for an executor or for a time. The bounds of admission count these tasks.
local WAITING = { QUEUED = true, PARKED = true, SCHEDULED = true }
local DUE = { leases = leases, parked = parked, alarms = alarms }
local charges = open_charges({ rota = rota, rates = rates, meta = meta }, engine)
local batch = open_batch()
local from_leases = batch.of('ZREM', leases)
local to_tasks, to_results, to_ended = batch.of('HSET', tasks), batch.of('HSET', results), batch.of('ZADD', ended)
local any_throttled = redis.call('EXISTS', bench) == 1
local queued, named, logged, soonest = false, {}, {}, math.huge
local loads, leased = open_tally(load), open_tally(running)

local function count_waiting(r, sign)
  for _, scope in ipairs({ 'all', 'class/' .. r.class, 'agent/' .. r.agent }) do
    loads.add(scope .. '/tasks', sign)
    loads.add(scope .. '/bytes', sign * r.size)
  end
end

-- Returns the bound that one more waiting task would exceed; nil when there is none.
local function find_full(bounds, r)
  for _, scope in ipairs({ { 'all', 'all' }, { 'class/' .. r.class, r.class }, { 'agent/' .. r.agent, 'agent' } }) do
    local name, most_tasks, most_bytes = scope[1], unpack(bounds[scope[2]])
    if most_tasks > 0 and loads.of(name .. '/tasks') >= most_tasks then
      return name .. '/tasks'
    elseif most_bytes > 0 and loads.of(name .. '/bytes') + r.size > most_bytes then
      return name .. '/bytes'
    end
  end
end

-- Sets when time alone changes a waiting task: its first run did not start in time, or it stops waiting for its
-- executor.
local function set_alarm(r, id, due)
  local expiry = r.deadline and not r.attempt and r.deadline or math.huge
  local at = math.min(expiry, r.pin and r.pinMs and r.created + r.pinMs or math.huge)
  if WAITING[r.state] and at < math.huge then
    redis.call('ZADD', alarms, at, id)
    soonest = math.min(soonest, at)
  elseif r.deadline or r.pinMs or due == 'alarms' then
    redis.call('ZREM', alarms, id)
  end
end

-- Returns the name of the task in its waiting line, and its name in `pinned` when it waits for an executor.
local function place(r, id)
  local age = string.format('%011x/%s', r.since or r.created, id)
  return r.agent .. '/' .. age, r.pin and string.format('%s/%s/%s/%s', r.pin, engine, r.class, age)
end

local function put_in_line(r, id)
  local line, pin = place(r, id)
  if pin then
    redis.call('ZADD', pinned, 0, pin)
    named[r.pin] = true
  else
    if redis.call('ZADD', KEYS[HEADS + CLASS[r.class]], 'LT', r.since or r.created, r.agent) == 1 then
      charges.write_turns()
      redis.call('ZADD', KEYS[TURNS + CLASS[r.class]], 'GT', redis.call('HGET', rota, 'time:' .. r.class) or 0, r.agent)
    end
    redis.call('ZADD', KEYS[LINES + CLASS[r.class]], 0, line)
    queued = true
  end
end

local function take_from_line(r, id)
  local line, pin = place(r, id)
  if r.blocked then
    redis.call('ZREM', blocked, string.format('%s/%011x/%s', r.blocked, r.since or r.created, id))
    return
  elseif pin then
    redis.call('ZREM', pinned, pin)
    return
  end
  local lines, heads = KEYS[LINES + CLASS[r.class]], KEYS[HEADS + CLASS[r.class]]
  redis.call('ZREM', lines, line)
  local first = redis.call('ZRANGEBYLEX', lines, '[' .. r.agent .. '/', '(' .. r.agent .. '0', 'LIMIT', 0, 1)[1]
  if first then
    redis.call('ZADD', heads, tonumber(string.match(first, '/(%x+)/'), 16), r.agent)
  else
    redis.call('ZREM', heads, r.agent)
  end
end

local function end_lease(r, id, used)
  push(from_leases, id)
  count_lease(leased, r, -1)
  if any_throttled then
    unthrottle(bench, r.agent, ARGV[4])
  end
  local charge = r.ran ~= r.fence and 0 or used
  if charge and r.charged then
    charges.correct(KEYS[TURNS + CLASS[r.class]], r, charge)
  end
  if used then
    charges.learn(used)
  end
end

-- Whether the holder of the newest lease may still end the task with a result although that lease is over. Not when
-- the holder itself used up the lease by another call.
local function may_be_late(move, r, settled)
  local used_up = string.match(r.settled or '', '^%S+ ') == string.match(settled or '', '^%S+ ')
  return move.settle == 'complete' and WAITING[r.state] and not used_up
end

-- Returns why the move does not apply; nil when it applies.
local function guard(move, r, id, fence, settled)
  if settled and r.settled == settled then
    return 'done'
  elseif fence and not (r.fence == fence and (HELD[r.state] or may_be_late(move, r, settled))) then
    return is_ahead(r, fence, now) and 'ahead' or 'lost'
  elseif move.leaseMs and not is_ahead(r, move.set.fence, now) then
    return HELD[r.state] and r.fence == move.set.fence and r.executor == move.set.executor and 'done' or 'lost'
  elseif move.from and r.state ~= move.from then
    return 'moved'
  end
  local full = move.bounds and find_full(move.bounds, r)
  if full then
    return 'full ' .. full
  elseif move.set.class == r.class then -- the class was changed before
    return 'done'
  elseif move.due and tonumber(redis.call('ZSCORE', DUE[move.due], id) or now + 1) > now then
    return 'early'
  end
end

-- The end of the lease left the charge for an average run, because the use of the run was not known then.
local function charge_late(r, used)
  if used and r.charged then
    -- The end of a lease without a start gave the whole charge back.
    r.charged = r.ran == r.fence and r.charged or 0
    charges.correct(KEYS[TURNS + CLASS[r.class]], r, used)
  end
  if used then
    charges.learn(used)
  end
end

-- Takes the task out of the indexes and counts of its state. When this ends a run, `used` is the tokens of the run, or
-- nil when they are not known.
local function leave(move, r, id, used)
  if WAITING[r.state] and move.settle then
    charge_late(r, used)
  end
  if r.state == 'QUEUED' then
    take_from_line(r, id)
  elseif WAITING[r.state] then
    redis.call('ZREM', parked, id)
  elseif r.ended then
    redis.call('ZREM', ended, id)
    loads.add('ended/bytes', -(r.kept or 0))
    r.kept, r.began = nil, now
  elseif move.leaseMs or move.to ~= 'CANCELLING' then
    end_lease(r, id, used)
  end
  if WAITING[r.state] then
    count_waiting(r, -1)
  end
  if r.state == 'SCHEDULED' and move.to ~= r.state then
    loads.add('scheduled', -1)
  end
end

local function put_end(r, id, result)
  if r.state == 'SUCCEEDED' and not r.chunks then
    r.resultBytes = #result
    push_two(to_results, id, result)
  end
  r.ended, r.kept = now, r.size + (r.logged or 0) + (r.resultBytes or 0)
  loads.add('ended/bytes', r.kept)
  push_two(to_ended, now_text, id)
end

-- Changes the record to the next state, and puts the task into the indexes and counts of that state.
local function enter(move, r, id, settled, result)
  r.blocked = nil
  for field, value in pairs(move.set) do
    r[field] = value ~= cjson.null and value or nil
  end
  if WAITING[move.to] and not WAITING[r.state] then
    r.returned = now
  end
  r.state, r.settled, r.usageSoFar = move.to, settled or r.settled, nil
  if WAITING[r.state] then
    count_waiting(r, 1)
  end
  set_alarm(r, id, move.due)
  if move.leaseMs then
    batch.write()
    resume_lease({ leases = leases, meta = meta }, r, id, move.leaseMs, now)
    count_lease(leased, r, 1)
  elseif r.state == 'QUEUED' then
    put_in_line(r, id)
  elseif WAITING[r.state] then
    redis.call('ZADD', parked, r.ready, id)
    soonest = math.min(soonest, r.ready)
  elseif r.state ~= 'CANCELLING' then
    put_end(r, id, result)
  end
end

-- Notes that the task's span shows this log entry as an event. The record keeps the numbers of the first 20 and the
-- last 80 entries.
local function keep_note(r, entry)
  local notes = r.notes or {}
  notes[#notes + 1] = tonumber(string.sub(entry, 3)) + 1
  if #notes > 100 then
    table.remove(notes, 21)
  end
  r.notes, r.noted = notes, (r.noted or 0) + 1
end

-- Notifies the holder of the task, and writes the log entry and the event. `log`: key of the log. `data`: remaining
-- JSON members of the event.
local function tell(move, r, id, log, data)
  if r.state == 'CANCELLING' and not move.leaseMs then
    redis.call('PUBLISH', ARGV[4], 'executor:' .. r.executor)
  end
  if r.state == 'SUCCEEDED' then
    local wait = r.leased - r.created
    data = string.format('%s,"executorId":"%s","queueWait":{"seconds":"%d","nanos":%d}', data, r.executor, wait / 1000,
      wait % 1000 * 1000000)
    logged[#logged + 1] = id
  elseif move.note then
    local entry =
      redis.call('XADD', log, '0-*', 'time', now, 'attempt', r.attempt or 0, 'state', r.state, 'note', move.note)
    if r.parent then
      keep_note(r, entry)
    end
    logged[#logged + 1] = id
  end
  if move.event then
    data = string.format('{"engine":"%s","attempt":%d%s}', engine, r.attempt or 0, data)
    add_event(events, move.event, now_text, data, id, r.agent, r.trace)
  end
end

local moves, logs, moved = {}, LOGS, {}
for i = 1, tonumber(ARGV[5]) do
  moves[i] = cjson.decode(ARGV[5 + i])
end
local function move_task(line, result)
  local id, which, fence, used, data = string.match(line, '^(%S+) (%d+) (%S*) (%S*) (.*)$')
  local move = moves[tonumber(which)]
  local settled = move.settle and fence .. ' ' .. move.settle
  logs = logs + (move.note and 1 or 0)
  -- This call has the task twice. The second time has to see what the first time wrote.
  if moved[id] then
    batch.write()
  end
  moved[id] = true
  local raw = redis.call('HGET', tasks, id)
  if not raw then
    return 'missing'
  end
  local r = cjson.decode(raw)
  local refused = guard(move, r, id, tonumber(fence), settled)
  if refused then
    return refused
  end
  leave(move, r, id, tonumber(used))
  enter(move, r, id, settled, result)
  tell(move, r, id, KEYS[logs], data)
  push_two(to_tasks, id, cjson.encode(r))
  return 'ok'
end

local words = {}
for i = 6 + #moves, #ARGV, 2 do
  -- A record that cannot be read must not stop the other tasks.
  local good, word = pcall(move_task, ARGV[i], ARGV[i + 1])
  words[#words + 1] = good and word or 'fault ' .. (type(word) == 'table' and word.err or tostring(word))
end
batch.write()
charges.save()
loads.save()
leased.save()
trim_events(events)
if queued then
  redis.call('PUBLISH', ARGV[4], 'engine:' .. engine)
end
for pin in pairs(named) do
  redis.call('PUBLISH', ARGV[4], 'executor:' .. pin)
end
tell_due(ARGV[4], soonest, now)
if #logged > 0 then
  redis.call('PUBLISH', ARGV[3], table.concat(logged, ' '))
end
return words
