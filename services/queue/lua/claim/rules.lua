-- What may start now: gates, caps, bounds and rates, for one executor that asks for runs of one engine and account.

local function read_json(text)
  return text == '{}' and {} or cjson.decode(text)
end

local function open_rules(keys, ask, settings)
  local rules, counts = {}, {}
  local gates = open_gates(keys.gates, ask.now)
  local of_engine = open_rates(keys.rates, 'engine', read_json(settings.engine_rates), ask.now)
  local of_agent = open_rates(keys.rates, 'agent', read_json(settings.agent_rates), ask.now)
  local label_max = read_json(settings.label_max)
  local labels_matter = next(label_max) ~= nil or gates.any('label/')
  local login = 'account/' .. ask.engine .. '/' .. ask.account
  local bound = gates.bound('bound/' .. ask.engine .. '/' .. ask.account)
  local scopes = { 'all', 'emergency', 'engine/' .. ask.engine, login, 'executor/' .. ask.executor .. '/' .. ask.engine }

  local function running(what)
    counts[what] = counts[what]
      or redis.call('ZLEXCOUNT', keys.running, '[' .. what .. '/', '(' .. what .. '0')
    return counts[what]
  end

  local function cap_of(label)
    return label_max[label] or label_max[string.match(label, '^[^=]*')]
  end

  local function labels_of(record)
    return string.gmatch(labels_matter and string.match(record, '"labels":(%b[])') or '', '"([^"]+)"')
  end

  -- How many may start, whatever their class and agent.
  function rules.room(most)
    for _, scope in ipairs(scopes) do
      most = math.min(most, gates.room(scope))
    end
    if bound then
      most = math.min(most, bound - running(login))
    end
    return most > 0 and math.min(most, of_engine.room(ask.engine, ask.cost)) or 0
  end

  rules.bound = bound ~= nil

  function rules.class_may(class)
    return gates.room('class/' .. class) > 0
  end

  function rules.urgent_overtakes()
    return settings.urgent_max == 0 or running('urgent/' .. ask.engine) < settings.urgent_max
  end

  function rules.agent_may(agent)
    local free = settings.agent_max == 0 or running('agent/' .. agent) < settings.agent_max
    return free and gates.room('agent/' .. agent) > 0 and of_agent.room(agent, ask.cost) > 0
  end

  -- The label that keeps a task back though its turn has come: its gate is closed, or as many run as may.
  function rules.blocked(record)
    for label in labels_of(record) do
      local scope, cap = 'label/' .. label, cap_of(label)
      if gates.room(scope) <= 0 or cap and running(scope) >= cap then
        return scope
      end
    end
  end

  function rules.may_start(class, agent, record)
    return rules.class_may(class) and rules.agent_may(agent) and not rules.blocked(record)
  end

  -- Counts a lease, and answers as what it is counted.
  function rules.count(class, agent, record)
    local names = { login, 'agent/' .. agent }
    if class == 'urgent' then
      table.insert(names, 'urgent/' .. ask.engine)
    end
    for label in labels_of(record) do
      if cap_of(label) then
        table.insert(names, 'label/' .. label)
      end
    end
    for _, name in ipairs(names) do
      counts[name] = counts[name] and counts[name] + 1
    end
    gates.pass('class/' .. class, 1)
    gates.pass('agent/' .. agent, 1)
    of_agent.pay(agent, 1, ask.cost)
    return names
  end

  -- Charges what is counted for all of a claim's leases at once.
  function rules.finish(leases)
    if leases > 0 then
      for _, scope in ipairs(scopes) do
        gates.pass(scope, leases)
      end
      of_engine.pay(ask.engine, leases, ask.cost)
    end
  end

  -- How long until time alone lets more start; nil when nothing waits for a time.
  function rules.wait()
    local wait = math.min(gates.wait(), of_engine.wait(), of_agent.wait())
    return wait < math.huge and string.format('%.0f', math.max(1, math.ceil(wait))) or nil
  end

  return rules
end
