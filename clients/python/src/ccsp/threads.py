"""Makes the calls of `Client`: each blocks its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import grpc

from ccsp.calls import FIRST_PAUSE, LONGEST_TRY, MOMENT, Caller, Reaching, closed, metadata
from ccsp.connection import Connection
from ccsp.errors import CcspError
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.gateway.v1 import agent_service_pb2_grpc as stubs
from ccsp.operations import Call, Header
from ccsp.task.v1 import task_pb2

T = TypeVar("T")


class ThreadCaller(Caller):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        options = connection.options()
        if connection.credentials:
            self._channel = grpc.secure_channel(connection.target, connection.credentials, options)
        else:
            self._channel = grpc.insecure_channel(connection.target, options)
        self.agent = stubs.AgentServiceStub(self._channel)
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        self._channel.close()

    def unary(self, call: Call[T], timeout: float | None = None) -> T:
        if call.known is not None:
            return call.read(call.known)
        patience, doubt = self.patience(timeout), call.doubt
        try:
            while True:
                try:
                    headers = self.metadata(patience.whole(), call.headers)
                    method = getattr(self.agent, call.method)
                    seconds = min(LONGEST_TRY, patience.left())
                    return call.read(method(call.request, metadata=headers, timeout=seconds))
                except grpc.RpcError as error:
                    if doubt:
                        doubt.saw(error)
                    self.closed.wait(patience.pause(error))
        except CcspError as final:
            if call.took_effect(final):
                return call.read(None)
            if doubt:
                doubt.explain(final)
            raise

    def metadata(self, most: float | None, headers: Sequence[Header]) -> list[Header]:
        """What each call carries. Finds out first whether there is a gateway at all, in `most` seconds."""
        if self.closed.is_set():
            raise closed()
        sent = metadata(self._token(), headers)
        if not self.reached:
            self._reach(sent, most)
        return sent

    def _token(self) -> str:
        if self.to.token_file is not None:
            return self.to.read_token_file()
        token: Any = self.to.token
        text: str = token() if callable(token) else token
        return text

    def _reach(self, sent: list[Header], most: float | None) -> None:
        reaching = Reaching(self, most)
        while not self.reached:
            try:
                self.agent.GetCapabilities(api.GetCapabilitiesRequest(), metadata=sent, timeout=reaching.left())
                self.reached = True
            except grpc.RpcError as error:
                reaching.failed(error, error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and self._connected())
                if not self.reached and self.closed.wait(FIRST_PAUSE):
                    raise reaching.unreachable() from None

    def _connected(self) -> bool:
        """Whether the channel is connected: then a gateway is there, and is only slow."""
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(timeout=MOMENT)
            return True
        except grpc.FutureTimeoutError:
            return False
        finally:
            ready.cancel()


def follow(
    caller: ThreadCaller,
    start: api.RunTaskRequest | api.WatchTaskRequest,
    timeout: float | None,
    headers: Sequence[Header],
) -> Iterator[task_pb2.Task | task_pb2.TaskEvent]:
    """See `Following`."""
    log = caller.log(start, timeout)
    while True:
        call: Any = None
        try:
            sent = caller.metadata(log.patience.whole(), headers)
            log.began = time.monotonic()
            call = getattr(caller.agent, log.method)(log.request, metadata=sent, timeout=log.patience.whole())
            for message in call:
                yield from log.entries(message)
            return
        except grpc.RpcError as error:
            pause = log.pause(error)
            if pause is None:
                return
            caller.closed.wait(pause)
        except CcspError as final:
            log.final(final)
            raise
        finally:
            if call is not None:
                call.cancel()
