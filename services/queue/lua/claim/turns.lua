-- Turns of the agents of one class, by start-time fair queueing: the agent with the least virtual time is next, and pays for an
-- average run, which move_task corrects. Who leaves the turns, since it has nothing waiting or may not run now, comes back at
-- the class's virtual time, which is that of the latest turn: time away is not saved up.

-- Reads in order what `read(place, count)` answers, in pages that double. What it reads must not change meanwhile.
local function open_reader(count, read)
  local reader, page, at, place, done = {}, {}, 1, 0, false
  function reader.peek()
    if at > #page and not done then
      page, at = read(place, count), 1
      done, place, count = #page < count, place + #page, count * 2
    end
    return page[at]
  end
  function reader.skip()
    at, reader.skipped = at + 1, true
  end
  return reader
end

-- Members of a sorted set with their scores.
local function open_scored_reader(key, count)
  return open_reader(count, function(place, size)
    local flat, members = redis.call('ZRANGE', key, place, place + size - 1, 'WITHSCORES'), {}
    for i = 1, #flat, 2 do
      members[#members + 1] = { name = flat[i], score = tonumber(flat[i + 1]) }
    end
    return members
  end)
end

-- `keys`: lines, heads and turns of one engine and class.
local function open_turns(keys, batch, virtual_time)
  local turns = { time = virtual_time }
  local fresh, paid, lines = open_scored_reader(keys.turns, 4), {}, {}

  local function before(a, b)
    return a.score < b.score or a.score == b.score and a.name < b.name
  end

  -- Takes the agent that is next out of the turns. pay() puts it back, leave() does not.
  function turns.take()
    local agent, other = fresh.peek(), paid[1]
    if agent and not (other and before(other, agent)) then
      fresh.skip()
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
    batch.add('ZREM', keys.turns, agent.name)
  end

  -- An agent's waiting tasks, oldest first, as the line calls them. What is skipped leaves the line.
  function turns.line(agent)
    local line = lines[agent]
      or open_reader(2, function(at, size)
        return redis.call('ZRANGEBYLEX', keys.lines, '[' .. agent .. '/', '(' .. agent .. '0', 'LIMIT', at, size)
      end)
    lines[agent] = line
    return line
  end

  function turns.save()
    for _, agent in ipairs(paid) do
      batch.add('ZADD', keys.turns, agent.score, agent.name)
    end
    for agent, line in pairs(lines) do
      if line.skipped then
        local first = line.peek()
        if first then
          batch.add('ZADD', keys.heads, tonumber(string.match(first, '/(%x+)/'), 16), agent)
        else
          batch.add('ZREM', keys.heads, agent)
        end
      end
    end
  end

  return turns
end
