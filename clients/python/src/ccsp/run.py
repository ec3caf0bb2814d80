"""A task that is followed to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType

from ccsp.errors import CcspError, TaskFailedError
from ccsp.events import Accepted, Ended, Event, Started, TakenBack, Text, Used, ended, to_event, used
from ccsp.task.v1 import task_pb2


class _Reading:
    """What is known of a task from the entries of its log that were read."""

    def __init__(self, task_id: str, after_sequence: int) -> None:
        self._messages: dict[int, str] = {}
        self._ended: Ended | None = None
        self._told_usage = False
        self._news: Iterator[Event] = iter(())
        #: Empty until the task is accepted.
        self.task_id = task_id
        #: Position of the last entry of the log that was read.
        self.sequence = after_sequence

    @property
    def text(self) -> str:
        """The answer so far: the last message of the newest attempt that was not taken back."""
        if self._ended and self._ended.result:
            return self._ended.result.text
        return self._messages[max(self._messages)] if self._messages else ""

    def _result(self, task: task_pb2.Task | None) -> task_pb2.TaskResult:
        """The result. `task` counts if the log has no end."""
        end = self._ended
        if end is None and task is not None:
            end = ended(self.sequence, task) if task.HasField("end_time") else None
        if end is None:
            raise CcspError("CALL_CANCELLED", f"the run was left before its end; task {self.task_id or 'not accepted'}")
        if end.state == "SUCCEEDED" and end.result:
            return end.result
        raise TaskFailedError(self.task_id, end.state, end.error)

    def _read(self, entry: task_pb2.Task | task_pb2.TaskEvent) -> Iterator[Event]:
        if isinstance(entry, task_pb2.Task):
            self.task_id = entry.id
            yield Accepted(entry)
            return
        event = to_event(entry)
        if isinstance(event, Ended) and event.result and not self._told_usage:
            missing = used(entry.sequence - 1, entry.attempt, event.result)
            if missing.usage is not None or missing.cost_usd is not None:
                # `sequence` moves later, so a reader that leaves here still gets the end.
                yield missing
        self.sequence = entry.sequence
        # When the task was put back, an earlier end does not count.
        self._ended = event if isinstance(event, Ended) else None
        if isinstance(event, Started):
            self._messages.clear()
            self._told_usage = False
        elif isinstance(event, Used):
            self._told_usage = True
        elif isinstance(event, TakenBack):
            self._messages.pop(event.message, None)
        elif isinstance(event, Text):
            self._messages[event.message] = self._messages.get(event.message, "") + event.text
        if event is not None:
            yield event


class Run(_Reading, Iterator[Event]):
    """The events of a task, in order. Nothing is sent before the first event, or the result, is asked for.

    Leaving the loop, or the end of a `with` block, does not cancel the task:
    `Client.watch(run.task_id, after_sequence=run.sequence)` continues.
    """

    def __init__(
        self,
        entries: Iterator[task_pb2.Task | task_pb2.TaskEvent],
        get: Callable[[str], task_pb2.Task],
        task_id: str = "",
        after_sequence: int = 0,
    ) -> None:
        super().__init__(task_id, after_sequence)
        self._entries, self._get = entries, get

    def __iter__(self) -> Run:
        return self

    def __next__(self) -> Event:
        while True:
            for event in self._news:
                return event
            self._news = self._read(next(self._entries))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def result(self) -> task_pb2.TaskResult:
        """Reads the rest and returns the result. Raises TaskFailedError when the task ended without one."""
        for _ in self:
            pass
        # The store can lose the last entries of a log in a failover. The task itself says how it ended.
        lost = self._ended is None and self.task_id
        return self._result(self._get(self.task_id) if lost else None)

    def close(self) -> None:
        """Stops following. The task continues."""
        getattr(self._entries, "close", lambda: None)()


class AsyncRun(_Reading, AsyncIterator[Event]):
    """The events of a task, in order, as `Run` has them.

    Cancelling the asyncio task that waits for an event ends the run, and does not cancel the task:
    `AsyncClient.watch(run.task_id, after_sequence=run.sequence)` continues.
    """

    def __init__(
        self,
        entries: AsyncIterator[task_pb2.Task | task_pb2.TaskEvent],
        get: Callable[[str], Awaitable[task_pb2.Task]],
        task_id: str = "",
        after_sequence: int = 0,
    ) -> None:
        super().__init__(task_id, after_sequence)
        self._entries, self._get = entries, get

    def __aiter__(self) -> AsyncRun:
        return self

    async def __anext__(self) -> Event:
        while True:
            for event in self._news:
                return event
            self._news = self._read(await anext(self._entries))

    async def __aenter__(self) -> AsyncRun:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def result(self) -> task_pb2.TaskResult:
        """Reads the rest and returns the result. Raises TaskFailedError when the task ended without one."""
        async for _ in self:
            pass
        # The store can lose the last entries of a log in a failover. The task itself says how it ended.
        lost = self._ended is None and self.task_id
        return self._result(await self._get(self.task_id) if lost else None)

    async def close(self) -> None:
        """Stops following. The task continues."""
        await getattr(self._entries, "aclose", _nothing)()


async def _nothing() -> None:
    pass
