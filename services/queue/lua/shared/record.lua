-- Decodes the record of a task. Returns nil when there is no record or it cannot be read, because one broken record
-- must not stop a script that handles other tasks too.
--
-- DEFINES decode_record

local function decode_record(raw)
  local good, r = pcall(cjson.decode, raw or '')
  return good and type(r) == 'table' and r or nil
end
