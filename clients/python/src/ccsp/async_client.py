"""CCSP for one agent, in asyncio code."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Unpack

from ccsp import operations as ops
from ccsp.aio import AsyncCaller, follow
from ccsp.connection import AsyncToken, connection
from ccsp.fields import Dimension, Filter, Metric, ScheduleFields, Span, State, Task, TaskFields
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.operations import Submitted
from ccsp.run import AsyncRun
from ccsp.task.v1 import schedule_pb2, task_pb2
from ccsp.usage.v1 import budgets_pb2, forecast_pb2


class AsyncClient:
    """CCSP for one agent, in asyncio code. Opens no connection before the first call. Belongs to one event loop.

    It has the methods of `Client`, and no call takes a thread. Cancelling an asyncio task ends the call that it waits
    for: `asyncio.wait_for` gives up at once. The task of CCSP continues then, or may be stored.

    Every method raises a CcspError when the call was refused or was not answered. `timeout` is the time in seconds
    that a call may take, with all its repeats; for a stream, the time until its end.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        token: AsyncToken | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        certificate_file: str | Path | None = None,
        key_file: str | Path | None = None,
        server_name: str | None = None,
        connect_timeout: float = 2.0,
        patience: float = 60.0,
    ) -> None:
        """
        target: where the gateway is, such as `gateway.example.com:3000`. Without it: the environment's CCSP_GATEWAY.
        token: the token, or a function, also an async one, that returns it. It is called before each call, so it can
        renew the token. What it raises, the call raises.
        token_file: a file with the token. It is read before each call. Without both: CCSP_TOKEN or CCSP_TOKEN_FILE.
        ca_file: connects with TLS and accepts this authority, in PEM. `system`: those that this machine trusts. Without
        it and without `target`: CCSP_CA_FILE. Without any, the connection is not encrypted.
        certificate_file, key_file: the agent's own certificate, if the gateway asks for one.
        server_name: the name in the gateway's certificate, if it is not the host of the target.
        connect_timeout: seconds after which the first call gives up if no gateway was ever reached.
        patience: seconds for which calls and streams try again when a gateway that was reached does not answer.
        """
        self._caller = AsyncCaller(
            connection(
                target,
                token=token,
                token_file=token_file,
                ca_file=ca_file,
                certificate_file=certificate_file,
                key_file=key_file,
                server_name=server_name,
                connect_timeout=connect_timeout,
                patience=patience,
            )
        )
        #: The recurring tasks of the agent.
        self.schedules = AsyncSchedules(self._caller)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all calls and streams. Tasks continue."""
        await self._caller.close()

    def run(
        self,
        prompt: str,
        *,
        request_id: str | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
        **task: Unpack[TaskFields],
    ) -> AsyncRun:
        """Submits a task and follows it to its end, across restarts of the gateway.

        `timeout` ends the run with a RunTimeoutError, which has the task's id; the task continues. `traceparent` is the
        W3C trace context that the task continues: by default that of OpenTelemetry's active span, if there is one.
        """
        request = ops.run(prompt, request_id, task)
        return AsyncRun(follow(self._caller, request, timeout, ops.trace_headers(traceparent)), self.get)

    async def submit(
        self,
        prompt: str,
        *,
        request_id: str | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
        **task: Unpack[TaskFields],
    ) -> task_pb2.Task:
        """Returns when the task is stored safely.

        `request_id` makes the submission safe to repeat for 24 hours, also from another process. Without one, each
        call makes a new one, so that only the repeats of this call are safe.
        """
        return await self._caller.unary(ops.submit(prompt, request_id, traceparent, task), timeout)

    async def submit_many(
        self,
        tasks: Iterable[Task],
        *,
        request_ids: Sequence[str] | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
    ) -> Sequence[Submitted]:
        """Submits up to 1,000 tasks in one call. Each has its own outcome, in the order of the tasks.

        If the call itself fails, it is safe to repeat it with the `request_ids` of the error.
        """
        return await self._caller.unary(ops.submit_many(tasks, request_ids, traceparent), timeout)

    def watch(self, task_id: str, *, after_sequence: int = 0, timeout: float | None = None) -> AsyncRun:
        """Follows a task from the entry after a sequence to its end."""
        request = ops.watch(task_id, after_sequence)
        entries = follow(self._caller, request, timeout, ops.trace_headers(None))
        return AsyncRun(entries, self.get, task_id, after_sequence)

    async def get(self, task_id: str, *, timeout: float | None = None) -> task_pb2.Task:
        """The task, with its result."""
        return await self._caller.unary(ops.get(task_id), timeout)

    async def list(
        self,
        *,
        states: Sequence[State] = (),
        page_size: int = 0,
        timeout: float | None = None,
        **filter: Unpack[Filter],
    ) -> AsyncIterator[task_pb2.Task]:
        """The agent's tasks, newest first, without prompts and results. Pages are fetched as the loop needs them."""
        call = ops.list_tasks(states, page_size, filter)
        while True:
            page = await self._caller.unary(call, timeout)
            for task in page.tasks:
                yield task
            call.request.page_token = page.next_page_token
            if not page.next_page_token:
                return

    async def cancel(self, task_id: str, reason: str = "", *, timeout: float | None = None) -> task_pb2.Task:
        """The task as it is after the call: CANCELLED, CANCELLING, or as it ended before."""
        return await self._caller.unary(ops.cancel(task_id, reason), timeout)

    async def retry(self, task_id: str, reason: str = "", *, timeout: float | None = None) -> task_pb2.Task:
        """Puts a FAILED or EXPIRED task back into the queue, with all its attempts."""
        return await self._caller.unary(ops.retry(task_id, reason), timeout)

    async def explain(self, task_id: str, *, timeout: float | None = None) -> api.ExplainTaskResponse:
        """What keeps the task from starting, and when it may start."""
        return await self._caller.unary(ops.explain(task_id), timeout)

    async def estimate(
        self, prompt: str = "", *, timeout: float | None = None, **task: Unpack[TaskFields]
    ) -> api.EstimateTaskResponse:
        """When the task would start if it were submitted now."""
        return await self._caller.unary(ops.estimate(prompt, task), timeout)

    async def trace(self, task_id: str, *, timeout: float | None = None) -> api.GetTaskTraceResponse:
        """What took how long in the task, and in which service.

        Spans arrive seconds or minutes after they ended, and the tracing system may keep only some traces. If
        `readable` is false, the gateway knows no tracing system.
        """
        return await self._caller.unary(ops.trace(task_id), timeout)

    async def usage(
        self,
        *,
        start_time: dt.datetime | None = None,
        end_time: dt.datetime | None = None,
        group_by: Sequence[Dimension] = (),
        timeout: float | None = None,
    ) -> api.GetMyUsageResponse:
        """What the agent's own tasks used: runs, tokens, cost and times. One row for each combination of `group_by`.

        Without arguments: in the last 24 hours, by model. Times are rounded to full hours, so that the range gets
        longer; the answer says which range it covers, and when records were lost in it.
        """
        return await self._caller.unary(ops.usage(start_time, end_time, group_by), timeout)

    async def forecast(
        self, metric: Metric = "tokens", *, horizon: Span | None = None, timeout: float | None = None
    ) -> forecast_pb2.Forecast:
        """What the agent is expected to use: tokens, cost in US dollars, or requests, which are runs.

        `horizon` is how far ahead, in whole steps of five minutes up to six hours; the default is one hour. With too
        little usage, the state is FORECAST_STATE_TOO_LITTLE_DATA, and `reason` says what is missing.
        """
        return await self._caller.unary(ops.forecast(metric, horizon), timeout)

    async def budgets(self, *, timeout: float | None = None) -> Sequence[budgets_pb2.BudgetStanding]:
        """The budgets that the agent itself holds, sorted by name, and where each stands.

        Those of labels, models, engines, accounts and of everybody are not among them.
        """
        return await self._caller.unary(ops.budgets(), timeout)

    async def capabilities(self, *, timeout: float | None = None) -> api.GetCapabilitiesResponse:
        """Engines, limits, version, and the identity that the gateway sees."""
        return await self._caller.unary(ops.capabilities(), timeout)


class AsyncSchedules:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def put(
        self, name: str, cron: str, task: Task, *, timeout: float | None = None, **more: Unpack[ScheduleFields]
    ) -> schedule_pb2.Schedule:
        """Stores the schedule, or replaces the agent's schedule of this name. `cron` has five fields."""
        return await self._caller.unary(ops.put_schedule(name, cron, task, more), timeout)

    async def list(self, *, timeout: float | None = None) -> Sequence[schedule_pb2.Schedule]:
        """The schedules, sorted by name, each with its next run times."""
        return await self._caller.unary(ops.list_schedules(), timeout)

    async def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a schedule. Tasks that it made stay."""
        await self._caller.unary(ops.delete_schedule(name), timeout)
