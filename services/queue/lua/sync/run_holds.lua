-- Says which used up budgets let a run under way send no more messages to its model. The scopes are those that keep a
-- waiting task from starting (claim/gates).
--
-- DEFINES budgets_of_run

local function budgets_of_run(holds, r, now)
  local scopes = { 'all', 'agent/' .. r.agent, 'engine/' .. r.engine, 'account/' .. r.engine .. '/' .. (r.account or '') }
  for _, label in ipairs(r.labels or {}) do
    scopes[#scopes + 1] = 'label/' .. label
  end
  if r.model then
    scopes[#scopes + 1] = 'model/' .. r.model
  end
  local found = {}
  for _, scope in ipairs(scopes) do
    local gate = redis.call('HGET', holds, 'budget/' .. scope)
    gate = gate and cjson.decode(gate)
    for _, budget in ipairs(gate and (gate.opens or math.huge) > now and gate.budgets or {}) do
      if budget.holdsRuns and budget['until'] > now then
        found[#found + 1] = budget
      end
    end
  end
  return found
end
