#!lua flags=allow-oom
-- count_attempts: count ended attempts of one minute in their minute, hour and day, and report each, only once.
--
-- KEYS  1 seen         set     ids of the counted attempts that ended on this day
--       2 seenBefore   set     the same of the day before
--       3 seenAfter    set     the same of the day after
--       4 hour         hash    row -> counts
--       5 day          hash    row -> counts
--       6 agents       hash    agent -> "<end of the newest attempt (ms)>;<counts>"
--       7 events       stream  the partition's events
--       8 budgets      hash    counter of a budget -> counts
--       9 ledger       stream  the counted attempts that ended on this day: end, attempt, id, row and counts of each
--      10 ...minutes   hash    one per dimension: value -> counts
-- ARGV  1 most rows of a hash
--       2 keep each of the KEYS 1, 4, 5, 6, 9 and 10 for (ms), with commas; 0: the time is over, so do not write it
--       3 the row of everything that is beyond the bound
--       4 number of events to keep
--       5 for each attempt: number of the arguments that follow for it, id, counts (numbers with commas), end (ms),
--         agent, row, the row without what agents can invent, the counters of `budgets` that count it (with spaces),
--         its number or '', the values of the dimensions (one for each of `minutes`); then its event: names and values
-- RETURN list of 'ok' | 'repeat', one for each attempt
--
-- The id guards the counts, the entry of the ledger and the event: a second delivery, and a second run of this script,
-- change nothing. The days beside it are looked up too, because two reports of one attempt may fall on both sides of
-- midnight.
--
-- Bounded memory, except for the ledger (KEYS 9), which is bounded by its days only. A hash that is half full takes no
-- new row with a model or label that it has not seen, and a full one no new row. What does not fit is counted in a coarser row, so sums stay exact. A row is read and written once for all
-- attempts of a call, because reading and writing its numbers is most of the work. Ten counters per row would need ten
-- times the memory as fields. A bucket is kept until a fixed time, so a hash gets it with a new row, and not with each
-- attempt.

local MOST = 9007199254740991
-- Decoding as JSON is three times faster than matching each number.
local function numbers(text)
  return cjson.decode('[' .. text .. ']')
end

local most, keep = tonumber(ARGV[1]), numbers(ARGV[2])
local keep_of = { [4] = keep[2], [5] = keep[3], [6] = keep[4] }
for at = 10, #KEYS do
  keep_of[at] = keep[6]
end

-- The rows of each of the KEYS that this call has read: name -> row, or false if there is none. A row is the list of its
-- counters, with `last`, the end of an agent's newest attempt.
local rows, size, has_new = {}, {}, {}

local function read(key, name)
  local known = rows[key]
  if not known then
    known = {}
    rows[key], size[key] = known, redis.call('HLEN', KEYS[key])
  end
  if known[name] == nil then
    local stored = redis.call('HGET', KEYS[key], name)
    if stored then
      local last, counts = string.match(stored, '^(%d+);(.*)$')
      known[name] = numbers(counts or stored)
      known[name].last = tonumber(last)
    else
      known[name] = false
    end
  end
  return known[name]
end

local function new(key, name)
  rows[key][name], size[key], has_new[key] = {}, size[key] + 1, true
  return rows[key][name]
end

local function row_for(key, fine, coarse, rest)
  local row = read(key, fine)
  if row then
    return row
  end
  if size[key] < (fine == coarse and most or most / 2) then
    return new(key, fine)
  end
  row = fine ~= coarse and read(key, coarse)
  if row then
    return row
  end
  if fine ~= coarse and size[key] < most then
    return new(key, coarse)
  end
  return read(key, rest) or new(key, rest)
end

-- Counters that a newer release has added at the end stay as they are. An earlier release may have written fewer.
local function add(row, counts)
  for at, by in ipairs(counts) do
    local sum = (row[at] or 0) + by
    row[at] = sum < MOST and sum or MOST
  end
end

local function count(key, counts, fine, coarse, rest)
  if keep_of[key] > 0 then
    local row = row_for(key, fine, coarse, rest)
    add(row, counts)
    return row
  end
end

local replies, ids, events, entries = {}, {}, {}, {}
local counted = {}
local at = 5
while at <= #ARGV do
  local id, ended, agent, row, coarse = ARGV[at + 1], tonumber(ARGV[at + 3]), ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local known = counted[id]
  for day = 1, 3 do
    known = known or redis.call('SISMEMBER', KEYS[day], id) == 1
  end
  if not known then
    counted[id] = true
    ids[#ids + 1] = id
    local counts = numbers(ARGV[at + 2])
    count(4, counts, row, coarse, ARGV[3])
    count(5, counts, row, coarse, ARGV[3])
    for counter in string.gmatch(ARGV[at + 7], '%S+') do
      add(read(8, counter) or new(8, counter), counts)
    end
    for key = 10, #KEYS do
      count(key, counts, ARGV[at + key - 1], ARGV[at + key - 1], 'other')
    end
    local of_agent = count(6, counts, agent, agent, 'other')
    if of_agent then
      of_agent.last = math.max(of_agent.last or 0, ended)
    end
    entries[#entries + 1] = { 'end', ARGV[at + 3], 'attempt', ARGV[at + 8], 'id', id, 'row', row, 'counts', ARGV[at + 2] }
    events[#events + 1] = { at + #KEYS, at + tonumber(ARGV[at]) }
  end
  replies[#replies + 1] = known and 'repeat' or 'ok'
  at = at + 1 + tonumber(ARGV[at])
end

for key, of_key in pairs(rows) do
  local fields = {}
  for name, row in pairs(of_key) do
    if row then
      local value = string.format(string.rep('%d,', #row), unpack(row))
      fields[#fields + 1] = name
      fields[#fields + 1] = (row.last and string.format('%d;', row.last) or '') .. string.sub(value, 1, -2)
    end
  end
  redis.call('HSET', KEYS[key], unpack(fields))
  -- The monitor drops the counters of budgets itself.
  if has_new[key] and key ~= 8 then
    redis.call('PEXPIRE', KEYS[key], keep_of[key])
  end
end
for _, event in ipairs(events) do
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, event[1], event[2]))
end

-- Names and values in one order, because Redis stores names that repeat only once.
if keep[5] > 0 and #entries > 0 then
  for _, entry in ipairs(entries) do
    redis.call('XADD', KEYS[9], '*', unpack(entry))
  end
  redis.call('PEXPIRE', KEYS[9], keep[5])
end

-- The ids are stored last: Redis stops a script that fails in the middle, and then the attempts have to be counted
-- again.
if #ids > 0 then
  redis.call('SADD', KEYS[1], unpack(ids))
  redis.call('PEXPIRE', KEYS[1], keep[1])
end
return replies
