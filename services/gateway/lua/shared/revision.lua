-- Tells every gateway that a key or a token is no longer accepted as before. The number is the news, and the message
-- only wakes: a gateway that misses it reads the number a little later.
--
-- DEFINES announce

local function announce(revision, channel)
  redis.call('INCR', revision)
  redis.call('PUBLISH', channel, '')
end
