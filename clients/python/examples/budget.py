"""Bounds what a run may use, and says which bound or rule stopped a task."""

import os
from datetime import timedelta

import ccsp

with ccsp.Client() as client:
    budget = float(os.environ.get("BUDGET", "0.50"))
    estimate = client.estimate("Read the logs and find the fault")
    print(f"would start within {estimate.start.p90.seconds} s" if estimate.HasField("start") else "no estimate yet")
    try:
        run = client.run(
            "Read the logs and find the fault",
            limits={"budget_usd": budget, "turns": 20, "wall_time": timedelta(minutes=10)},
        )
        print(run.result().text)
    except ccsp.TaskFailedError as failed:  # the task ran
        print(f"stopped: {failed.category}")
    except ccsp.InvalidTaskError as refused:  # nothing was stored
        for field in refused.fields:
            print(f"refused: {field.name} {field.description}")
    except ccsp.QueueFullError as full:  # submit again later
        print(f"the queue is full; try again in {full.retry_after} s")
