-- Turns of the agents of one class, by start-time fair queueing: the agent with the least virtual time is next, and pays for an
-- average run, which move_tasks corrects. Who leaves the turns, since it has nothing waiting or may not run now, comes back at
-- the class's virtual time, which is that of the latest turn: time away is not saved up.
--
-- DEFINES open_turns, open_line, peek
-- NEEDS push, push_two (shared/batch)

-- The next of a list that is read in pages that double, or nil. `read(list, place, count)` answers a page; what it reads must not
-- change meanwhile. Skip it by `list.at = list.at + 1`.
local function peek(list)
  if list.at > #list.page and not list.done then
    list.page, list.at = list:read(list.place, list.count), 1
    list.done, list.place, list.count = #list.page < list.count, list.place + #list.page, list.count * 2
  end
  return list.page[list.at]
end

local NOTHING = {}

local function read_agents(turns, place, count)
  local flat, agents = redis.call('ZRANGE', turns.key, place, place + count - 1, 'WITHSCORES'), {}
  for i = 1, #flat, 2 do
    agents[#agents + 1] = { name = flat[i], score = tonumber(flat[i + 1]) }
  end
  return agents
end

local function read_line(line, place, count)
  return redis.call('ZRANGEBYLEX', line.key, line.first, line.last, 'LIMIT', place, count)
end

local AGE = 11

-- What is in a sorted set under a name, in pages: see peek(). In an agent's line its tasks' ids begin at `id_at`.
local function open_line(key, name)
  local first, last = '[' .. name .. '/', '(' .. name .. '0'
  local line = { key = key, read = read_line, first = first, last = last, page = NOTHING, at = 1, place = 0, count = 2 }
  line.id_at = #first + AGE + 1
  return line
end

-- `keys`: lines, heads and turns of one engine and class.
local function open_turns(keys, batch, virtual_time)
  local turns = { time = virtual_time }
  local fresh = { key = keys.turns, read = read_agents, page = NOTHING, at = 1, place = 0, count = 4 }
  local paid, lines = {}, {}
  local from_turns, from_lines = batch.of('ZREM', keys.turns), batch.of('ZREM', keys.lines)

  local function before(a, b)
    return a.score < b.score or a.score == b.score and a.name < b.name
  end

  -- Takes the agent that is next out of the turns. pay() puts it back, leave() does not.
  function turns.take()
    local agent, other = peek(fresh), paid[1]
    if agent and not (other and before(other, agent)) then
      fresh.at = fresh.at + 1
    else
      agent = table.remove(paid, 1)
    end
    if agent then
      turns.time = math.max(turns.time, agent.score)
    end
    return agent
  end

  function turns.pay(agent, charge)
    agent.score = agent.score + charge
    local at = 1
    while paid[at] and before(paid[at], agent) do
      at = at + 1
    end
    table.insert(paid, at, agent)
  end

  function turns.leave(agent)
    push(from_turns, agent.name)
  end

  -- An agent's waiting tasks, oldest first, as the line calls them: see peek().
  function turns.line(agent)
    local line = lines[agent]
    if not line then
      line = open_line(keys.lines, agent)
      lines[agent] = line
    end
    return line
  end

  -- What is skipped leaves the line. Answers it.
  function turns.skip(line)
    local member = line.page[line.at]
    push(from_lines, member)
    line.at, line.skipped = line.at + 1, true
    return member
  end

  function turns.save()
    local to_turns, to_heads, from_heads = batch.of('ZADD', keys.turns), batch.of('ZADD', keys.heads), batch.of('ZREM', keys.heads)
    for _, agent in ipairs(paid) do
      push_two(to_turns, agent.score, agent.name)
    end
    for agent, line in pairs(lines) do
      if line.skipped then
        local first = peek(line)
        if first then
          push_two(to_heads, tonumber(string.match(first, '/(%x+)/'), 16), agent)
        else
          push(from_heads, agent)
        end
      end
    end
  end

  return turns
end
