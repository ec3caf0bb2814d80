-- Puts notices into the queues of channels.
--
-- DEFINES enqueue, queues_from, put_notice, put_digest, whole

-- A time in ms as Redis reads it: Lua would write it with an exponent.
local function whole(number)
  return string.format('%.0f', number)
end

-- Notices of one incident share a lane, and a lane is delivered one after the other. A notice without an incident has
-- its own lane. The names of such lanes sort by the order in which the notices came.
local function lane_of(key, sequence)
  if key == '' then
    return 'n' .. string.format('%016d', sequence)
  end
  return 'k' .. redis.sha1hex(key)
end

-- `urgent` ends the wait of the lane, for example for the end of the quiet hours.
local function enqueue(queue, id, key, sequence, due, urgent)
  local lane = lane_of(key, sequence)
  redis.call('ZADD', queue.order, 0, lane .. ' ' .. string.format('%016d', sequence) .. ' ' .. id)
  if not redis.call('ZSCORE', queue.claimed, lane) then
    redis.call('ZADD', queue.due, urgent and 'LT' or 'NX', whole(due), lane)
  end
  return lane
end

-- Reads the triples of keys (due, order, claimed) that begin at KEYS[first]; `names` has their channels.
local function queues_from(first, names)
  local queues = {}
  for at, name in ipairs(names) do
    local key = first + (at - 1) * 3
    queues[name] = { due = KEYS[key], order = KEYS[key + 1], claimed = KEYS[key + 2] }
  end
  return queues
end

-- `to` has, for each channel that gets the notice: name, due. The first line of what is stored names the channels.
local function put_notice(keys, queues, to, id, key, json, now, urgent)
  local names = {}
  local sequence = redis.call('INCR', keys.sequence)
  for at, each in ipairs(to) do
    names[at] = each.name
    local lane = enqueue(queues[each.name], id, key, sequence, each.due, urgent)
    local record = cjson.encode({ state = 'waiting', since = now, tries = 0, key = key, due = each.due, lane = lane })
    redis.call('HSET', keys.deliveries, each.name .. ' ' .. id, record)
    redis.call('ZADD', keys.waiting, whole(now), each.name .. ' ' .. id)
  end
  redis.call('HSET', keys.notices, id, table.concat(names, ',') .. '\n' .. json)
  redis.call('HSET', keys.left, id, #to)
end

-- Puts a message with the number of repeats since the last message into the queues of the channels that got the
-- beginning of the incident. Counts from 0 again.
local function put_digest(keys, queues, incident, key, now)
  local to = {}
  for name in pairs(incident.told) do
    if queues[name] then
      -- The last repeat came in the quiet hours of the channel: its message waits until they end.
      to[#to + 1] = { name = name, due = math.max(now, incident.quiet and incident.quiet[name] or 0) }
    end
  end
  incident.digests = incident.digests + 1
  local id = incident.first .. '/repeats/' .. incident.digests
  local json = '{"repeats":' .. whole(incident.repeats) .. ',"since":' .. whole(incident.since)
    .. ',"notice":' .. incident.notice .. '}'
  if #to > 0 then
    put_notice(keys, queues, to, id, key, json, now, false)
  end
  incident.repeats = 0
  redis.call('ZREM', keys.digests, key)
end
