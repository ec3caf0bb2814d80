-- Rate limits as token buckets. A bucket holds the amount of one minute, refills evenly and may go into debt. A limit
-- is {requests, tokens} per minute; 0 means no limit. `*` is the limit of every name that has no limit of its own. A
-- bucket is stored when it is first used.
--
-- DEFINES open_rates

local function open_rates(key, kind, limits, now)
  local rates, buckets, waits, wait, limited = {}, {}, {}, math.huge, next(limits) ~= nil

  local function bucket(name, what, index)
    local most = (limits[name] or limits['*'] or {})[index] or 0
    if most == 0 then
      return nil
    end
    local field = what .. '/' .. kind .. '/' .. name
    if not buckets[field] then
      local level, time = string.match(redis.call('HGET', key, field) or '', '^(%S+) (%S+)$')
      local refill = level and most * (now - time) / 60000 or most
      buckets[field] = { field = field, most = most, level = math.min(most, (tonumber(level) or 0) + refill) }
    end
    return buckets[field]
  end

  -- Returns how many runs of `cost` tokens may start. A run that costs more than one minute's amount starts when its
  -- bucket is full.
  function rates.room(name, cost)
    local room, refill = math.huge, 0
    if not limited then
      return room
    end
    for index, what in ipairs({ 'requests', 'tokens' }) do
      local b, need = bucket(name, what, index), index == 1 and 1 or cost
      if b then
        need = math.min(need, b.most)
        room = math.min(room, math.floor((b.level + 1e-6) / need))
        refill = math.max(refill, (need - b.level) * 60000 / b.most)
      end
    end
    if room <= 0 then
      waits[name], wait = refill, math.min(wait, refill)
    end
    return room
  end

  function rates.pay(name, runs, cost)
    if not limited then
      return
    end
    for index, what in ipairs({ 'requests', 'tokens' }) do
      local b = bucket(name, what, index)
      if b then
        b.level = b.level - runs * (index == 1 and 1 or cost)
        redis.call('HSET', key, b.field, string.format('%.6f %.0f', b.level, now))
      end
    end
  end

  -- Returns how long (ms) until the next run of a name may start; nil when its rate deferred no run.
  function rates.wait_of(name)
    return waits[name]
  end

  -- Returns the shortest of these waits (ms).
  function rates.wait()
    return wait
  end

  return rates
end
