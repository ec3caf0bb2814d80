-- What runs cost once they have ended: their agents and the rate limits were charged for average runs at the claim.
--
-- DEFINES open_charges

local function open_charges(keys, engine)
  local charges = {}
  local rated = redis.call('EXISTS', keys.rates) == 1
  local average, learned = nil, false
  -- By the turns of a class: each agent's correction.
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
      correct_rate('agent/' .. r.agent, more)
    end
  end

  -- Before anything else changes the turns. An agent that left them owes from the class's virtual time on.
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

  -- The average follows what runs that say what they used did use, a tenth at a time.
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
