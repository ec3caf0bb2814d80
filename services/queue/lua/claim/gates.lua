-- Says how many more leases the gate of each scope lets through. A gate has an entry while it is closed. It also has
-- one after it has opened, while it lets work through on a ramp: one lease at first, twice as many with each sixth of
-- the ramp. The same hash has the bounds of adaptive concurrency (`bound/…`), which limit how many tasks run at the
-- same time. A hash of its own has the budgets that are used up (`budget/…`), which let nothing through until they
-- open. There may be 1,000 of these, so each is read only when its holder's turn comes.
--
-- DEFINES open_gates

-- What a budget can hold; see gates.room.
local HELD =
  { all = true, ['agent/'] = true, ['label/'] = true, ['model/'] = true, ['engine/'] = true, ['account/'] = true }

local function open_gates(key, holds, now)
  local gates, rooms, held, ramps, bounds, soonest = {}, {}, {}, {}, {}, math.huge
  local entries = redis.call('HGETALL', key)
  local any, any_holds = #entries > 0, redis.call('EXISTS', holds) == 1
  for i = 1, #entries, 2 do
    local scope, gate = entries[i], cjson.decode(entries[i + 1])
    local age = now - (gate.opens or math.huge)
    if gate.limit then
      bounds[scope] = gate.limit
    elseif scope == 'emergency' and gate.level < 2 then
      -- A stop of level 1 only refuses new tasks. Accepted tasks start.
    elseif age < 0 then
      rooms[scope] = 0
      soonest = math.min(soonest, -age)
    elseif age < (gate.ramp or 0) then
      gate.let = gate.let or 0
      rooms[scope] = math.floor(2 ^ (6 * age / gate.ramp)) - gate.let
      ramps[scope] = gate
    end
  end

  -- Whether a budget of this scope is used up. A budget is beside the gate that a person may close for the same scope.
  -- Neither opens the other.
  local function is_held(scope)
    if any_holds and held[scope] == nil then
      local gate = redis.call('HGET', holds, 'budget/' .. scope)
      local opens = gate and (cjson.decode(gate).opens or math.huge) or 0
      held[scope] = opens > now
      soonest = held[scope] and math.min(soonest, opens - now) or soonest
    end
    return held[scope]
  end

  -- `name` is the rest of the scope and may be absent. The two are joined only when there are gates, which saves time.
  function gates.room(scope, name)
    local may_hold = any_holds and HELD[scope]
    if not any and not may_hold then
      return math.huge
    end
    scope = name and scope .. name or scope
    return may_hold and is_held(scope) and 0 or rooms[scope] or math.huge
  end

  gates.is_held = is_held

  function gates.bound(scope)
    return bounds[scope]
  end

  -- Whether a gate or a budget may let nothing through that belongs to a label or a model.
  function gates.any_of_tasks()
    for scope in pairs(rooms) do
      if string.sub(scope, 1, 6) == 'label/' then
        return true
      end
    end
    return any_holds
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
      if rooms[scope] <= 0 and not is_held(scope) then
        soonest = math.min(soonest, gate.opens + gate.ramp * math.log(gate.let + 1) / math.log(64) - now)
      end
    end
    return soonest
  end

  return gates
end
