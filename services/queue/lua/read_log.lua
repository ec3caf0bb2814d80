-- read_log: a page of a task's log, with the task as it is then.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 results  hash    id -> result
--       3 log      stream  entries 0-1, 0-2, … are sequences 2, 3, …
-- ARGV  1 task id
--       2 entry after which it begins
--       3 most entries
-- RETURN {record or nothing, result or nothing, {entry id, {field, value, …}}, …}
--
-- In one look: a task that has ended and a page that is not full are then the whole truth, and whoever watches for the end needs to
-- ask for nothing more. The result comes with the entry that says SUCCEEDED, unless it is stored in chunks.

local tasks, results, log = unpack(KEYS)
local id = ARGV[1]
local entries = redis.call('XRANGE', log, '(' .. ARGV[2], '+', 'COUNT', ARGV[3])

local function says(entry, state)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'state' then
      return entry[2][i + 1] == state
    end
  end
end

local newest = entries[#entries]
local result = newest and says(newest, 'SUCCEEDED') and redis.call('HGET', results, id) or false
return { redis.call('HGET', tasks, id), result, unpack(entries) }
