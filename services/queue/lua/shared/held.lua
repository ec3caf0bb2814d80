-- The states in which an executor has the task.
--
-- DEFINES HELD

local HELD = { LEASED = true, RUNNING = true, CANCELLING = true }
