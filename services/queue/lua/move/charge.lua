-- Corrects the charges of runs that have ended. The claim charged the agent and the rate limits for an average run.
--
-- DEFINES open_charges

local function open_charges(keys, engine)
  local charges = {}
  local rated = redis.call('EXISTS', keys.rates) == 1
  local average, learned = nil, false
  -- Key of the turns of a class -> the correction of each agent.
  local corrections = {}

  local function correct_rate(field, more)
    local level, time = string.match(redis.call('HGET', keys.rates, 'tokens/' .. field) or '', '^(%S+) (%S+)$')
    if level then
      redis.call('HSET', keys.rates, 'tokens/' .. field, string.format('%.6f %s', level - more, time))
    end
  end

  function charges.correct(turns, r, used)
    local more = used - r.charged
    local of = corrections[turns]
    if not of then
      of = { class = r.class, agents = {}, sums = {} }
      corrections[turns] = of
    end
    if not of.sums[r.agent] then
      of.agents[#of.agents + 1] = r.agent
    end
    of.sums[r.agent] = (of.sums[r.agent] or 0) + more / r.weight
    if rated then
      correct_rate('engine/' .. engine, more)
      correct_rate('account/' .. engine .. '/' .. (r.account or ''), more)
      correct_rate('agent/' .. r.agent, more)
    end
  end

  -- Must run before anything else changes the turns. An agent that has left the turns is charged from the virtual time
  -- of the class on.
  function charges.write_turns()
    for turns, of in pairs(corrections) do
      local scored = {}
      for i, score in ipairs(redis.call('ZMSCORE', turns, unpack(of.agents))) do
        local agent = of.agents[i]
        local before = score or redis.call('HGET', keys.rota, 'time:' .. of.class) or 0
        scored[2 * i - 1], scored[2 * i] = before + of.sums[agent], agent
      end
      redis.call('ZADD', turns, unpack(scored))
    end
    corrections = {}
  end

  -- Moves the average by a tenth of the difference to what this run used. Only runs that report their use count.
  function charges.learn(used)
    average = average or tonumber(redis.call('HGET', keys.meta, 'cost:' .. engine) or used)
    average, learned = average + (used - average) / 10, true
  end

  function charges.save()
    charges.write_turns()
    if learned then
      redis.call('HSET', keys.meta, 'cost:' .. engine, average)
    end
  end

  return charges
end
