-- Counts in a hash. A script adds its changes here, and save() writes them at the end, in two commands. A count of 0 or
-- less has no field. So a count that is too low by mistake is right again when nothing is left to count.
--
-- DEFINES open_tally

local MOST_NAMES = 1000

local function open_tally(key)
  local tally, names, changes, before = {}, {}, {}, {}

  -- The stored count with the changes of this script so far.
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
