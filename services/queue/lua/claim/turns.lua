-- Turns of the agents of one class, by start-time fair queueing. The agent with the least virtual time is next. It pays
-- for an average run, and move_tasks corrects that later. An agent leaves the turns when it has no waiting task or may
-- not run now. It comes back at the virtual time of the class, which is the virtual time of the latest turn. So an
-- agent saves up no turns while it is away.
--
-- DEFINES open_turns, open_line, peek
-- NEEDS push, push_two (shared/batch)

-- Returns the next element of a list; nil at its end. The list is read in pages, each twice as large as the page
-- before. `read(list, place, count)` returns a page. The stored list must not change between two pages. `list.at =
-- list.at + 1` skips the element.
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

-- Opens the members of a sorted set that begin with a name, in pages: see peek(). In the line of an agent, the task id
-- begins at position `id_at` of a member.
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

  -- Takes the next agent out of the turns. pay() puts it back, leave() does not.
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

  -- Returns the waiting tasks of an agent, oldest first, as members of its line: see peek().
  function turns.line(agent)
    local line = lines[agent]
    if not line then
      line = open_line(keys.lines, agent)
      lines[agent] = line
    end
    return line
  end

  -- Takes the next task out of the line and returns its member.
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
