"""Lets CCSP try a task again by itself, and puts a failed task back by hand."""

import os
from datetime import timedelta

import ccsp

with ccsp.Client() as client:
    run = client.run(
        os.environ.get("PROMPT", "Say hello"),
        max_attempts=2,
        retry={"first_backoff": timedelta(milliseconds=200), "never_on": ["CONTEXT_OVERFLOW"]},
    )
    try:
        print(run.result().text)
    except ccsp.TaskFailedError as failed:
        print(f"failed after all attempts: {failed.category}")
        # The cause is mended, for example by an operator. All attempts are available again.
        client.retry(failed.task_id, "the cause is mended")
        print(client.watch(failed.task_id, after_sequence=run.sequence).result().text)
