-- Commands of which many become one: ZADD, ZREM or HSET for a key, written together. So lines and turns, which are
-- read in pages, are until then as they were at the start.

local MOST_ARGUMENTS = 4000

local function open_batch()
  local batch, lists = {}, {}

  -- `second` is absent for ZREM.
  function batch.add(command, key, first, second)
    local of_key = lists[key]
    if not of_key then
      of_key = {}
      lists[key] = of_key
    end
    local list = of_key[command]
    if not list then
      list = {}
      of_key[command] = list
    end
    list[#list + 1] = first
    list[#list + 1] = second
  end

  function batch.write()
    for key, commands in pairs(lists) do
      for command, list in pairs(commands) do
        for from = 1, #list, MOST_ARGUMENTS do
          redis.call(command, key, unpack(list, from, math.min(from + MOST_ARGUMENTS - 1, #list)))
        end
      end
    end
  end

  return batch
end
