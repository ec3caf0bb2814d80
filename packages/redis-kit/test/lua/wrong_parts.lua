-- wrong_parts: its header says wrong things about parts.
--
-- KEYS  1 values  hash  name -> value
-- ARGV  1 name
-- RETURN the value
-- NEEDS shout, whisper (parts/shout), mumble (parts/wrong)

return redis.call('HGET', KEYS[1], ARGV[1]) .. MARK
