"""The fields of a task, of a filter and of a schedule, and the words of enums, as programs write them.

The names and meanings are those of the protos: ccsp/task/v1/task.proto says what each field does. A time span is a
timedelta or a number of seconds, a time is a datetime with a time zone, an enum is its word, such as `low` for
`PRIORITY_LOW`, and a message is a dict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

Span = dt.timedelta | float
Priority = Literal["urgent", "high", "normal", "low"]
#: The words in capitals are those of `state_name`, `Ended.state` and `TaskFailedError.state`: they can be given back.
State = Literal[
    "scheduled",
    "queued",
    "parked",
    "leased",
    "running",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "SCHEDULED",
    "QUEUED",
    "PARKED",
    "LEASED",
    "RUNNING",
    "CANCELLING",
    "SUCCEEDED",
    "FAILED",
    "CANCELLED",
    "EXPIRED",
]

#: What usage is grouped by. `account` is the login of the engine.
Dimension = Literal["agent", "engine", "account", "model", "priority", "label"]
#: What is forecast. `requests` are runs.
Metric = Literal["tokens", "cost", "requests"]


class Limits(TypedDict, total=False):
    wall_time: Span
    output_bytes: int
    turns: int
    budget_usd: float


class Retry(TypedDict, total=False):
    first_backoff: Span
    max_backoff: Span
    never_on: Sequence[str]


class Affinity(TypedDict, total=False):
    executor_id: str
    fallback_after: Span


class Cache(TypedDict, total=False):
    max_age: Span


class Conversation(TypedDict, total=False):
    id: str
    fork: bool


class Attachment(TypedDict):
    name: str
    content: bytes | str


class TaskFields(TypedDict, total=False):
    """Everything of a task but its prompt. Every field has a default of the installation."""

    engine: str
    priority: Priority
    model: str
    fallback_models: Sequence[str]
    system_prompt: str
    labels: Mapping[str, str]
    limits: Limits
    max_attempts: int
    retry: Retry
    start_time: dt.datetime
    start_deadline: dt.datetime
    affinity: Affinity
    #: `{}` takes any answer that the result cache has.
    cache: Cache
    #: `{}` begins a conversation, and `{"id": ...}` continues one.
    conversation: Conversation
    attachments: Sequence[Attachment]
    include_files: Sequence[str]
    working_folder: str
    available_tools: Sequence[str]
    allowed_tools: Sequence[str]
    denied_tools: Sequence[str]
    permission_mode: Literal["plan", "default", "accept-edits", "skip"]


class Task(TaskFields):
    """A task of `submit_many`."""

    prompt: str


class Filter(TypedDict, total=False):
    """Selects tasks. A task must match every field that is set."""

    engine: str
    priorities: Sequence[Priority]
    labels: Mapping[str, str]
    created_after: dt.datetime
    created_before: dt.datetime
    error_categories: Sequence[str]


class ScheduleFields(TypedDict, total=False):
    """What a schedule has besides its name, its cron expression and its task."""

    #: IANA name, such as `Asia/Tokyo`. Absent means UTC.
    time_zone: str
    missed_runs: Literal["skip", "run-once", "run-all"]
    paused: bool
