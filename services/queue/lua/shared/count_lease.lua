-- Adds `change` to all counts of a lease: 1 when the lease begins, -1 when it ends. `running` is a tally.
--
-- DEFINES count_lease

local function count_lease(running, r, change)
  running.add('agent/' .. r.agent, change)
  running.add('account/' .. r.engine .. '/' .. (r.account or ''), change)
  running.add('executor/' .. r.executor, change)
  if r.class == 'urgent' then
    running.add('urgent/' .. r.engine, change)
  end
  for _, label in ipairs(r.labels or {}) do
    running.add('label/' .. label, change)
  end
end
