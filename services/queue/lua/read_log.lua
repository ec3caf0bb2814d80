-- read_log: read a page of a task's log, together with the task at the same moment.
--
-- KEYS  1 tasks    hash    id -> record (JSON)
--       2 results  hash    id -> result
--       3 log      stream  entries 0-1, 0-2, … are sequences 2, 3, …
-- ARGV  1 task id
--       2 entry after which it begins
--       3 most entries
--       4 bytes after which it ends; one entry may be larger
-- RETURN {record or nothing, result or nothing, how many entries the stream has, 1 when more entries follow, else 0,
--         {entry id, {field, value, …}}, …}
-- NEEDS decode_record (shared/record)
--
-- The script reads log and task at one moment. So when the task has ended and no entry follows the page, the watcher
-- knows the end and need not ask again. A success is not an entry (see move_tasks.lua). Its result comes with the last
-- page, unless the result is stored in chunks. A page is bounded in bytes, because Redis and the reader do nothing else
-- while they handle it.

local tasks, results, log = unpack(KEYS)
local id, after, most, room = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
-- How many entries are read before their bytes are counted.
local STEP = 8

local function size_of(entry)
  local size = 0
  for _, text in ipairs(entry[2]) do
    size = size + #text
  end
  return size
end

local entries, more = {}, 0
repeat
  local step = redis.call('XRANGE', log, '(' .. after, '+', 'COUNT', math.min(STEP, most - #entries) + 1)
  local wanted = math.min(STEP, most - #entries)
  more = #step > wanted and 1 or 0
  for i = 1, math.min(#step, wanted) do
    room = room - size_of(step[i])
    if room < 0 and #entries > 0 then
      more = 1
      break
    end
    entries[#entries + 1] = step[i]
    after = step[i][1]
  end
until more == 0 or #entries == most or room <= 0

local record = redis.call('HGET', tasks, id)
local task = more == 0 and decode_record(record) or {}
local result = task.state == 'SUCCEEDED' and redis.call('HGET', results, id) or false
return { record, result, redis.call('XLEN', log), more, unpack(entries) }
