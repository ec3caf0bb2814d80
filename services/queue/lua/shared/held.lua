-- The states of a task that an executor has.
local HELD = { LEASED = true, RUNNING = true, CANCELLING = true }
