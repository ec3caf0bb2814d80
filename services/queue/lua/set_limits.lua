#!lua flags=allow-oom
-- set_limits: set and reset limits that override the settings.
--
-- KEYS  1 limits  hash  name -> limit (JSON): value, who, why, set (ms); until (ms) when it ends by itself; automatic
--                       when a program has set it by itself
-- ARGV  1 now (ms), or '' for the server's clock
--       2 'automatic' when a limit that a person has set stays as it is, else ''
--       3 most limits
--       4 work channel
--       5 topic to wake
--       6 name, limit without `set` (JSON) or '' to reset it, …
-- RETURN 'ok' | 'full'
-- NEEDS time_given (shared/clock)
--
-- All changes are made, or none. Limits that have ended are removed. The hash is small: see MOST_LIMITS.

local limits = KEYS[1]
local now = time_given(ARGV[1])
local held, count = {}, 0
local flat = redis.call('HGETALL', limits)
for i = 1, #flat, 2 do
  local limit = cjson.decode(flat[i + 1])
  if (limit['until'] or math.huge) <= now then
    redis.call('HDEL', limits, flat[i])
  else
    held[flat[i]], count = limit, count + 1
  end
end

local changes = {}
for i = 6, #ARGV, 2 do
  local name, json = ARGV[i], ARGV[i + 1]
  local before = held[name]
  if not (ARGV[2] == 'automatic' and before and not before.automatic) then
    changes[#changes + 1] = { name, json }
    count = count + (json == '' and 0 or 1) - (before and 1 or 0)
  end
end
if count > tonumber(ARGV[3]) then
  return 'full'
end
for _, change in ipairs(changes) do
  local name, json = unpack(change)
  if json == '' then
    redis.call('HDEL', limits, name)
  else
    local limit = cjson.decode(json)
    limit.set = now
    redis.call('HSET', limits, name, cjson.encode(limit))
  end
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 'ok'
