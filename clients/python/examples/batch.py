"""Submits many tasks in one call, and reads their answers as they end."""

import os

import ccsp

QUESTIONS = ["Name a river", "Name a mountain", "Name a lake"]
# The ids come from the work, not from chance: if this program is started again, it finds its tasks and makes no new ones.
BATCH = os.environ.get("BATCH", "geography-1")

with ccsp.Client() as client:
    tasks: list[ccsp.Task] = [{"prompt": text, "priority": "low", "labels": {"batch": BATCH}} for text in QUESTIONS]
    outcomes = client.submit_many(tasks, request_ids=[f"{BATCH}-{number}" for number in range(len(tasks))])
    for question, outcome in zip(QUESTIONS, outcomes):
        if outcome.task_id is None:
            print(f"{question}: refused, {outcome.error}")
            continue
        print(f"{question}: {client.watch(outcome.task_id).result().text}")
    ended = sum(1 for _ in client.list(states=["SUCCEEDED"], labels={"batch": BATCH}))
    print(f"{ended} of {len(tasks)} succeeded")
