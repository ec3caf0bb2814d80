-- Says what may start now by gates, caps, bounds and rates, for one executor that asks for runs of one engine and
-- account.
--
-- DEFINES open_rules
-- NEEDS open_tally (shared/tally), count_lease (shared/count_lease), open_gates (claim/gates),
--       open_rates (claim/rates)

local function open_rules(keys, ask, order)
  local rules, running = {}, open_tally(keys.running)
  local gates = open_gates(keys.gates, keys.holds, ask.now)
  local of_engine = open_rates(keys.rates, 'engine', order.engineRates, ask.now)
  local of_account = open_rates(keys.rates, 'account', order.accountRates, ask.now)
  local of_agent = open_rates(keys.rates, 'agent', order.agentRates, ask.now)
  local label_max = order.labelMaxRunning
  local task_matters = next(label_max) ~= nil or gates.any_of_tasks()
  local account = ask.engine .. '/' .. ask.account
  local login = 'account/' .. account
  local bound = gates.bound('bound/' .. account)
  local own = 'executor/' .. ask.executor .. '/' .. ask.engine
  local of_all = { 'all', 'emergency', 'engine/' .. ask.engine }

  local function cap_of(label)
    return label_max[label] or label_max[string.match(label, '^[^=]*')]
  end

  -- Returns how many tasks may start, whatever their class and agent. The second value is 'login' or 'executor' when
  -- only that one defers more tasks, so that another login or executor may start them; else ''.
  function rules.room(most)
    most = math.min(most, gates.room('all'), gates.room('emergency'), gates.room('engine/', ask.engine))
    most = most > 0 and math.min(most, of_engine.room(ask.engine, ask.cost)) or 0
    local of_login = math.min(
      gates.room('account/', account),
      bound and bound - running.of(login) or math.huge,
      of_account.room(account, ask.cost)
    )
    local of_executor = gates.room(own)
    local kept = math.min(of_login, of_executor) < most and (of_executor < of_login and 'executor' or 'login') or ''
    return math.max(0, math.min(most, of_login, of_executor)), kept
  end

  rules.bound = bound ~= nil

  function rules.class_may(class)
    return gates.room('class/', class) > 0
  end

  function rules.urgent_overtakes()
    return order.urgentMax == 0 or running.of('urgent/' .. ask.engine) < order.urgentMax
  end

  -- Returns how long (ms) until the rate of a throttled agent has refilled; nil when it waits for something else.
  function rules.refill_of(agent)
    return of_agent.wait_of(agent)
  end

  function rules.agent_may(agent)
    local free = order.agentMaxRunning == 0 or running.of('agent/' .. agent) < order.agentMaxRunning
    return free and gates.room('agent/', agent) > 0 and of_agent.room(agent, ask.cost) > 0
  end

  -- Returns why a task may not start though its turn has come; nil when it may. `late`: its start deadline has passed,
  -- and it is about to expire. Otherwise the scope of its model or of a label whose gate is closed or whose cap is
  -- reached; the second value is then the word of `ccsp explain` for it.
  function rules.blocked(r)
    if r.deadline and r.deadline <= ask.now and not r.attempt then
      return 'late'
    end
    if task_matters and r.model and gates.room('model/', r.model) <= 0 then
      return 'model/' .. r.model, 'BUDGET_EXHAUSTED'
    end
    for _, label in ipairs(task_matters and r.labels or {}) do
      local scope, cap = 'label/' .. label, cap_of(label)
      if gates.room('label/', label) <= 0 then
        return scope, gates.is_held(scope) and 'BUDGET_EXHAUSTED' or 'GATE'
      elseif cap and running.of(scope) >= cap then
        return scope, 'CAP'
      end
    end
  end

  function rules.may_start(r)
    return rules.class_may(r.class) and rules.agent_may(r.agent) and not rules.blocked(r)
  end

  -- Counts one lease for its caps, for the gates of its class and agent, and for the rate of its agent.
  function rules.count(r)
    count_lease(running, r, 1)
    gates.pass('class/', r.class, 1)
    gates.pass('agent/', r.agent, 1)
    of_agent.pay(r.agent, 1, ask.cost)
  end

  -- Counts all leases of a claim at the gates and the rates that they share, and writes the counts.
  function rules.finish(leases)
    for _, scope in ipairs({ login, own, unpack(of_all) }) do
      gates.pass(scope, '', leases)
    end
    of_engine.pay(ask.engine, leases, ask.cost)
    of_account.pay(account, leases, ask.cost)
    running.save()
  end

  -- Returns how long (ms) until time alone lets more tasks start; nil when no task waits for a time.
  function rules.wait()
    local wait = math.min(gates.wait(), of_engine.wait(), of_account.wait(), of_agent.wait())
    return wait < math.huge and string.format('%.0f', math.max(1, math.ceil(wait))) or nil
  end

  return rules
end
