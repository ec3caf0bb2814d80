-- A task's record; nil when there is none that can be read, so that it is in the way of no other task.
--
-- DEFINES decode_record

local function decode_record(raw)
  local good, r = pcall(cjson.decode, raw or '')
  return good and type(r) == 'table' and r or nil
end
