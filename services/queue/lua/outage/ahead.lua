-- Whether a fence that a caller shows was granted after all that the record of its task knows. Fences only grow, so that happens when
-- Redis came back without its last moments, and never else. None is before the acceptance, and it is ahead of the clock only when more
-- than one is granted in a millisecond: what is out of these bounds nobody was granted.
--
-- DEFINES is_ahead

local function is_ahead(r, fence, now)
  return not r.ended and fence > (r.fence or 0) and fence >= r.created and fence < now + 1000000
end
