"""Stores a task that runs every working day, shows when it runs next, and deletes it."""

import ccsp

with ccsp.Client() as client:
    schedule = client.schedules.put(
        "morning-report",
        "30 7 * * 1-5",
        {"prompt": "Summarise yesterday's failures", "priority": "low"},
        time_zone="Europe/Berlin",
        missed_runs="run-once",
    )
    print(f"{schedule.name} runs next at {schedule.next_run_times[0].ToJsonString()}")
    print("all schedules:", [each.name for each in client.schedules.list()])
    client.schedules.delete("morning-report")
