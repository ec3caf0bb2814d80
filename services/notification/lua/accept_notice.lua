#!lua flags=allow-oom
-- accept_notice: store a notice for the channels that get it, once, or count it as a repeat of an open incident.
--
-- KEYS  1 notices     hash    id → names of its channels, a line end, JSON
--       2 deliveries  hash    "<channel> <id>" → JSON of the delivery
--       3 incidents   hash    dedup key → JSON: whether it is open, its repeats, which channels got its beginning,
--                             until when each channel is quiet, what channels keep of it, the order of its newest
--                             beginning and of its newest end
--       4 digests     zset    dedup keys with repeats, the score is when they are reported (ms)
--       5 ended       zset    dedup keys of incidents that have ended or end by themselves, the score is when (ms)
--       6 accepted    zset    ids, the score is when they were accepted (ms)
--       7 delivered   zset    "<channel> <id>" of accepted deliveries, also those of the release before
--       8 waiting     zset    "<channel> <id>" of deliveries that wait, the score is when they were accepted (ms)
--       9 left        hash    id → number of channels that it still waits for
--      10 sequence    string  number of notices
--      11 ...queues   zset    for each channel: due (lanes by time), order (lane, sequence, id), claimed (lanes by time)
-- ARGV  1 now (ms), or '' for the clock of Redis
--       2 id
--       3 JSON of the notice
--       4 dedup key, or ''
--       5 what it does to the incident: 'opens' | 'updates' | 'resolves'
--       6 when the incident ends by itself (ms), or ''
--       7 '1' for a notice that ends the wait of its lane
--       8 '1' for an incident with an issue
--       9 first time between the messages of repeats (ms)
--      10 how long ids are kept (ms)
--      11 number of ended incidents to keep
--      12 its place in the order of what happened (a text that sorts), or '' for a notice that comes in order
--      13 the place of the newest end of the incident that the caller knows of, or ''
--      14 for each channel: its name; '-' | 'record' | 'told'; the earliest time of delivery (ms) or 0
-- RETURN 'ok' | 'repeat' | 'counted' | 'late'
-- NEEDS time_given (shared/clock), put_notice, put_digest, queues_from, whole (shared/put)
--
-- A channel that records gets every notice. The others get the beginning of each incident once, its changes, the number
-- of its repeats, and its end. Updates and ends go to the channels that got the beginning.
--
-- Notices may come in another order than that in which things happened. So the newest end is remembered, even before
-- the beginning of the incident has come. A beginning from before the newest end is 'late', and so is one whose own end
-- has passed: it opens nothing, and only channels that record get it. An end from before the newest beginning ends
-- nothing.

local keys = {
  notices = KEYS[1], deliveries = KEYS[2], digests = KEYS[4], waiting = KEYS[8], left = KEYS[9], sequence = KEYS[10],
}
local incidents, ended, accepted, delivered = KEYS[3], KEYS[5], KEYS[6], KEYS[7]
local now, id, json, key, action = time_given(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local ends_at, urgent, issue = tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8] == '1'
local digest_ms, keep_ms, kept_incidents = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local place, known_end = ARGV[12], ARGV[13]

local names, wanted, earliest = {}, {}, {}
for at = 14, #ARGV, 3 do
  local name = ARGV[at]
  names[#names + 1] = name
  wanted[name], earliest[name] = ARGV[at + 1], math.max(now, tonumber(ARGV[at + 2]))
end
local queues = queues_from(11, names)

if redis.call('ZADD', accepted, 'NX', whole(now), id) == 0 then
  return 'repeat'
end
redis.call('ZREMRANGEBYSCORE', accepted, '-inf', '(' .. whole(now - keep_ms))

-- Forgets the oldest incidents that have ended.
local function forget()
  local over = redis.call('ZCARD', ended) - kept_incidents
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGEBYSCORE', ended, '-inf', whole(now), 'LIMIT', 0, math.min(over, 100))) do
      redis.call('HDEL', incidents, old)
      redis.call('ZREM', ended, old)
    end
  end
end

local function note_end()
  if ends_at then
    redis.call('ZADD', ended, whole(ends_at), key)
    forget()
  else
    redis.call('ZREM', ended, key)
  end
end

local function later(a, b)
  return a > b and a or b
end

local incident, quiet, late = nil, false, false
if key ~= '' then
  local stored = redis.call('HGET', incidents, key)
  incident = stored and cjson.decode(stored)
  local open = incident and incident.open and (not incident.ends_at or incident.ends_at > now)
  local began, newest_end = incident and incident.began or '', incident and incident.ended or ''
  local over = place ~= '' and (place < newest_end or place < known_end)
  if action == 'opens' and (over or ends_at and ends_at <= now) then
    quiet, late = true, true
  elseif action == 'opens' and open then
    quiet = true
    incident.count, incident.repeats = incident.count + 1, incident.repeats + 1
    if place == '' or place >= began then
      incident.began, incident.ends_at = place, ends_at
      note_end()
    end
    incident.quiet = {}
    for name in pairs(incident.told) do
      incident.quiet[name] = earliest[name]
    end
    if incident.repeats == 1 then
      incident.since = now
      redis.call('ZADD', keys.digests, whole(now + digest_ms * 2 ^ math.min(incident.digests, 6)), key)
    end
  elseif action == 'opens' then
    local refs = incident and incident.refs or {}
    local was_issue = incident and incident.issue or false
    incident = { open = true, first = id, notice = json, count = 1, repeats = 0, digests = 0, since = now,
      ends_at = ends_at, issue = issue or was_issue, told = {}, refs = refs, began = place, ended = newest_end }
    note_end()
  elseif action == 'resolves' and incident and incident.open and place ~= '' and place < began then
    quiet = true
    incident.ended = later(newest_end, place)
  elseif action == 'resolves' and (incident or place ~= '') then
    incident = incident or { open = false, issue = false, told = {}, refs = {} }
    incident.ended = later(newest_end, place)
    quiet = not incident.open
    if open and incident.repeats > 0 then
      put_digest(keys, queues, incident, key, now)
    end
    incident.open = false
    redis.call('ZREM', keys.digests, key)
    redis.call('ZADD', ended, whole(now), key)
    forget()
  end
end

local to = {}
for _, name in ipairs(names) do
  local mode = wanted[name]
  if mode ~= 'record' and action ~= 'opens' then
    if incident then
      mode = incident.told[name] and 'told' or '-'
    elseif action == 'resolves' then
      mode = '-'
    end
  end
  local had = redis.call('ZSCORE', delivered, name .. ' ' .. id)
  if not had and (mode == 'record' or mode == 'told' and not quiet) then
    to[#to + 1] = { name = name, due = earliest[name] }
    if mode == 'told' and incident and action == 'opens' then
      incident.told[name] = true
    end
  end
end
if #to > 0 then
  put_notice(keys, queues, to, id, key, '{"notice":' .. json .. '}', now, urgent)
end
if incident then
  redis.call('HSET', incidents, key, cjson.encode(incident))
end
return late and 'late' or quiet and 'counted' or 'ok'
