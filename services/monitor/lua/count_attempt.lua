#!lua flags=allow-oom
-- count_attempt: count one ended attempt in its minute, hour and day, and tell of it, only once.
--
-- KEYS  1 seen         set     ids of the counted attempts that ended on this day
--       2 seenBefore   set     the same of the day before
--       3 seenAfter    set     the same of the day after
--       4 hour         hash    row -> counts
--       5 day          hash    row -> counts
--       6 agents       hash    agent -> "<end of the newest attempt (ms)>;<counts>"
--       7 events       stream  the partition's events
--       8 budgets      hash    counter of a budget -> counts
--       9 ...minutes   hash    one per dimension: value -> counts
-- ARGV  1 attempt id
--       2 counts: numbers with commas
--       3 most rows of a hash
--       4 keep each of the KEYS 1, 4, 5, 6 and 9 for (ms), with commas; 0: the time is over, so do not write it
--       5 end of the attempt (ms)
--       6 agent
--       7 row
--       8 the row without what agents can invent
--       9 the row of everything that is beyond the bound
--      10 number of events to keep
--      11 the counters of `budgets` that count it, with spaces
--      12 the values of the dimensions, one argument for each of `minutes`; then the event: names and values
-- RETURN 'ok' | 'repeat'
--
-- The id guards the counts and the event: a second delivery, and a second run of this script, change nothing. The days
-- beside it are looked up too, because two reports of one attempt may fall on both sides of midnight.
--
-- Bounded memory: a hash that is half full takes no new row with a model or label that it has not seen, and a full one
-- no new row. What does not fit is counted in a coarser row, so sums stay exact. Rows are few per attempt and each is
-- read, added to and written here, because ten counters per row would need ten times the memory as fields. A bucket is
-- kept until a fixed time, so a hash gets it with a new row, and not with each attempt.

local MOST = 9007199254740991
local id, most, ended, agent = ARGV[1], tonumber(ARGV[3]), ARGV[5], ARGV[6]

for at = 1, 3 do
  if redis.call('SISMEMBER', KEYS[at], id) == 1 then
    return 'repeat'
  end
end

local counts, keep = {}, {}
for number in string.gmatch(ARGV[2], '%d+') do
  counts[#counts + 1] = tonumber(number)
end
for number in string.gmatch(ARGV[4], '%d+') do
  keep[#keep + 1] = tonumber(number)
end

-- Counters that a newer release has added at the end stay as they are. An earlier release may have written fewer.
local function add(stored)
  local sums = {}
  for number in string.gmatch(stored or '', '%d+') do
    sums[#sums + 1] = number
  end
  for at, by in ipairs(counts) do
    if by ~= 0 or not sums[at] then
      sums[at] = string.format('%.0f', math.min((tonumber(sums[at]) or 0) + by, MOST))
    end
  end
  return table.concat(sums, ',')
end

local function row_for(key, fine, coarse, rest)
  local stored = redis.call('HGET', key, fine)
  if stored then
    return fine, stored
  end
  local rows = redis.call('HLEN', key)
  if rows < (fine == coarse and most or most / 2) then
    return fine
  end
  stored = fine ~= coarse and redis.call('HGET', key, coarse)
  if stored or fine ~= coarse and rows < most then
    return coarse, stored
  end
  return rest, redis.call('HGET', key, rest)
end

local function put(key, keep_ms, row, value, is_new)
  redis.call('HSET', key, row, value)
  if is_new then
    redis.call('PEXPIRE', key, keep_ms)
  end
end

local function count(key, keep_ms, fine, coarse, rest)
  if keep_ms > 0 then
    local row, stored = row_for(key, fine, coarse, rest)
    put(key, keep_ms, row, add(stored), not stored)
  end
end

count(KEYS[4], keep[2], ARGV[7], ARGV[8], ARGV[9])
count(KEYS[5], keep[3], ARGV[7], ARGV[8], ARGV[9])
for at = 9, #KEYS do
  count(KEYS[at], keep[5], ARGV[at + 3], ARGV[at + 3], 'other')
end
if keep[4] > 0 then
  local row, stored = row_for(KEYS[6], agent, agent, 'other')
  local last, before = string.match(stored or '', '^(%d+);(.*)$')
  if last and tonumber(last) > tonumber(ended) then
    ended = last
  end
  put(KEYS[6], keep[4], row, ended .. ';' .. add(before), not stored)
end

for counter in string.gmatch(ARGV[11], '%S+') do
  redis.call('HSET', KEYS[8], counter, add(redis.call('HGET', KEYS[8], counter)))
end

redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[10], '*', unpack(ARGV, #KEYS + 4))

-- The id is stored last: Redis stops a script that fails in the middle, and then the attempt has to be counted again.
redis.call('SADD', KEYS[1], id)
redis.call('PEXPIRE', KEYS[1], keep[1])
return 'ok'
