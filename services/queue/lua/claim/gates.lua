-- Says how many more leases the gate of each scope lets through. A gate has an entry while it is closed. It also has
-- one after it has opened, while it lets work through on a ramp: one lease at first, twice as many with each sixth of
-- the ramp. The same hash has the bounds of adaptive concurrency (`bound/…`), which limit how many tasks run at the
-- same time, and the budgets that are used up (`budget/…`), which let nothing through until they open.
--
-- DEFINES open_gates

local function open_gates(key, now)
  local gates, rooms, held, ramps, bounds, soonest = {}, {}, {}, {}, {}, math.huge
  local entries = redis.call('HGETALL', key)
  local any = #entries > 0
  for i = 1, #entries, 2 do
    -- There may be 1,000 gates of budgets. Each lets nothing through until it opens, so the rest of it is not decoded.
    local scope, of_budget = entries[i], string.match(entries[i], '^budget/(.+)$')
    local gate = of_budget and { opens = tonumber(string.match(entries[i + 1], '"opens":(%d+)')) } or cjson.decode(entries[i + 1])
    local age = now - (gate.opens or math.huge)
    if gate.limit then
      bounds[scope] = gate.limit
    elseif scope == 'emergency' and gate.level < 2 then
      -- A stop of level 1 only refuses new tasks. Accepted tasks start.
    elseif age < 0 then
      -- A budget is beside the gate that a person may close for the same scope. Neither opens the other.
      if of_budget then
        held[of_budget] = true
      else
        rooms[scope] = 0
      end
      soonest = math.min(soonest, -age)
    elseif age < (gate.ramp or 0) then
      gate.let = gate.let or 0
      rooms[scope] = math.floor(2 ^ (6 * age / gate.ramp)) - gate.let
      ramps[scope] = gate
    end
  end

  -- `name` is the rest of the scope and may be absent. The two are joined only when there are gates, which saves time.
  function gates.room(scope, name)
    if not any then
      return math.huge
    end
    scope = name and scope .. name or scope
    return held[scope] and 0 or rooms[scope] or math.huge
  end

  function gates.bound(scope)
    return bounds[scope]
  end

  function gates.any(kind)
    for _, of in ipairs({ rooms, held }) do
      for scope in pairs(of) do
        if string.sub(scope, 1, #kind) == kind then
          return true
        end
      end
    end
    return false
  end

  function gates.pass(scope, name, leases)
    local gate = any and ramps[scope .. name]
    if gate and leases > 0 then
      scope = scope .. name
      gate.let, rooms[scope] = gate.let + leases, rooms[scope] - leases
      redis.call('HSET', key, scope, cjson.encode(gate))
    end
  end

  -- Returns how long (ms) until time alone opens a gate, or lets the next lease through a gate on its ramp.
  function gates.wait()
    for scope, gate in pairs(ramps) do
      if rooms[scope] <= 0 and not held[scope] then
        soonest = math.min(soonest, gate.opens + gate.ramp * math.log(gate.let + 1) / math.log(64) - now)
      end
    end
    return soonest
  end

  return gates
end
