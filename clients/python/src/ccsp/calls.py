"""Makes calls as one agent: adds the token, and repeats a failed call when a repeat may help.

`Following`, `Patience` and `Caller` decide. They are the same for `Client`, whose part is in `threads.py`, and for
`AsyncClient` (`aio.py`).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from ccsp.connection import Connection, sendable
from ccsp.errors import CcspError, Doubt, NotFoundError, RunTimeoutError, UnavailableError, from_rpc_error
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.operations import Header
from ccsp.task.v1 import task_pb2

_log = logging.getLogger("ccsp")

#: CANCELLED too: this side cancels only when it is closed. Otherwise the server reset the stream.
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
#: Another token may help, if there is one.
_RENEWABLE = ("TOKEN_EXPIRED", "TOKEN_REVOKED")
FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
LONGEST_TRY = 10.0
#: How long a channel may take to say that it is connected.
MOMENT = 0.5
#: A stream that lasted longer was connected, so the patience begins again. Keepalive needs up to 25 s to notice a lost
#: gateway.
_STOOD = 30.0
#: How long a stream that breaks after an end is tried again. Only a task that was put back has more entries.
_AFTER_END = 2.0


@dataclass
class Caller:
    """What a caller knows of its gateway. Its subclasses make the calls."""

    to: Connection
    #: Whether a gateway has taken a call, or answered one.
    reached: bool = False

    @property
    def target(self) -> str:
        return self.to.target

    @property
    def renews(self) -> bool:
        return not isinstance(self.to.token, str)

    def patience(self, timeout: float | None = None) -> Patience:
        return Patience(self, self.to.patience, None if timeout is None else time.monotonic() + timeout)

    def log(self, start: api.RunTaskRequest | api.WatchTaskRequest, timeout: float | None) -> Following:
        return Following(self, start, timeout)


class Reaching:
    """Decides whether there is a gateway at all.

    Until one took a call, silence is more likely a wrong address than a restart. Any answer will do.
    """

    def __init__(self, caller: Caller, most: float | None) -> None:
        wait = caller.to.connect_timeout
        self._caller, self._seconds = caller, wait if most is None else min(wait, most)
        self._until, self._first = time.monotonic() + self._seconds, ""

    def left(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def failed(self, error: grpc.RpcError, connected: bool) -> None:
        """Takes the error of a try. `connected`: whether the channel is. Raises when the time is over."""
        late = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and connected
        self._caller.reached = late or error.code() not in _LOST or bool(error.trailing_metadata())
        # The first error names the cause. Later ones may only say that a try was cut off.
        self._first = self._first or _why(error)
        if not self._caller.reached and time.monotonic() + FIRST_PAUSE > self._until:
            raise self.unreachable() from None

    def unreachable(self) -> UnavailableError:
        how = "with TLS" if self._caller.to.credentials else "without TLS"
        tried = f"tried {self._caller.target} for {round(self._seconds, 1):g} s {how}"
        return UnavailableError("DEPENDENCY_UNAVAILABLE", f"no gateway could be reached: {tried} ({self._first})")


class Patience:
    """Decides whether to repeat a failed call, and how long to wait before.

    Every call of this package may be repeated: those that create something carry a request id.
    """

    def __init__(self, caller: Caller, seconds: float, deadline: float | None) -> None:
        self._caller, self._longest, self._deadline = caller, seconds, deadline
        self.progressed()

    def progressed(self, most: float | None = None) -> None:
        """The server answers again. The time until giving up starts again. It is at most `most` until the next time."""
        self._seconds = self._longest if most is None else min(most, self._longest)
        self.failures = 0
        self._since: float | None = None
        self._word: CcspError | None = None
        self._renewed = False

    def left(self) -> float:
        now = time.monotonic()
        self._since = self._since or now
        end = self._since + self._seconds
        return max(0.001, (end if self._deadline is None else min(end, self._deadline)) - now)

    def whole(self) -> float | None:
        """The time that is left for a stream. It may last longer than the patience."""
        return None if self._deadline is None else max(0.001, self._deadline - time.monotonic())

    def over(self) -> bool:
        """Whether the caller's own time is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline - 0.01

    def pause(self, error: grpc.RpcError) -> float:
        """How long to wait before the next try. Raises what the agent should see when no further try makes sense."""
        code, refused = error.code(), from_rpc_error(error, self._caller.target)
        if refused.reason in _RENEWABLE and self._caller.renews and not self._renewed:
            self._renewed = True
            _log.debug("%s: the call is repeated with the token as it is now", refused.reason)
            return 0.0
        if code not in _LOST and refused.reason != "CALLER_LIMIT":
            raise refused from error
        # The last try may be too short to receive the server's word again.
        if code != grpc.StatusCode.DEADLINE_EXCEEDED:
            self._word = refused
        asked = refused.retry_after or 0.0
        left = self.left() - asked
        if left <= 0.001:
            raise self._word or refused from error
        self.failures += 1
        # With a random part, the clients of a restarted gateway do not all return at the same moment.
        growing = min(_LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.failures - 1, 10))
        pause: float = asked + min(growing * (0.5 + random.random() / 2), left)
        level = logging.WARNING if self.failures == 1 else logging.DEBUG
        _log.log(level, "%s: the call is repeated in %.1f s (%s)", refused.reason, pause, refused)
        return pause


class Following:
    """The log of a task, each entry once and in order, across broken streams and restarts of the gateway.

    A request to run submits the task first. When the stream breaks before the task is known, the same request is sent
    again. Errors after an end of the task are ignored: the caller has its end.
    """

    def __init__(self, caller: Caller, start: api.RunTaskRequest | api.WatchTaskRequest, timeout: float | None) -> None:
        self.request, self.patience = start, caller.patience(timeout)
        self._doubt = Doubt([start.request_id]) if isinstance(start, api.RunTaskRequest) else None
        self._ended = False
        # When the newest stream began, on the monotonic clock.
        self.began = time.monotonic()

    @property
    def method(self) -> str:
        return "RunTask" if isinstance(self.request, api.RunTaskRequest) else "WatchTask"

    def entries(self, message: Any) -> Sequence[task_pb2.Task | task_pb2.TaskEvent]:
        """What a message of the stream brings that is new."""
        self.patience.progressed()
        if isinstance(message, api.RunTaskResponse) and message.HasField("task"):
            self.request, self._doubt = api.WatchTaskRequest(task_id=message.task.id), None
            return (message.task,)
        if isinstance(self.request, api.WatchTaskRequest) and message.event.sequence > self.request.after_sequence:
            self.request.after_sequence = message.event.sequence
            self._ended = message.event.WhichOneof("event") == "task_ended"
            if self._ended:
                self.patience.progressed(_AFTER_END)
            return (message.event,)
        return ()

    def pause(self, error: grpc.RpcError) -> float | None:
        """How long to wait before the next try. None if the log is complete. Raises what the agent should see."""
        # Longer than keepalive needs to notice a lost gateway: the stream was there, also if its task said nothing.
        if not self._ended and time.monotonic() - self.began > _STOOD:
            self.patience.progressed()
        late = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and self.patience.over()
        if late and isinstance(self.request, api.WatchTaskRequest):
            if self._ended:
                return None
            if not self.patience.failures:
                text = f"the time of this run is over; task {self.request.task_id} continues"
                raise self.final(RunTimeoutError("DEADLINE_EXCEEDED", text)) from None
        if self._doubt:
            self._doubt.saw(error)
        try:
            return self.patience.pause(error)
        except CcspError as final:
            if self._ended and isinstance(final, (UnavailableError, NotFoundError)):
                return None
            self.final(final)
            raise

    def cut(self, error: CcspError) -> None:
        """Takes the error of a stream that this side ended without a word of the gateway."""
        if self._doubt:
            self._doubt.lost = True
        self.final(error)

    def final(self, error: CcspError) -> CcspError:
        """Adds to the error that the agent sees what is known of the task."""
        if isinstance(self.request, api.WatchTaskRequest):
            error.task_id, error.sequence = self.request.task_id, self.request.after_sequence
        if self._doubt:
            self._doubt.explain(error)
        return error


def metadata(token: str, headers: Sequence[Header]) -> list[Header]:
    """What each call carries."""
    return [("authorization", f"Bearer {sendable(token)}"), *headers]


def closed() -> CcspError:
    return CcspError("CALL_CANCELLED", "the client is closed")


def _why(error: grpc.RpcError) -> str:
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return "nothing answers at this address"
    details: str = error.details() or "the connection failed"
    return details.rpartition("last error: ")[2].removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ")
