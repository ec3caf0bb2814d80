-- Gates: how many more leases each scope lets through. An entry is there while its gate is closed, and while it has opened and
-- lets work through on a ramp: one at once, twice as many with each sixth of the ramp. Beside them are the bounds of
-- adaptive concurrency (`bound/…`), which limit how many run at once.
--
-- DEFINES open_gates

local function open_gates(key, now)
  local gates, rooms, ramps, bounds, soonest = {}, {}, {}, {}, math.huge
  local entries = redis.call('HGETALL', key)
  local any = #entries > 0
  for i = 1, #entries, 2 do
    local scope, gate = entries[i], cjson.decode(entries[i + 1])
    local age = now - (gate.opens or math.huge)
    if gate.limit then
      bounds[scope] = gate.limit
    elseif scope == 'emergency' and gate.level < 2 then
      -- Accepts no task, and starts what was accepted.
    elseif age < 0 then
      rooms[scope] = 0
      soonest = math.min(soonest, -age)
    elseif age < (gate.ramp or 0) then
      gate.let = gate.let or 0
      rooms[scope] = math.floor(2 ^ (6 * age / gate.ramp)) - gate.let
      ramps[scope] = gate
    end
  end

  -- `name` is what is left of the scope, if anything: without gates nothing is put together.
  function gates.room(scope, name)
    if not any then
      return math.huge
    end
    return rooms[name and scope .. name or scope] or math.huge
  end

  function gates.bound(scope)
    return bounds[scope]
  end

  function gates.any(kind)
    for scope in pairs(rooms) do
      if string.sub(scope, 1, #kind) == kind then
        return true
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

  -- How long until time alone opens a gate or lets the next through one that ramps.
  function gates.wait()
    for scope, gate in pairs(ramps) do
      if rooms[scope] <= 0 then
        soonest = math.min(soonest, gate.opens + gate.ramp * math.log(gate.let + 1) / math.log(64) - now)
      end
    end
    return soonest
  end

  return gates
end
