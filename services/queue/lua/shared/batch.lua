-- Joins many ZADD, ZREM or HSET of one key into one command, which is written at the end. There are two reasons. Redis
-- replicates each command and appends it to its file, which costs as much as the change itself. And a list that a
-- script reads in pages must not change before its last page is read.
--
-- DEFINES open_batch, push, push_two

local MOST_ARGUMENTS = 4000

local function open_batch()
  local batch, lists = {}, {}

  -- Opens the list of arguments of a command for a key. push() and push_two() fill it.
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
