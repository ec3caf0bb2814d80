"""Makes calls as one agent: adds the token, and repeats a failed call when a repeat may help."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from ccsp.errors import AuthenticationError, CcspError, Doubt, NotFoundError, UnavailableError, from_rpc_error
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.gateway.v1 import agent_service_pb2_grpc as stubs
from ccsp.task.v1 import task_pb2

Token = str | Callable[[], str]

_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    # A gateway that vanished without a word is noticed after 25 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # This package repeats calls itself, with the same request id.
    ("grpc.enable_retries", 0),
    # An http_proxy in the environment is for outside traffic, not for calls inside the installation.
    ("grpc.enable_http_proxy", 0),
)
#: CANCELLED too: this side cancels only when it is closed. Otherwise the server reset the stream.
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
#: Another token may help, if there is one.
_RENEWABLE = ("TOKEN_EXPIRED", "TOKEN_REVOKED")
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
_LONGEST_TRY = 10.0
#: How long a channel may take to say that it is connected.
_MOMENT = 0.5
#: How long a stream that breaks after an end is tried again. Only a task that was put back has more entries.
_AFTER_END = 2.0


@dataclass(frozen=True)
class Connection:
    """Where the gateway is, who calls, and how long to try. See `Client`."""

    target: str
    token: Token | None
    token_file: str | Path | None
    credentials: grpc.ChannelCredentials | None
    server_name: str | None
    connect_timeout: float
    patience: float


class Caller:
    def __init__(self, connection: Connection) -> None:
        self._to = connection
        options = list(_OPTIONS)
        if connection.server_name:
            options.append(("grpc.ssl_target_name_override", connection.server_name))  # type: ignore[arg-type]
        if connection.credentials:
            self._channel = grpc.secure_channel(connection.target, connection.credentials, options)
        else:
            self._channel = grpc.insecure_channel(connection.target, options)
        self.agent: Any = stubs.AgentServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._reached = False
        self.closed = threading.Event()

    @property
    def target(self) -> str:
        return self._to.target

    @property
    def renews(self) -> bool:
        return not isinstance(self._to.token, str)

    def close(self) -> None:
        self.closed.set()
        self._channel.close()

    def patience(self, timeout: float | None = None) -> Patience:
        return Patience(self, self._to.patience, None if timeout is None else time.monotonic() + timeout)

    def unary(self, method: Any, request: Any, timeout: float | None = None, doubt: Doubt | None = None) -> Any:
        """`doubt` is needed for a call that changes something."""
        patience = self.patience(timeout)
        try:
            while True:
                try:
                    metadata = self.metadata(patience.whole())
                    return method(request, metadata=metadata, timeout=min(_LONGEST_TRY, patience.left()))
                except grpc.RpcError as error:
                    if doubt:
                        doubt.saw(error)
                    patience.wait(error)
        except CcspError as final:
            if doubt:
                doubt.explain(final)
            raise

    def metadata(self, most: float | None) -> list[tuple[str, str]]:
        """What each call carries. Finds out first whether there is a gateway at all, in `most` seconds."""
        if self.closed.is_set():
            raise CcspError("CALL_CANCELLED", "the client is closed")
        metadata = [("authorization", f"Bearer {_sendable(self._read_token())}")]
        if not self._reached:
            wait = self._to.connect_timeout
            self._reach(metadata, wait if most is None else min(wait, most))
        return metadata

    def _read_token(self) -> str:
        if self._to.token_file is not None:
            try:
                return Path(self._to.token_file).read_text("utf-8").strip()
            except OSError as error:
                raise AuthenticationError("TOKEN_MISSING", f"the token file cannot be read: {error}") from error
        token = self._to.token
        return token() if callable(token) else token or ""

    def _reach(self, metadata: list[tuple[str, str]], seconds: float) -> None:
        """Until a gateway took a call, silence is more likely a wrong address than a restart. Any answer will do."""
        until = time.monotonic() + seconds
        first = ""
        while not self._reached:
            left = max(0.001, until - time.monotonic())
            try:
                self.agent.GetCapabilities(api.GetCapabilitiesRequest(), metadata=metadata, timeout=left)
                self._reached = True
            except grpc.RpcError as error:
                late = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and self._connected()
                self._reached = late or error.code() not in _LOST or bool(error.trailing_metadata())
                # The first error names the cause. Later ones may only say that a try was cut off.
                first = first or _why(error)
                if not self._reached and (time.monotonic() + _FIRST_PAUSE > until or self.closed.wait(_FIRST_PAUSE)):
                    how = "with TLS" if self._to.credentials else "without TLS"
                    tried = f"tried {self.target} for {round(seconds, 1):g} s {how}"
                    text = f"no gateway could be reached: {tried} ({first})"
                    raise UnavailableError("DEPENDENCY_UNAVAILABLE", text) from None

    def _connected(self) -> bool:
        """Whether the channel is connected: then a gateway is there, and is only slow."""
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(timeout=_MOMENT)
            return True
        except grpc.FutureTimeoutError:
            return False
        finally:
            ready.cancel()


class Patience:
    """Decides whether to repeat a failed call, and waits before the repeat.

    Every call of this package may be repeated: those that create something carry a request id.
    """

    def __init__(self, caller: Caller, seconds: float, deadline: float | None) -> None:
        self._caller, self._longest, self._deadline = caller, seconds, deadline
        self.progressed()

    def progressed(self, most: float | None = None) -> None:
        """The server answers again. The time until giving up starts again. It is at most `most` until the next time."""
        self._seconds = self._longest if most is None else min(most, self._longest)
        self._failures = 0
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

    def wait(self, error: grpc.RpcError) -> None:
        """Waits before the next try. Raises the error that the agent should see when no further try makes sense."""
        code, refused = error.code(), from_rpc_error(error, self._caller.target)
        if refused.reason in _RENEWABLE and self._caller.renews and not self._renewed:
            self._renewed = True
            return
        if code not in _LOST and refused.reason != "CALLER_LIMIT":
            raise refused from error
        # The last try may be too short to receive the server's word again.
        if code != grpc.StatusCode.DEADLINE_EXCEEDED:
            self._word = refused
        asked = refused.retry_after or 0.0
        left = self.left() - asked
        if left <= 0.001:
            raise self._word or refused from error
        self._failures += 1
        # With a random part, the clients of a restarted gateway do not all return at the same moment.
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 1, 10)) * (0.5 + random.random() / 2)
        self._caller.closed.wait(asked + min(pause, left))


def follow(
    caller: Caller,
    start: api.RunTaskRequest | api.WatchTaskRequest,
    timeout: float | None,
) -> Iterator[task_pb2.Task | task_pb2.TaskEvent]:
    """The log of a task, each entry once and in order, across broken streams and restarts of the gateway.

    A request to run submits the task first. When the stream breaks before the task is known, the same request is sent
    again. Errors after an end of the task are ignored: the caller has its end.
    """
    request, patience, ended = start, caller.patience(timeout), False
    doubt = Doubt([start.request_id]) if isinstance(start, api.RunTaskRequest) else None
    while True:
        call: Any = None
        try:
            run = isinstance(request, api.RunTaskRequest)
            method = caller.agent.RunTask if run else caller.agent.WatchTask
            call = method(request, metadata=caller.metadata(patience.whole()), timeout=patience.whole())
            for message in call:
                patience.progressed()
                if run and message.HasField("task"):
                    request, doubt = api.WatchTaskRequest(task_id=message.task.id), None
                    yield message.task
                elif isinstance(request, api.WatchTaskRequest) and message.event.sequence > request.after_sequence:
                    request.after_sequence = message.event.sequence
                    ended = message.event.WhichOneof("event") == "task_ended"
                    if ended:
                        patience.progressed(_AFTER_END)
                    yield message.event
            return
        except grpc.RpcError as error:
            try:
                if doubt:
                    doubt.saw(error)
                patience.wait(error)
            except CcspError as final:
                if ended and isinstance(final, (UnavailableError, NotFoundError)):
                    return
                if doubt:
                    doubt.explain(final)
                raise
        except CcspError as final:
            if doubt:
                doubt.explain(final)
            raise
        finally:
            if call is not None:
                call.cancel()


def _sendable(token: str) -> str:
    """A message of gRPC about a value that cannot be sent would contain the token."""
    if re.fullmatch(r"[\x21-\x7e]+", token):
        return token
    if token == "":
        raise AuthenticationError("TOKEN_MISSING", "the token is empty")
    raise AuthenticationError("TOKEN_INVALID", "the token has characters that are not allowed, such as a line break")


def _why(error: grpc.RpcError) -> str:
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return "nothing answers at this address"
    details: str = error.details() or "the connection failed"
    return details.rpartition("last error: ")[2].removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ")
