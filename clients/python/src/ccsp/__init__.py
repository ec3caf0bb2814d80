"""Run tasks on a CCSP gateway. README.md has examples."""

import logging

from ccsp._version import __version__
from ccsp.async_client import AsyncClient, AsyncSchedules
from ccsp.client import Client, Schedules
from ccsp.errors import (
    AuthenticationError,
    BudgetExhaustedError,
    CcspError,
    ConflictError,
    Error,
    Field,
    InvalidTaskError,
    NotFoundError,
    QueueFullError,
    RunTimeoutError,
    ScopeError,
    SubmitStoppedError,
    TaskFailedError,
    TaskStateError,
    UnavailableError,
    category_name,
    state_name,
)
from ccsp.events import (
    Accepted,
    Cancelling,
    Ended,
    Event,
    Notice,
    Started,
    TakenBack,
    Text,
    Tool,
    Used,
    Waiting,
    to_event,
)
from ccsp.fields import Task
from ccsp.operations import Submitted
from ccsp.run import AsyncRun, Run

# The agent decides where the lines go.
logging.getLogger("ccsp").addHandler(logging.NullHandler())

__all__ = [
    "Accepted",
    "AsyncClient",
    "AsyncRun",
    "AsyncSchedules",
    "AuthenticationError",
    "BudgetExhaustedError",
    "Cancelling",
    "CcspError",
    "Client",
    "ConflictError",
    "Ended",
    "Error",
    "Event",
    "Field",
    "InvalidTaskError",
    "NotFoundError",
    "Notice",
    "QueueFullError",
    "Run",
    "RunTimeoutError",
    "Schedules",
    "ScopeError",
    "Started",
    "SubmitStoppedError",
    "Submitted",
    "TakenBack",
    "Task",
    "TaskFailedError",
    "TaskStateError",
    "Text",
    "Tool",
    "UnavailableError",
    "Used",
    "Waiting",
    "__version__",
    "category_name",
    "state_name",
    "to_event",
]
