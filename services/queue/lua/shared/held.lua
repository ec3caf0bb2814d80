-- The states of a task that an executor has.
--
-- DEFINES HELD

local HELD = { LEASED = true, RUNNING = true, CANCELLING = true }
