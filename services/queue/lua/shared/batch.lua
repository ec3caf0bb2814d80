-- Commands of which many become one: ZADD, ZREM or HSET for a key, written together at the end. Each command that Redis replicates
-- or appends to its file costs as much as what it does; and what is read in pages stays as it was at the start.
--
-- DEFINES open_batch, push, push_two

local MOST_ARGUMENTS = 4000

local function open_batch()
  local batch, lists = {}, {}

  -- A list of arguments, see push().
  function batch.of(command, key)
    local list = { command = command, key = key, size = 0 }
    lists[#lists + 1] = list
    return list
  end

  function batch.write()
    for _, list in ipairs(lists) do
      for from = 1, list.size, MOST_ARGUMENTS do
        redis.call(list.command, list.key, unpack(list, from, math.min(from + MOST_ARGUMENTS - 1, list.size)))
      end
      list.size = 0
    end
  end

  return batch
end

local function push(list, argument)
  local size = list.size + 1
  list[size], list.size = argument, size
end

local function push_two(list, first, second)
  local size = list.size + 2
  list[size - 1], list[size], list.size = first, second, size
end
