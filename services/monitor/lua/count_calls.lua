#!lua flags=allow-oom
-- count_calls: add what a process has counted since its last heartbeat to the counts of the hour.
--
-- KEYS  1 counted  hash  counter → the highest value that this process has reported
--       2 minutes  hash  minute of the hour, a colon, counter → count
--       3 hours    hash  hour of the day, a colon, counter → count
-- ARGV  1 minute of the hour
--       2 hour of the day
--       3 keep each of the KEYS for (ms), with commas
--       4 '1' to count a process that is not known from zero, '0' to count it from what it reports now
--       5 the counters: name and value, which only grows
-- RETURN 'ok'
--
-- Each counter only grows while its process runs. So the highest value is what is counted: a heartbeat that is lost,
-- repeated or late changes nothing in the sum, and a second run of this script adds nothing.

local keep = {}
for number in string.gmatch(ARGV[3], '%d+') do
  keep[#keep + 1] = number
end

local known = redis.call('EXISTS', KEYS[1]) == 1
local adds = known or ARGV[4] == '1'
redis.call('HSET', KEYS[1], 'known', '1')
for at = 5, #ARGV, 2 do
  local counter, value = ARGV[at], tonumber(ARGV[at + 1])
  local delta = value - tonumber(redis.call('HGET', KEYS[1], counter) or '0')
  if delta > 0 then
    redis.call('HSET', KEYS[1], counter, string.format('%.0f', value))
    if adds then
      redis.call('HINCRBY', KEYS[2], ARGV[1] .. ':' .. counter, string.format('%.0f', delta))
      redis.call('HINCRBY', KEYS[3], ARGV[2] .. ':' .. counter, string.format('%.0f', delta))
    end
  end
end
for at = 1, 3 do
  redis.call('PEXPIRE', KEYS[at], keep[at])
end
return 'ok'
