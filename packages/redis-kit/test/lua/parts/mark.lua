-- What is at the end of what is shouted.
--
-- DEFINES MARK

local MARK = '!'
