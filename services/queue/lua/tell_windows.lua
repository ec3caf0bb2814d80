#!lua flags=allow-oom
-- tell_windows: tell other services what a provider has said of the usage windows of a login.
--
-- KEYS  1 events  stream
-- ARGV  1 now (ms), or '' for the server's clock
--       2 data of the event usage.windows (JSON)
-- RETURN ok
-- NEEDS time_given (shared/clock), add_event, trim_events (shared/events)
--
-- A repeated call writes the event once more. Who reads it takes the newest.

add_event(KEYS[1], 'usage.windows', time_given(ARGV[1]), ARGV[2])
trim_events(KEYS[1])
return 'ok'
