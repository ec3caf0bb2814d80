#!lua flags=allow-oom
-- claim_tasks: lease the next tasks of one engine to an executor.
--
-- KEYS  1 executor      hash  boot, seq; granted: ids granted in answer to this seq; unsettled: '1' when its Sync has
--                             leases to settle first
--       2 tasks         hash  id -> record (JSON)
--       3 prompts       hash  id -> TaskSpec with the prompts and attachments only
--       4 leases        zset  ids by lease expiry (ms)
--       5 alarms        zset  ids by the time at which a task that was not started expires or loses its executor (ms)
--       6 pinned        zset  executor/engine/class/age/id of waiting tasks with an affinity, all with score 0
--       7 blocked       zset  reason/age/id of queued tasks that are in no line, all with score 0
--       8 meta          hash  fence: the newest; cost:engine: average tokens of a run; run: id of the Redis process;
--                             hold: there while no lease is granted
--       9 running       hash  urgent/engine, agent/agent, account/engine/account, executor/executor and label/label ->
--                             leases
--       10 load         hash  all, class/… or agent/…, then /tasks or /bytes -> how much waits
--       11 bench        zset  skip list: agent/agent/engine/class of throttled agents, back/engine/class/agent of
--                             agents that may run again, all with score 0
--       12 gates        hash  scope -> gate (JSON)
--       13 rates        hash  requests|tokens/engine|account|agent/name -> level and time (ms)
--       14 rota         hash  turn order of this engine: class -> credit; time:class -> virtual time
--       15 urgentLines  zset  agent/age/id of waiting tasks of this engine and class, all with score 0
--       16 highLines    zset  the same
--       17 normalLines  zset  the same
--       18 lowLines     zset  the same
--       19 urgentHeads  zset  agents of this engine and class by the age of their oldest waiting task (ms)
--       20 highHeads    zset  the same
--       21 normalHeads  zset  the same
--       22 lowHeads     zset  the same
--       23 urgentTurns  zset  agents of this engine and class by virtual time (tokens / weight)
--       24 highTurns    zset  the same
--       25 normalTurns  zset  the same
--       26 lowTurns     zset  the same
--       27 refills      zset  throttled agents by the time at which their rate has refilled (ms)
--       28 holds        hash  budget/… -> gate of a budget that is used up (JSON)
-- ARGV  1 executor id
--       2 now (ms), or '' for the server's clock
--       3 boot id
--       4 sequence
--       5 engine
--       6 account that its runs use
--       7 most leases
--       8 lease length (ms)
--       9 bytes of prompts after which no more tasks are added
--       10 work channel
--       11 order (JSON): the settings of domain/order; mostAgeing: the greatest factor by which age multiplies a
--          weight; startTargets: class -> time (ms) within which its tasks should start
--       12 'early' when the caller does not know yet what its Sync found, else ''
-- RETURN {'stale'} | {'unsettled'} | {'ok', ms until time alone lets more start or '', how many of the tasks below were
--        granted before, how many tasks are left in line (0 when the script saw that none of them may start), 'login'
--        or 'executor' when only this deferred more tasks or '', '1' when tasks wait for this executor alone or '', id,
--        record, prompts, …}
-- NEEDS time_given (shared/clock), decode_record (shared/record), open_batch, push, push_two (shared/batch),
--       open_tally (shared/tally), tell_due (shared/due), run_id (outage/run), open_rules (claim/rules),
--       open_turns, open_line, peek (claim/turns), open_classes (claim/classes)
--
-- The script picks a class (claim/classes.lua), an agent of that class (claim/turns.lua), and the agent's oldest task
-- that the rules let start (claim/rules.lua, gates.lua, rates.lua). Changes to lists that are read in pages are written
-- at the end (shared/batch.lua).
-- An agent that may not run is throttled: it goes from the turns to the skip list `bench`. A task that a label or a
-- model defers leaves its line. So each is checked once, and not by every claim.
-- When the script runs twice for one sequence, it returns what it granted the first time, with the same fences, and
-- then grants more up to the bound. In two cases it grants no more: during a hold, which sync_executor ends, and when
-- Redis was restarted since sync_executor last ran, because sync_executor has to notice a restart first. So a waiting
-- Sync may claim without calling sync_executor before.
-- A fence is at least the time in ms. So a Redis that came back without its last second still grants no fence twice.

local executor, tasks, prompts, leases, alarms, pinned, blocked, meta, running, load, bench, gates, rates, rota = unpack(KEYS)
local name, boot, seq, engine, account = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local most, lease_ms, most_bytes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local order = cjson.decode(ARGV[11])
local CLASSES = { 'urgent', 'high', 'normal', 'low' }
-- Bounds for one call, because it has to stay short: tasks that leave their line without a lease, and pinned tasks that
-- are checked.
local most_blocked, most_pins = 100, 500
local now = time_given(ARGV[2])

local last = redis.call('HMGET', executor, 'boot', 'seq', 'granted', 'unsettled')
if last[1] ~= boot or last[2] ~= seq then
  return { 'stale' }
elseif ARGV[12] == 'early' and last[4] == '1' then
  return { 'unsettled' }
end

local reply, bytes = { 'ok', '', '', '0', '', '' }, 0
local HEAD = #reply
local function answer(id, record, text)
  bytes = bytes + #text
  reply[#reply + 1] = id
  reply[#reply + 1] = record
  reply[#reply + 1] = text
  most = most - 1
end
-- Returns the record and the prompts of a task; what is missing is nil or false.
local function read(id)
  return decode_record(redis.call('HGET', tasks, id)), redis.call('HGET', prompts, id)
end
for id in string.gmatch(last[3], '%S+') do
  local r, text = read(id)
  if r and text and r.state == 'LEASED' and r.executor == name and r.engine == engine then
    answer(id, cjson.encode(r), text)
  end
end
reply[3] = tostring((#reply - HEAD) / 3)

local fence, cost, hold, run = unpack(redis.call('HMGET', meta, 'fence', 'cost:' .. engine, 'hold', 'run'))
fence, cost = tonumber(fence or 0), tonumber(cost or 1)
local any_alarms = redis.call('EXISTS', alarms) == 1
local rules = open_rules(
  { gates = gates, holds = KEYS[28], rates = rates, running = running },
  { now = now, executor = name, engine = engine, account = account, cost = cost },
  order
)
local wanted, kept = most, ''
if hold or run ~= run_id() then
  most, wanted = 0, 1
else
  most, kept = rules.room(most)
end

local granted = {}
local batch = open_batch()
local to_leases = batch.of('ZADD', leases)
local to_tasks, to_rota, to_bench = batch.of('HSET', tasks), batch.of('HSET', rota), batch.of('ZADD', bench)
local to_refills = batch.of('ZADD', KEYS[27])
local to_blocked, from_pinned, from_alarms = batch.of('ZADD', blocked), batch.of('ZREM', pinned), batch.of('ZREM', alarms)
local expiry = string.format('%.0f', now + lease_ms)
-- How much leaves the waiting lines: tasks and bytes by class (a number) and by agent (a name).
local taken_tasks, taken_bytes = {}, {}
local function take(key, size)
  taken_tasks[key], taken_bytes[key] = (taken_tasks[key] or 0) + 1, (taken_bytes[key] or 0) + size
end
-- Grants a lease. Returns what it costs the agent (tokens / weight).
local function lease(class, id, r, text)
  fence = math.max(fence + 1, now)
  r.state, r.fence, r.executor, r.boot, r.account, r.leased, r.reports = 'LEASED', fence, name, boot, account, now, 0
  r.charged, r.weight, r.bound = cost, order.agentWeights[r.agent] or 1, rules.bound or nil
  rules.count(r)
  take(class, r.size)
  take(r.agent, r.size)
  if any_alarms then
    push(from_alarms, id)
  end
  local record = cjson.encode(r)
  push_two(to_tasks, id, record)
  push_two(to_leases, expiry, id)
  granted[#granted + 1] = id
  answer(id, record, text)
  return cost / r.weight
end

local saved = redis.call('HMGET', rota, 'urgent', 'high', 'normal', 'low', 'time:urgent', 'time:high', 'time:normal', 'time:low')
local function time_of(class)
  return tonumber(saved[4 + class] or 0)
end

-- Marks a task that leaves its line. It is in no line until the reaper returns or ends it. `kind`: what keeps it from
-- starting, for the span of its wait.
local function set_aside(reason, age, id, r, kind)
  r.blocked = reason
  if kind then
    r.deferred = r.deferred or {}
    r.deferred[kind] = now
  end
  push_two(to_blocked, 0, reason .. age .. id)
  push_two(to_tasks, id, cjson.encode(r))
end

-- Tasks that are pinned to this executor go first, and their agents pay for them. A pinned task that may not start does
-- not block the tasks behind it.
local mine = name .. '/' .. engine
for class = 1, most > 0 and peek(open_line(pinned, mine)) and 4 or 0 do
  local pins = open_line(pinned, mine .. '/' .. CLASSES[class])
  while most > 0 and bytes < most_bytes and most_pins > 0 and peek(pins) do
    local member = peek(pins)
    local age, id = string.match(member, '(/%x+/)([^/]+)$')
    local r, text = read(id)
    if not (r and text) then
      push(from_pinned, member)
      if r then
        set_aside('broken', age, id, r)
      end
    elseif rules.may_start(r) then
      local turns = KEYS[22 + class]
      local before = tonumber(redis.call('ZSCORE', turns, r.agent)) or time_of(class)
      redis.call('ZADD', turns, before + lease(class, id, r, text), r.agent)
      push(from_pinned, member)
    end
    pins.at, most_pins = pins.at + 1, most_pins - 1
  end
end

-- Agents of the skip list that may run again get turns again.
for _, member in ipairs(redis.call('ZRANGEBYLEX', bench, '[back/' .. engine .. '/', '(back/' .. engine .. '0')) do
  for class = 1, 4 do
    local agent = string.match(member, '^back/[^/]+/' .. CLASSES[class] .. '/(.+)$')
    if agent then
      redis.call('ZADD', KEYS[22 + class], 'GT', time_of(class), agent)
    end
  end
  redis.call('ZREM', bench, member)
end

-- Returns the oldest task of a line that may start; nil when there is none. A task without prompts is broken: it leaves
-- the line, and the reaper ends it.
local function next_of_line(line, skip)
  while peek(line) and most_blocked > 0 do
    local id = string.sub(peek(line), line.id_at)
    local r, text = read(id)
    local reason, kind = 'broken', nil
    if r and text then
      reason, kind = rules.blocked(r)
    end
    local member = skip(line)
    if r and not reason then
      return { id = id, record = r, text = text }
    elseif r then
      most_blocked = most_blocked - 1
      set_aside(reason, string.match(member, '/%x+/'), id, r, kind)
    end
  end
end

local soonest = math.huge
-- Returns the next task of a class, with its agent; nil when none may start. The agent is out of the turns until
-- turns.pay().
local function next_of_class(turns, class)
  while most_blocked > 0 and rules.class_may(CLASSES[class]) do
    local agent = turns.take()
    if not agent then
      return nil
    end
    local line = turns.line(agent.name)
    local may = rules.agent_may(agent.name)
    local task = may and next_of_line(line, turns.skip)
    if task then
      task.agent = agent
      return task
    elseif most_blocked == 0 then
      turns.pay(agent, 0)
    else
      turns.leave(agent)
      if peek(line) then
        push_two(to_bench, 0, 'agent/' .. agent.name .. '/' .. engine .. '/' .. CLASSES[class])
        local refill = not may and rules.refill_of(agent.name)
        if refill then
          push_two(to_refills, string.format('%.0f', math.ceil(now + refill)), agent.name)
          soonest = math.min(soonest, now + refill)
        end
      end
    end
  end
end

-- The script reads only classes in which tasks wait.
local oldest, turns = {}, {}
for class = 1, 4 do
  local keys = { lines = KEYS[14 + class], heads = KEYS[18 + class], turns = KEYS[22 + class] }
  oldest[class] = most > 0 and tonumber(redis.call('ZRANGE', keys.heads, 0, 0, 'WITHSCORES')[2]) or nil
  turns[class] = oldest[class] and open_turns(keys, batch, time_of(class))
end
local classes = open_classes(CLASSES, saved, oldest, order, now)
while most > 0 and bytes < most_bytes do
  local class, pays = classes.pick(rules.urgent_overtakes)
  local task = class and next_of_class(turns[class], class)
  if task then
    if pays then
      classes.pay(class)
    end
    turns[class].pay(task.agent, lease(class, task.id, task.record, task.text))
  elseif class then
    classes.close(class)
  else
    break
  end
end

for class = 1, 4 do
  local of = turns[class]
  if of then
    of.save()
  end
  if of and of.time > time_of(class) then
    push_two(to_rota, 'time:' .. CLASSES[class], of.time)
  end
  if #granted > 0 then
    push_two(to_rota, CLASSES[class], classes.credit(class))
  end
end
if #granted > 0 then
  rules.finish(#granted)
  local waiting = open_tally(load)
  for key, tasks_of in pairs(taken_tasks) do
    local class = CLASSES[key]
    for _, scope in ipairs({ class and 'class/' .. class or 'agent/' .. key, class and 'all' }) do
      waiting.add(scope .. '/tasks', -tasks_of)
      waiting.add(scope .. '/bytes', -taken_bytes[key])
    end
  end
  waiting.save()
  redis.call('HSET', meta, 'fence', string.format('%.0f', fence))
  redis.call('HSET', executor, 'granted', last[3] .. table.concat(granted, ' ') .. ' ')
end
batch.write()
tell_due(ARGV[10], soonest, now)
-- When this call has reached its bound of blocked tasks, the caller claims again at once.
reply[2] = most_blocked == 0 and '1' or rules.wait() or ''
-- When slots are left, the script has seen that no task in line may start, and the number stays 0.
if #granted >= wanted or bytes >= most_bytes or kept ~= '' then
  for class = 1, 4 do
    reply[4] = reply[4] + redis.call('ZCARD', KEYS[14 + class])
  end
  reply[4] = string.format('%.0f', reply[4])
end
reply[5] = kept
if #granted < wanted and #redis.call('ZRANGEBYLEX', pinned, '[' .. mine .. '/', '(' .. mine .. '0', 'LIMIT', 0, 1) > 0 then
  reply[6] = '1'
end
return reply
