-- Says whether Redis lost the lease that a caller shows: its fence is newer than all that the record of the task knows.
-- Fences only grow, so this happens only when Redis came back without its last writes. Two bounds exclude fences that
-- the queue never granted. No fence is older than the acceptance of its task (ms). And a fence is ahead of the clock
-- only when more than one is granted in a millisecond.
--
-- DEFINES is_ahead

local function is_ahead(r, fence, now)
  return not r.ended and fence > (r.fence or 0) and fence >= r.created and fence < now + 1000000
end
