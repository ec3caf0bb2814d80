"""What a call or a task can fail with. proto/ccsp/error/v1/reason.proto lists every reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc

from ccsp.rpc.v1 import error_details_pb2 as rpc
from ccsp.task.v1 import task_pb2


@dataclass(frozen=True)
class Field:
    """A wrong field of a request, by its name in the API, such as `spec.limits.wall_time`."""

    name: str
    description: str


class Error(Exception):
    """What this package raises when a call or a task failed. It can be pickled, so it crosses processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[Error], args: tuple[Any, ...], state: dict[str, Any]) -> Error:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class CcspError(Error):
    """A call that CCSP refused or could not answer. The subclasses group reasons by what the caller should do."""

    #: The reasons that this class is for. CcspError itself has the others, such as INTERNAL and CALL_CANCELLED.
    reasons: ClassVar[tuple[str, ...]] = ()
    #: Whether the same call may succeed later.
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        fields: Sequence[Field] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        #: The name of a `ccsp.error.v1.ErrorReason` without its prefix, such as `QUEUE_FULL`.
        self.reason = reason
        #: Each wrong field of the request.
        self.fields = tuple(fields)
        #: Facts about this refusal, such as `task_id` or `scope`.
        self.metadata = dict(metadata or {})
        #: Seconds after which the same call may succeed. None when the server gave no time.
        self.retry_after = retry_after
        #: True if a try of the call got no answer, so that the call may have done what it asks for although it failed:
        #: a task may be stored. Then submit only with the same request id again. False for calls that change nothing.
        self.may_have_taken_effect = False
        #: The request ids that a submission carried, in the order of its tasks. Also those that the client made up.
        self.request_ids: tuple[str, ...] = ()
        #: The task that was followed, if it was accepted, and the position of the last entry of its log that was read.
        self.task_id: str | None = None
        self.sequence = 0

    @property
    def request_id(self) -> str | None:
        """The request id of a submission of one task. With it, the task can be submitted again for 24 hours."""
        return self.request_ids[0] if len(self.request_ids) == 1 else None


class AuthenticationError(CcspError):
    """Get a valid token."""

    reasons = ("TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED")


class ScopeError(CcspError):
    """The token does not have the scope that `metadata["scope"]` names."""

    reasons = ("SCOPE_MISSING",)


class InvalidTaskError(CcspError):
    """Correct `fields`. The request stored nothing."""

    reasons = ("INVALID_FIELD", "ENGINE_UNKNOWN", "MESSAGE_TOO_LARGE")


class NotFoundError(CcspError):
    """It does not exist, belongs to another agent, or its retention time is over."""

    reasons = ("TASK_NOT_FOUND", "CONVERSATION_NOT_FOUND", "SCHEDULE_NOT_FOUND")


class ConflictError(CcspError):
    """The request id belongs to another payload, which is the task `metadata["task_id"]`."""

    reasons = ("REQUEST_ID_CONFLICT",)


class TaskStateError(CcspError):
    """Only a task that ended as FAILED or EXPIRED can be retried."""

    reasons = ("TASK_NOT_FAILED",)


class SubmitStoppedError(CcspError):
    """An emergency stop is in force. Wait until a person ends it."""

    reasons = ("SUBMIT_STOPPED",)


class BudgetExhaustedError(CcspError):
    """A budget is used up. Submit again after `retry_after` seconds, when its period has ended: perhaps days."""

    reasons = ("BUDGET_EXHAUSTED",)


class QueueFullError(CcspError):
    """Submit again after `retry_after` seconds."""

    reasons = ("QUEUE_FULL",)
    retryable = True


class UnavailableError(CcspError):
    """CCSP gave no answer in the time that the client waits. The client has repeated the call already."""

    reasons = (
        "SHUTTING_DOWN",
        "DEPENDENCY_UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "OVERLOADED",
        "SLOW_READER",
        "CALLER_LIMIT",
    )
    retryable = True


class RunTimeoutError(CcspError):
    """The `timeout` of a run is over, and nothing is broken. The task `task_id` continues: `watch` follows it on."""


class TaskFailedError(Error):
    """The task of `Run.result` ended without a result. The call did not fail: the task ran, or it was cancelled."""

    def __init__(self, task_id: str, state: str, error: task_pb2.TaskError | None) -> None:
        super().__init__(f"task {task_id} ended {state}" + (f": {error.message}" if error and error.message else ""))
        self.task_id = task_id
        #: FAILED, CANCELLED or EXPIRED.
        self.state = state
        self.error = error
        #: Category of the error, such as `BUDGET_EXCEEDED`.
        self.category = category_name(error.category if error else 0)


_CLASS_OF = {reason: kind for kind in CcspError.__subclasses__() for reason in kind.reasons}

#: The reason of a status that gRPC itself made, without a word of the server.
_OWN_REASON = {
    grpc.StatusCode.UNAVAILABLE: "DEPENDENCY_UNAVAILABLE",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.CANCELLED: "CALL_CANCELLED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "MESSAGE_TOO_LARGE",
}


def error_for(reason: str, message: str, **details: Any) -> CcspError:
    """An error of the class that the reason belongs to. A reason that is newer than this package is a CcspError."""
    return _CLASS_OF.get(reason, CcspError)(reason, message, **details)


def from_rpc_error(error: grpc.RpcError, target: str) -> CcspError:
    """The error of a failed call, with the details that the server sent."""
    reason = _OWN_REASON.get(error.code(), "INTERNAL")
    message: str = error.details() or str(error.code())
    details: dict[str, Any] = {}
    # gRPC's asyncio API has a mapping whose keys, in some versions, are not the names.
    trailers = {name: value for name, value in error.trailing_metadata() or ()}
    if "grpc-status-details-bin" not in trailers:
        return error_for(reason, f"{target}: {message}")
    for part in rpc.Status.FromString(trailers["grpc-status-details-bin"]).details:
        name = part.type_url.rpartition("/")[2]
        if name == "google.rpc.ErrorInfo":
            info = rpc.ErrorInfo.FromString(part.value)
            reason, details["metadata"] = info.reason, info.metadata
        elif name == "google.rpc.RetryInfo":
            details["retry_after"] = rpc.RetryInfo.FromString(part.value).retry_delay.ToTimedelta().total_seconds()
        elif name == "google.rpc.BadRequest":
            violations = rpc.BadRequest.FromString(part.value).field_violations
            details["fields"] = [Field(each.field, each.description) for each in violations]
    return error_for(reason, message, **details)


class Doubt:
    """Remembers of a call that changes something whether one of its tries got no answer.

    request_ids: of a submission, one for each task. A call without them changes something else.
    """

    def __init__(self, request_ids: Sequence[str] = ()) -> None:
        self._ids, self.lost = tuple(request_ids), False

    def saw(self, error: grpc.RpcError) -> None:
        """Takes the error of each try."""
        refused = from_rpc_error(error, "")
        unsent = (error.details() or "").startswith(_NEVER_SENT) and not error.trailing_metadata()
        answered = refused.reason in ("OVERLOADED", "SLOW_READER")
        unanswered = error.code() in _NO_ANSWER and not answered and not unsent
        self.lost = self.lost or unanswered or refused.metadata.get("effect") == "unknown"

    def explain(self, error: CcspError) -> None:
        """Adds the request ids to the error that the agent sees, and what a lost answer means."""
        error.request_ids, error.may_have_taken_effect = self._ids, self.lost
        if self.lost:
            error.args = (f"{error}; {self._meaning()}",)

    def _meaning(self) -> str:
        why = "because a try of this call got no answer"
        if not self._ids:
            return f"the call may have taken effect, {why}"
        if len(self._ids) > 1:
            return f"the tasks may be stored, {why}: submit them again only with the same request ids"
        return f"the task may be stored, {why}: submit it again only with the request id {self._ids[0]}"


#: Statuses that do not say what the server did.
_NO_ANSWER = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
#: What gRPC says when a call found no connection.
_NEVER_SENT = ("failed to connect to all addresses", "DNS resolution failed")


def category_name(category: int) -> str:
    """Name of an error category, such as `RATE_LIMIT`. `UNKNOWN_ERROR` for one that is newer than this package."""
    return _name(task_pb2.ErrorCategory, category, "ERROR_CATEGORY_").replace("UNSPECIFIED", "UNKNOWN_ERROR")


def state_name(state: int) -> str:
    """Name of a task state, such as `RUNNING`. `UNSPECIFIED` for one that is newer than this package."""
    return _name(task_pb2.TaskState, state, "TASK_STATE_")


def _name(enum: Any, number: int, prefix: str) -> str:
    name: str = enum.Name(number if number in enum.values() else 0)
    return name.removeprefix(prefix)
