-- Counts in a hash: what a call adds to each is kept here and written at the end, as two commands. A count of 0 is no field, and there is
-- none below: should one be wrong, it is right again when nothing is left.
--
-- DEFINES open_tally

local MOST_NAMES = 1000

local function open_tally(key)
  local tally, names, changes, before = {}, {}, {}, {}

  -- The count as this call leaves it.
  function tally.of(name)
    before[name] = before[name] or tonumber(redis.call('HGET', key, name) or 0)
    return before[name] + (changes[name] or 0)
  end

  function tally.add(name, change)
    local sum = changes[name]
    if not sum then
      names[#names + 1], sum = name, 0
    end
    changes[name] = sum + change
  end

  function tally.save()
    for from = 1, #names, MOST_NAMES do
      local to, some, none = math.min(from + MOST_NAMES - 1, #names), {}, {}
      local stored = redis.call('HMGET', key, unpack(names, from, to))
      for i = from, to do
        local count = tonumber(stored[i - from + 1] or 0) + changes[names[i]]
        if count > 0 then
          some[#some + 1] = names[i]
          some[#some + 1] = count
        else
          none[#none + 1] = names[i]
        end
      end
      if #some > 0 then
        redis.call('HSET', key, unpack(some))
      end
      if #none > 0 then
        redis.call('HDEL', key, unpack(none))
      end
    end
    names, changes, before = {}, {}, {}
  end

  return tally
end
