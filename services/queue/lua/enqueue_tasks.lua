-- enqueue_tasks: store new tasks of one engine and put each where it waits. Each task is accepted or refused on its
-- own.
--
-- KEYS  1 tasks         hash    id -> record (JSON)
--       2 prompts       hash    id -> TaskSpec with the prompts and attachments only
--       3 owned         zset    agent/id, all with score 0
--       4 load          hash    all, class/… or agent/…, then /tasks or /bytes -> how much waits; scheduled -> tasks
--       5 parked        zset    ids by the time at which they become ready (ms)
--       6 alarms        zset    ids by the time at which a task that was not started expires or loses its executor (ms)
--       7 pinned        zset    executor/engine/class/age/id of waiting tasks with an affinity, all with score 0
--       8 events        stream
--       9 rota          hash    time:class -> virtual time
--       10 urgentLines  zset    agent/age/id of waiting tasks of this engine and class, all with score 0
--       11 highLines    zset    the same
--       12 normalLines  zset    the same
--       13 lowLines     zset    the same
--       14 urgentHeads  zset    agents of this engine and class by the age of their oldest waiting task (ms)
--       15 highHeads    zset    the same
--       16 normalHeads  zset    the same
--       17 lowHeads     zset    the same
--       18 urgentTurns  zset    agents of this engine and class by virtual time (tokens / weight)
--       19 highTurns    zset    the same
--       20 normalTurns  zset    the same
--       21 lowTurns     zset    the same
--       22 gates        hash    scope -> gate (JSON)
--       23 holds        hash    budget/… -> gate of a budget that is used up (JSON)
--       24 ...requests  string  task id and payload hash, one for each task with a request id, in their order
-- ARGV  1 now (ms), or '' for the server's clock
--       2 engine
--       3 work channel
--       4 how long a request id is remembered (ms)
--       5 bounds (JSON): [tasks, bytes] of all, urgent, high, normal, low, and of each agent; 0: no bound;
--         memory: Redis has no memory for new tasks
--       6 event data (JSON) of an urgent task
--       7 the same of a high task
--       8 the same of a normal task
--       9 the same of a low task
--       10 'tell' to wake executors for tasks that any executor may take, or '' when enough executors are awake
--       11 for each task: its line (see below), prompts
-- RETURN the time of acceptance, then for each task: 'added' | 'again' and its record | 'known' or 'conflict' and the
--        id of the task that has the request id | 'full' and the field of `load` that is at its bound, or 'memory' |
--        'stopped' and the emergency stop (JSON) | 'budget' and the scope and gate (JSON) of a budget that refuses it
-- NEEDS time_given (shared/clock), open_batch, push_two (shared/batch), tell_due (shared/due),
--       add_event, trim_events (shared/events)
--
-- A line describes a task: id, class (1 to 4), agent, bytes that the bounds count, payload hash ('' without a request
-- id), traceparent or '', start (ms; 0: no start time, but the record has conditions; '': neither), the scopes of
-- its labels and model with commas, and the members of the record as JSON, without state and times. A space separates
-- them. One argument is cheaper than nine.
-- The conditions of a start are members of the record: deadline (ms) of the first start, pin (the executor that the
-- task waits for), pinMs (for how long). Each may be absent. This script does not use the other conditions.
-- The script writes no log entry. The first entry of a log, QUEUED or SCHEDULED at `created`, is read from the record.
-- So a waiting task needs no stream.
-- The age of a task is its time of acceptance, or its start time. It has 11 hex digits, so that it sorts by name.
-- An agent that had no waiting task gets turns from now on. It does not save up turns that it did not use before.
-- When memory is full, Redis refuses this script before its first write. All other scripts of the queue still run.
-- Each command costs about the same as the work that it does. So the script reads for all tasks at once what their
-- lines name, and also writes for all tasks at once.

local tasks, prompts, owned, load, parked, alarms, pinned, events, rota = unpack(KEYS)
local engine, bounds = ARGV[2], cjson.decode(ARGV[5])
local CLASSES = { 'urgent', 'high', 'normal', 'low' }
local now = time_given(ARGV[1])

-- How much waits in each scope, and for each class the age of each agent's oldest waiting task.
local all_scopes, fields, heads = {}, {}, { {}, {}, {}, {} }
local function open_scope(name, bound)
  local most_tasks, most_bytes = unpack(bounds[bound])
  local scope = {
    name = name,
    most_tasks = most_tasks > 0 and most_tasks or math.huge,
    most_bytes = most_bytes > 0 and most_bytes or math.huge,
  }
  all_scopes[#all_scopes + 1] = scope
  fields[#fields + 1] = name .. '/tasks'
  fields[#fields + 1] = name .. '/bytes'
  return scope
end
local all, of_class, of_agent = open_scope('all', 'all'), {}, {}
local lines, ids = {}, {}
-- The scopes of budgets that may hold these tasks, each once.
local of_engine = 'budget/engine/' .. engine
local scopes, holds = { 'budget/all', of_engine }, { ['budget/all'] = false, [of_engine] = false }
local function add_scope(scope)
  if holds[scope] == nil then
    holds[scope] = false
    scopes[#scopes + 1] = scope
  end
  return scope
end
for i = 11, #ARGV, 2 do
  local id, class, agent, size, hash, trace, start, own, record =
    string.match(ARGV[i], '^(%S+) (%d) (%S+) (%d+) (%S*) (%S*) (%S*) (%S*) (.*)$')
  local of_budgets = { 'budget/all', of_engine, add_scope('budget/agent/' .. agent) }
  for scope in string.gmatch(own, '[^,]+') do
    of_budgets[#of_budgets + 1] = add_scope('budget/' .. scope)
  end
  class = tonumber(class)
  lines[#lines + 1] = {
    id = id,
    class = class,
    agent = agent,
    bytes = tonumber(size),
    hash = hash,
    trace = trace,
    start = start,
    scopes = of_budgets,
    record = record,
    prompts = ARGV[i + 1],
  }
  ids[#ids + 1] = id
  heads[class][agent] = false
  of_class[class] = of_class[class] or open_scope('class/' .. CLASSES[class], CLASSES[class])
  of_agent[agent] = of_agent[agent] or open_scope('agent/' .. agent, 'agent')
end
local records = redis.call('HMGET', tasks, unpack(ids))
local waiting = redis.call('HMGET', load, unpack(fields))
for i, scope in ipairs(all_scopes) do
  scope.tasks, scope.bytes = tonumber(waiting[2 * i - 1] or 0), tonumber(waiting[2 * i] or 0)
end
for class, oldest in ipairs(heads) do
  local agents = {}
  for agent in pairs(oldest) do
    agents[#agents + 1] = agent
  end
  local scores = #agents > 0 and redis.call('ZMSCORE', KEYS[13 + class], unpack(agents)) or {}
  for i, agent in ipairs(agents) do
    oldest[agent] = tonumber(scores[i] or math.huge)
  end
end
local function find_full(scope, size)
  if scope.tasks >= scope.most_tasks then
    return scope.name .. '/tasks'
  elseif scope.bytes + size > scope.most_bytes then
    return scope.name .. '/bytes'
  end
end
local function add_load(scope, size)
  scope.tasks, scope.bytes, scope.changed = scope.tasks + 1, scope.bytes + size, true
end

local age = string.format('/%011x/', now)
local batch = open_batch()
local to_tasks, to_prompts, to_owned = batch.of('HSET', tasks), batch.of('HSET', prompts), batch.of('ZADD', owned)
local to_load, to_lines = batch.of('HSET', load), {}
for class = 1, 4 do
  to_lines[class] = batch.of('ZADD', KEYS[9 + class])
end
local queued, named, soonest, added = false, {}, math.huge, {}
local function put_in_line(id, class, agent, pin)
  if pin then
    named[pin] = true
    redis.call('ZADD', pinned, 0, pin .. '/' .. engine .. '/' .. CLASSES[class] .. age .. id)
    return
  end
  queued = true
  local oldest = heads[class][agent]
  if oldest > now then
    redis.call('ZADD', KEYS[13 + class], now, agent)
    heads[class][agent] = now
  end
  if oldest == math.huge then
    redis.call('ZADD', KEYS[17 + class], 'GT', redis.call('HGET', rota, 'time:' .. CLASSES[class]) or 0, agent)
  end
  push_two(to_lines[class], 0, agent .. age .. id)
end

local stop, stored = redis.call('HGET', KEYS[22], 'emergency'), redis.call('HMGET', KEYS[23], unpack(scopes))
local stopped = stop and not cjson.decode(stop).opens
-- A budget that parks accepts tasks. The claim holds them.
for i, scope in ipairs(scopes) do
  local gate = stored[i] and cjson.decode(stored[i])
  for _, budget in ipairs(gate and gate.opens > now and gate.budgets or {}) do
    if budget.action == 'refuse' and budget['until'] > now then
      holds[scope] = scope .. ' ' .. stored[i]
    end
  end
end

-- Returns why the task is not stored, and the value that belongs to this answer; nil when it is stored.
local function guard(line, before, request)
  if before then
    return 'again', before
  end
  local asked = request and redis.call('GET', request)
  if asked then
    local known, known_hash = string.match(asked, '^(%S+) (%S+)$')
    return known_hash == line.hash and 'known' or 'conflict', known
  elseif stopped then
    return 'stopped', stop
  end
  for _, scope in ipairs(line.scopes) do
    if holds[scope] then
      return 'budget', holds[scope]
    end
  end
  local of_its_class, of_its_agent = of_class[line.class], of_agent[line.agent]
  local full = bounds.memory or find_full(all, line.bytes) or find_full(of_its_class, line.bytes) or find_full(of_its_agent, line.bytes)
  if full then
    return 'full', full
  end
end

local created = string.format('%.0f', now)
local NO_CONDITIONS = {}
-- Puts the task where it waits. Returns the beginning of its record.
local function enter(line)
  local id, class, agent, start = line.id, line.class, line.agent, tonumber(line.start)
  for _, scope in ipairs({ all, of_class[class], of_agent[agent] }) do
    add_load(scope, line.bytes)
  end
  local conditions = start and cjson.decode('{' .. line.record) or NO_CONDITIONS
  local alarm = math.min(conditions.deadline or math.huge, conditions.pinMs and now + conditions.pinMs or math.huge)
  if alarm < math.huge then
    redis.call('ZADD', alarms, alarm, id)
    soonest = math.min(soonest, alarm)
  end
  if not start or start <= now then
    put_in_line(id, class, agent, conditions.pin)
    return '{"state":"QUEUED","created":'
  end
  redis.call('ZADD', parked, start, id)
  soonest = math.min(soonest, start)
  redis.call('HINCRBY', load, 'scheduled', 1)
  return string.format('{"state":"SCHEDULED","since":%.0f,"ready":%.0f,"created":', start, start)
end

local request_key = 23
local function enqueue(line, before)
  local id, agent, request = line.id, line.agent, nil
  if line.hash ~= '' then
    request_key = request_key + 1
    request = KEYS[request_key]
  end
  -- This call has the task twice. The second time has to see what the first time wrote.
  if added[id] then
    batch.write()
    before = redis.call('HGET', tasks, id)
  end
  added[id] = true
  local refused, value = guard(line, before, request)
  if refused then
    return refused, value
  end
  local state = enter(line)
  push_two(to_tasks, id, state .. created .. ',"size":' .. line.bytes .. ',' .. line.record)
  push_two(to_prompts, id, line.prompts)
  push_two(to_owned, 0, agent .. '/' .. id)
  if request then
    redis.call('SET', request, id .. ' ' .. line.hash, 'PX', ARGV[4])
  end
  add_event(events, 'task.enqueued', created, ARGV[5 + line.class], id, agent, line.trace)
  return 'added'
end

local outcomes = { created }
for i, line in ipairs(lines) do
  local word, value = enqueue(line, records[i])
  outcomes[#outcomes + 1] = word
  outcomes[#outcomes + 1] = value
end
for i, scope in ipairs(all_scopes) do
  if scope.changed then
    push_two(to_load, fields[2 * i - 1], scope.tasks)
    push_two(to_load, fields[2 * i], scope.bytes)
  end
end
batch.write()
trim_events(events)
if queued and ARGV[10] ~= '' then
  redis.call('PUBLISH', ARGV[3], 'engine:' .. engine)
end
for pin in pairs(named) do
  redis.call('PUBLISH', ARGV[3], 'executor:' .. pin)
end
tell_due(ARGV[3], soonest, now)
return outcomes
