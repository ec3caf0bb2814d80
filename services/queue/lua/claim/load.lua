-- What waits, by scope: the tasks and bytes of what is leased are taken off with one read and one write.

local function open_load(key)
  local load, scopes, less = {}, {}, {}

  local function take_off(scope, size)
    if not less[scope] then
      less[scope] = { tasks = 0, bytes = 0 }
      scopes[#scopes + 1] = scope
    end
    less[scope].tasks, less[scope].bytes = less[scope].tasks + 1, less[scope].bytes + size
  end

  function load.take(class, agent, size)
    take_off('all', size)
    take_off('class/' .. class, size)
    take_off('agent/' .. agent, size)
  end

  function load.save()
    local fields, left, empty = {}, {}, {}
    for _, scope in ipairs(scopes) do
      fields[#fields + 1] = scope .. '/tasks'
      fields[#fields + 1] = scope .. '/bytes'
    end
    local before = redis.call('HMGET', key, unpack(fields))
    for i, scope in ipairs(scopes) do
      local of_tasks, of_bytes = fields[2 * i - 1], fields[2 * i]
      local tasks = (tonumber(before[2 * i - 1]) or 0) - less[scope].tasks
      local into = tasks > 0 and left or empty
      into[#into + 1] = of_tasks
      into[#into + 1] = tasks > 0 and tasks or of_bytes
      if tasks > 0 then
        into[#into + 1] = of_bytes
        into[#into + 1] = (tonumber(before[2 * i]) or 0) - less[scope].bytes
      end
    end
    if #left > 0 then
      redis.call('HSET', key, unpack(left))
    end
    if #empty > 0 then
      redis.call('HDEL', key, unpack(empty))
    end
  end

  return load
end
