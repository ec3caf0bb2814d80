-- read_prompt_starts: read the beginning of what is stored apart from the records of tasks, which begins with the
-- prompt.
--
-- KEYS  1 prompts  hash  id -> prompts and attachments (TaskSpec)
-- ARGV  1 most bytes of each
--       ... ids
-- RETURN {bytes or nothing, …}, in the order of the ids
--
-- A list shows one line of each prompt. A task may hold 5 MiB here, so only its beginning leaves Redis. The caller
-- bounds the number of ids, because Redis still copies each value once.

local starts = {}
for i = 2, #ARGV do
  local whole = redis.call('HGET', KEYS[1], ARGV[i])
  starts[i - 1] = whole and string.sub(whole, 1, tonumber(ARGV[1]))
end
return starts
