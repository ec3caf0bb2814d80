-- What a run is counted as while it is held, and what it cost once it has ended: its agent and the rate limits were charged for an
-- average run at the claim.

local function counted_as(r, id, labels)
  local names = { 'agent/' .. r.agent .. '/' .. id, 'account/' .. r.engine .. '/' .. (r.account or '') .. '/' .. id }
  if r.class == 'urgent' then
    names[#names + 1] = 'urgent/' .. r.engine .. '/' .. id
  end
  for _, label in ipairs(labels or r.labels or {}) do
    names[#names + 1] = 'label/' .. label .. '/' .. id
  end
  return names
end

local function correct_charge(keys, r, used)
  local more = used - r.charged
  if not redis.call('ZADD', keys.turns, 'XX', 'INCR', more / r.weight, r.agent) then
    redis.call('ZADD', keys.turns, (redis.call('HGET', keys.rota, 'time:' .. r.class) or 0) + more / r.weight, r.agent)
  end
  for _, field in ipairs(redis.call('EXISTS', keys.rates) == 1 and { 'engine/' .. r.engine, 'agent/' .. r.agent } or {}) do
    local level, time = string.match(redis.call('HGET', keys.rates, 'tokens/' .. field) or '', '^(%S+) (%S+)$')
    if level then
      redis.call('HSET', keys.rates, 'tokens/' .. field, string.format('%.6f %s', level - more, time))
    end
  end
end

-- The average follows what runs that say what they used did use, a tenth at a time.
local function learn_cost(meta, engine, used)
  local average = tonumber(redis.call('HGET', meta, 'cost:' .. engine) or used)
  redis.call('HSET', meta, 'cost:' .. engine, average + (used - average) / 10)
end
