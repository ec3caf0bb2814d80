-- What a run cost once it has ended: its agent and the rate limits were charged for an average run at the claim.

local function open_charges(keys, engine)
  local charges = {}
  local rated = redis.call('EXISTS', keys.rates) == 1
  local average, learned = nil, false

  local function correct_rate(field, more)
    local level, time = string.match(redis.call('HGET', keys.rates, 'tokens/' .. field) or '', '^(%S+) (%S+)$')
    if level then
      redis.call('HSET', keys.rates, 'tokens/' .. field, string.format('%.6f %s', level - more, time))
    end
  end

  function charges.correct(turns, r, used)
    local more = used - r.charged
    if not redis.call('ZADD', turns, 'XX', 'INCR', more / r.weight, r.agent) then
      redis.call('ZADD', turns, (redis.call('HGET', keys.rota, 'time:' .. r.class) or 0) + more / r.weight, r.agent)
    end
    if rated then
      correct_rate('engine/' .. engine, more)
      correct_rate('agent/' .. r.agent, more)
    end
  end

  -- The average follows what runs that say what they used did use, a tenth at a time.
  function charges.learn(used)
    average = average or tonumber(redis.call('HGET', keys.meta, 'cost:' .. engine) or used)
    average, learned = average + (used - average) / 10, true
  end

  function charges.save()
    if learned then
      redis.call('HSET', keys.meta, 'cost:' .. engine, average)
    end
  end

  return charges
end
