"""Makes the calls of `AsyncClient`, on gRPC's asyncio API: none takes a thread, and cancelling one ends it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
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


class AsyncCaller(Caller):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.closed = asyncio.Event()
        self._channel: Any = None
        self._agent: Any = None

    @property
    def agent(self) -> Any:
        """The stub. gRPC binds a channel to the event loop in which it is made, so the first call makes it."""
        if self._agent is None:
            to = self.to
            if to.credentials:
                self._channel = grpc.aio.secure_channel(to.target, to.credentials, to.options())
            else:
                self._channel = grpc.aio.insecure_channel(to.target, to.options())
            self._agent = stubs.AgentServiceStub(self._channel)
        return self._agent

    async def close(self) -> None:
        self.closed.set()
        if self._channel is not None:
            await self._channel.close()

    async def unary(self, call: Call[T], timeout: float | None = None) -> T:
        if call.known is not None:
            return call.read(call.known)
        patience, doubt = self.patience(timeout), call.doubt
        try:
            while True:
                try:
                    headers = await self.metadata(patience.whole(), call.headers)
                    method = getattr(self.agent, call.method)
                    seconds = min(LONGEST_TRY, patience.left())
                    return call.read(await method(call.request, metadata=headers, timeout=seconds))
                except grpc.RpcError as error:
                    if doubt:
                        doubt.saw(error)
                    await self.wait(patience.pause(error))
                except asyncio.CancelledError:
                    if doubt:
                        doubt.lost = True
                    raise self.cancelled() from None
        except CcspError as final:
            if call.took_effect(final):
                return call.read(None)
            if doubt:
                doubt.explain(final)
            raise

    async def wait(self, seconds: float) -> bool:
        """Waits, but not longer than until the client is closed. Returns whether it is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closed.wait(), seconds)
        return self.closed.is_set()

    def cancelled(self) -> BaseException:
        """The error of a call that was cancelled: by its asyncio task, or because the client was closed."""
        task = asyncio.current_task()
        by_task = task is not None and task.cancelling() > 0
        return closed() if self.closed.is_set() and not by_task else asyncio.CancelledError()

    async def metadata(self, most: float | None, headers: Sequence[Header]) -> list[Header]:
        """What each call carries. Finds out first whether there is a gateway at all, in `most` seconds."""
        if self.closed.is_set():
            raise closed()
        sent = metadata(await self._token(), headers)
        if not self.reached:
            await self._reach(sent, most)
        return sent

    async def _token(self) -> str:
        if self.to.token_file is not None:
            return self.to.read_token_file()
        token: Any = self.to.token
        given = token() if callable(token) else token
        text: str = await given if inspect.isawaitable(given) else given
        return text

    async def _reach(self, sent: list[Header], most: float | None) -> None:
        reaching = Reaching(self, most)
        while not self.reached:
            try:
                await self.agent.GetCapabilities(api.GetCapabilitiesRequest(), metadata=sent, timeout=reaching.left())
                self.reached = True
            except grpc.RpcError as error:
                late = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
                reaching.failed(error, late and await self._connected())
                if not self.reached and await self.wait(FIRST_PAUSE):
                    raise reaching.unreachable() from None

    async def _connected(self) -> bool:
        """Whether the channel is connected: then a gateway is there, and is only slow."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._channel.channel_ready(), MOMENT)
            return True
        return False


async def follow(
    caller: AsyncCaller,
    start: api.RunTaskRequest | api.WatchTaskRequest,
    timeout: float | None,
    headers: Sequence[Header],
) -> AsyncIterator[task_pb2.Task | task_pb2.TaskEvent]:
    """See `Following`."""
    log = caller.log(start, timeout)
    while True:
        call: Any = None
        try:
            sent = await caller.metadata(log.patience.whole(), headers)
            log.began = time.monotonic()
            call = getattr(caller.agent, log.method)(log.request, metadata=sent, timeout=log.patience.whole())
            async for message in call:
                for entry in log.entries(message):
                    yield entry
            return
        except grpc.RpcError as error:
            pause = log.pause(error)
            if pause is None:
                return
            await caller.wait(pause)
        except asyncio.CancelledError:
            cancelled = caller.cancelled()
            if isinstance(cancelled, CcspError):
                log.cut(cancelled)
            raise cancelled from None
        except CcspError as final:
            log.final(final)
            raise
        finally:
            if call is not None:
                call.cancel()
