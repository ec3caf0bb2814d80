#!lua flags=allow-oom
-- adapt_bound: change how many runs of an account may run at the same time, after the provider was overloaded or a run
-- succeeded.
--
-- KEYS  1 gates    hash  bound/engine/account -> bound (JSON): limit, from (runs at the first overload), at (last
--                        halving, ms), good (runs that succeeded since the limit changed)
--       2 running  hash  account/engine/account -> leases; other counts
-- ARGV  1 engine/account
--       2 now (ms), or '' for the server's clock
--       3 'overloaded' or 'succeeded'
--       4 shortest time between two halvings (ms)
--       5 successes after which one more run is allowed
--       6 work channel
--       7 topics to wake
-- RETURN 'ok'
-- NEEDS time_given (shared/clock)
--
-- An overload halves the limit, but never below 1. It does so at most once in the time of ARGV 4, because runs that
-- started together fail together. The bound is deleted when the limit grows above the number of runs at the first
-- overload. The run that met the overload is still counted when the queue calls this script.

local gates, running, account = KEYS[1], KEYS[2], ARGV[1]
local scope = 'bound/' .. account
local now = time_given(ARGV[2])

local bound = redis.call('HGET', gates, scope)
bound = bound and cjson.decode(bound)
if ARGV[3] == 'overloaded' then
  local runs = tonumber(redis.call('HGET', running, 'account/' .. account) or 0)
  bound = bound or { limit = runs, from = runs, at = 0 }
  if bound.at + ARGV[4] <= now then
    bound.limit, bound.at, bound.good = math.max(1, math.floor(bound.limit / 2)), now, 0
  end
elseif bound then
  bound.good = bound.good + 1
  if bound.good >= tonumber(ARGV[5]) then
    bound.limit, bound.good = bound.limit + 1, 0
    for i = 7, #ARGV do
      redis.call('PUBLISH', ARGV[6], ARGV[i])
    end
  end
end
if bound and bound.limit > bound.from then
  redis.call('HDEL', gates, scope)
elseif bound then
  redis.call('HSET', gates, scope, cjson.encode(bound))
end
return 'ok'
