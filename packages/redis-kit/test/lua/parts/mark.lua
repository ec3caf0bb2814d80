-- The mark at the end of a shouted text.
--
-- DEFINES MARK

local MARK = '!'
