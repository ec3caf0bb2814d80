-- Lets throttled agents run again. They leave the skip list (`bench`), and the next claim of their engine gives them
-- turns again. `agent` is one agent, or '' for all.
--
-- DEFINES unthrottle

local function unthrottle(bench, agent, work_channel)
  local first, last = '[agent/', '(agent0'
  if agent ~= '' then
    first, last = '[agent/' .. agent .. '/', '(agent/' .. agent .. '0'
  end
  local told = {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', bench, first, last)) do
    local name, engine, class = string.match(member, '^agent/([^/]+)/([^/]+)/([^/]+)$')
    redis.call('ZREM', bench, member)
    redis.call('ZADD', bench, 0, 'back/' .. engine .. '/' .. class .. '/' .. name)
    if not told[engine] then
      redis.call('PUBLISH', work_channel, 'engine:' .. engine)
      told[engine] = true
    end
  end
end
