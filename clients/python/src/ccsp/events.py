"""The events in the life of a task. `sequence` is the position in the task's log, from 1 on and without a gap."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from ccsp.errors import category_name, state_name
from ccsp.task.v1 import task_pb2


@dataclass(frozen=True)
class Accepted:
    """The task is stored. Always the first event of a run."""

    task: task_pb2.Task
    sequence: int = 0


@dataclass(frozen=True)
class Started:
    """The engine of an attempt runs. Text of an earlier attempt is no longer valid."""

    sequence: int
    attempt: int


@dataclass(frozen=True)
class Text:
    """More text of a message.

    The last message of the newest attempt that was not taken back is the answer. Earlier messages are what the engine
    said on the way, such as before it used a tool.
    """

    sequence: int
    attempt: int
    message: int
    text: str


@dataclass(frozen=True)
class TakenBack:
    """The text of this message so far is no longer valid."""

    sequence: int
    attempt: int
    message: int


@dataclass(frozen=True)
class Tool:
    """The engine used a tool."""

    sequence: int
    attempt: int
    name: str


@dataclass(frozen=True)
class Used:
    """What the attempt has used so far, in totals: a newer event replaces an older one. None is not known.

    A result with usage always has this event before it, even if the log has none: that of a cached answer has none.
    """

    sequence: int
    attempt: int
    turns: int
    tool_uses: int | None
    usage: task_pb2.Usage | None
    cost_usd: float | None
    model: str


@dataclass(frozen=True)
class Notice:
    """The engine or its provider has trouble and continues, or a tool was not allowed (PERMISSION_DENIED)."""

    sequence: int
    category: str
    message: str


@dataclass(frozen=True)
class Waiting:
    """The task is back in the queue, until a time if that is known. `error` is the failure of the last attempt."""

    sequence: int
    reason: str
    until: dt.datetime | None
    error: task_pb2.TaskError | None


@dataclass(frozen=True)
class Cancelling:
    """A cancel was accepted, and the executor is ending the engine."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class Ended:
    """The task ended: SUCCEEDED, FAILED, CANCELLED or EXPIRED.

    This is the last event, unless `Client.retry` put the task back: then more events follow, up to the next end.
    """

    sequence: int
    state: str
    result: task_pb2.TaskResult | None
    error: task_pb2.TaskError | None


Event: TypeAlias = Accepted | Started | Text | TakenBack | Tool | Used | Notice | Waiting | Cancelling | Ended


def to_event(entry: task_pb2.TaskEvent) -> Event | None:
    """The event for an entry of the log. None for an entry without news, and for a kind newer than this package."""
    sequence, attempt = entry.sequence, entry.attempt
    match entry.WhichOneof("event"):
        case "text_delta":
            return Text(sequence, attempt, entry.text_delta.message, entry.text_delta.text)
        case "text_taken_back":
            return TakenBack(sequence, attempt, entry.text_taken_back.message)
        case "tool_use":
            return Tool(sequence, attempt, entry.tool_use.name)
        case "usage_so_far":
            return used(sequence, attempt, entry.usage_so_far)
        case "engine_notice":
            return Notice(sequence, category_name(entry.engine_notice.category), entry.engine_notice.message)
        case "state_changed":
            return _of_state(sequence, attempt, entry.state_changed)
        case "task_ended":
            return ended(sequence, entry.task_ended)
    return None


def used(sequence: int, attempt: int, told: task_pb2.UsageSoFar | task_pb2.TaskResult) -> Used:
    usage = told.usage if told.HasField("usage") else None
    cost = told.cost_usd.value if told.HasField("cost_usd") else None
    tool_uses = told.tool_uses if isinstance(told, task_pb2.UsageSoFar) else None
    return Used(sequence, attempt, told.turns, tool_uses, usage, cost, told.model)


def ended(sequence: int, end: task_pb2.TaskEnded | task_pb2.Task) -> Ended:
    result = end.result if end.HasField("result") else None
    return Ended(sequence, state_name(end.state), result, end.error if end.HasField("error") else None)


def _of_state(sequence: int, attempt: int, change: task_pb2.StateChanged) -> Event | None:
    state = state_name(change.state)
    error = change.error if change.HasField("error") else None
    if state == "RUNNING":
        return Started(sequence, attempt)
    if state == "CANCELLING":
        return Cancelling(sequence, change.reason)
    # A QUEUED entry without a reason is the normal course.
    if state in ("PARKED", "SCHEDULED") or (state == "QUEUED" and (change.reason or error)):
        until = change.ready_time.ToDatetime(dt.timezone.utc) if change.HasField("ready_time") else None
        return Waiting(sequence, change.reason or (error.message if error else ""), until, error)
    return None
