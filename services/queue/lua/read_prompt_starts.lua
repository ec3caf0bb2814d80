-- read_prompt_starts: read the beginning of what is stored apart from the records of tasks, which begins with the
-- prompt.
--
-- KEYS  1 prompts  hash  id -> prompts and attachments (TaskSpec)
-- ARGV  1 most bytes of each
--       ... ids
-- RETURN {bytes or nothing, …}, in the order of the ids
--
-- A list shows one line of each prompt. A task may hold 5 MiB here, so only its beginning leaves Redis. The caller
-- bounds the number of ids and the size of their tasks, because Redis still copies each value once.

local most = tonumber(ARGV[1])
local starts = redis.call('HMGET', KEYS[1], unpack(ARGV, 2))
for i, whole in ipairs(starts) do
  starts[i] = whole and string.sub(whole, 1, most)
end
return starts
