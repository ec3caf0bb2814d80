"""CCSP for one agent."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Unpack

import grpc

from ccsp.calls import Caller, Connection, Token, follow
from ccsp.errors import CcspError, Doubt, NotFoundError, error_for
from ccsp.fields import Dimension, Filter, Metric, ScheduleFields, Span, State, Task, TaskFields
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.message import to_message
from ccsp.run import Run
from ccsp.task.v1 import filter_pb2, schedule_pb2, submission_pb2, task_pb2
from ccsp.usage.v1 import budgets_pb2, forecast_pb2


@dataclass(frozen=True)
class Submitted:
    """Outcome of one task of `Client.submit_many`: the id of the stored task, or the error of its refusal."""

    task_id: str | None = None
    error: CcspError | None = None


class Client:
    """CCSP for one agent. Opens no connection before the first call. May be used from several threads.

    Every method raises a CcspError when the call was refused or was not answered. `timeout` is the time in seconds
    that a call may take, with all its repeats; for a stream, the time until its end.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Token | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        certificate_file: str | Path | None = None,
        key_file: str | Path | None = None,
        server_name: str | None = None,
        connect_timeout: float = 2.0,
        patience: float = 60.0,
    ) -> None:
        """
        token: the token, or a function that returns one. The function is called before each call, so it can renew it.
        Several threads may call it at the same time. What it raises, the call raises.
        token_file: a file with the token. It is read before each call.
        ca_file: connects with TLS and accepts this authority, in PEM. Without it, the connection is not encrypted.
        certificate_file, key_file: the agent's own certificate, if the gateway asks for one.
        server_name: the name in the gateway's certificate, if it is not the host of the target.
        connect_timeout: seconds after which the first call gives up if no gateway was ever reached.
        patience: seconds for which calls and streams try again when a gateway that was reached does not answer.
        """
        if (token is None) == (token_file is None):
            raise ValueError("give either token or token_file")
        if (certificate_file is None) != (key_file is None) or (certificate_file and ca_file is None):
            raise ValueError("certificate_file and key_file belong together, and they need ca_file")
        tls = None
        if ca_file is not None:
            own = [Path(file).read_bytes() if file else None for file in (key_file, certificate_file)]
            tls = grpc.ssl_channel_credentials(Path(ca_file).read_bytes(), *own)
        self._caller = Caller(Connection(target, token, token_file, tls, server_name, connect_timeout, patience))
        #: The recurring tasks of the agent.
        self.schedules = Schedules(self._caller)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls and streams. Tasks continue."""
        self._caller.close()

    def run(
        self,
        prompt: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        **task: Unpack[TaskFields],
    ) -> Run:
        """Submits a task and follows it to its end, across restarts of the gateway."""
        request = api.RunTaskRequest(spec=_spec(prompt, task), request_id=request_id or _new_id())
        return Run(follow(self._caller, request, timeout), self.get)

    def submit(
        self,
        prompt: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        **task: Unpack[TaskFields],
    ) -> task_pb2.Task:
        """Returns when the task is stored safely.

        `request_id` makes the submission safe to repeat for 24 hours, also from another process. Without one, each
        call makes a new one, so that only the repeats of this call are safe.
        """
        request = api.SubmitTaskRequest(spec=_spec(prompt, task), request_id=request_id or _new_id())
        method, doubt = self._caller.agent.SubmitTask, Doubt([request.request_id])
        answer: api.SubmitTaskResponse = self._caller.unary(method, request, timeout, doubt)
        return answer.task

    def submit_many(
        self, tasks: Iterable[Task], *, request_ids: Sequence[str] | None = None, timeout: float | None = None
    ) -> Sequence[Submitted]:
        """Submits up to 1,000 tasks in one call. Each has its own outcome, in the order of the tasks.

        If the call itself fails, it is safe to repeat it with the `request_ids` of the error.
        """
        specs = [to_message(task_pb2.TaskSpec, task, f"tasks[{at}].spec") for at, task in enumerate(tasks)]
        ids = request_ids if request_ids is not None else [_new_id() for _ in specs]
        items = [api.SubmitTaskRequest(spec=spec, request_id=id) for spec, id in zip(specs, ids, strict=True)]
        request = api.SubmitTasksRequest(tasks=items)
        method, doubt = self._caller.agent.SubmitTasks, Doubt([item.request_id for item in items])
        answer: api.SubmitTasksResponse = self._caller.unary(method, request, timeout, doubt)
        outcomes = zip(answer.outcomes, request.tasks, strict=False)
        return [_submitted(outcome, item.request_id, doubt.lost) for outcome, item in outcomes]

    def watch(self, task_id: str, *, after_sequence: int = 0, timeout: float | None = None) -> Run:
        """Follows a task from the entry after a sequence to its end."""
        request = api.WatchTaskRequest(task_id=task_id, after_sequence=after_sequence)
        return Run(follow(self._caller, request, timeout), self.get, task_id, after_sequence)

    def get(self, task_id: str, *, timeout: float | None = None) -> task_pb2.Task:
        """The task, with its result."""
        request = api.GetTaskRequest(task_id=task_id)
        answer: api.GetTaskResponse = self._caller.unary(self._caller.agent.GetTask, request, timeout)
        return answer.task

    def list(
        self,
        *,
        states: Sequence[State] = (),
        page_size: int = 0,
        timeout: float | None = None,
        **filter: Unpack[Filter],
    ) -> Iterator[task_pb2.Task]:
        """The agent's tasks, newest first, without prompts and results. Pages are fetched as the loop needs them."""
        request = to_message(api.ListTasksRequest, {"states": states, "page_size": page_size}, "request")
        request.filter.CopyFrom(to_message(filter_pb2.TaskFilter, filter, "filter"))
        while True:
            page: api.ListTasksResponse = self._caller.unary(self._caller.agent.ListTasks, request, timeout)
            yield from page.tasks
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def cancel(self, task_id: str, reason: str = "", *, timeout: float | None = None) -> task_pb2.Task:
        """The task as it is after the call: CANCELLED, CANCELLING, or as it ended before."""
        request = api.CancelTaskRequest(task_id=task_id, reason=reason)
        answer: api.CancelTaskResponse = self._caller.unary(self._caller.agent.CancelTask, request, timeout, Doubt())
        return answer.task

    def retry(self, task_id: str, reason: str = "", *, timeout: float | None = None) -> task_pb2.Task:
        """Puts a FAILED or EXPIRED task back into the queue, with all its attempts."""
        request = api.RetryTaskRequest(task_id=task_id, reason=reason)
        answer: api.RetryTaskResponse = self._caller.unary(self._caller.agent.RetryTask, request, timeout, Doubt())
        return answer.task

    def explain(self, task_id: str, *, timeout: float | None = None) -> api.ExplainTaskResponse:
        """What keeps the task from starting, and when it may start."""
        request = api.ExplainTaskRequest(task_id=task_id)
        answer: api.ExplainTaskResponse = self._caller.unary(self._caller.agent.ExplainTask, request, timeout)
        return answer

    def estimate(
        self, prompt: str = "", *, timeout: float | None = None, **task: Unpack[TaskFields]
    ) -> api.EstimateTaskResponse:
        """When the task would start if it were submitted now."""
        request = api.EstimateTaskRequest(spec=_spec(prompt, task))
        answer: api.EstimateTaskResponse = self._caller.unary(self._caller.agent.EstimateTask, request, timeout)
        return answer

    def trace(self, task_id: str, *, timeout: float | None = None) -> api.GetTaskTraceResponse:
        """What took how long in the task, and in which service.

        Spans arrive seconds or minutes after they ended, and the tracing system may keep only some traces. If
        `readable` is false, the gateway knows no tracing system.
        """
        request = api.GetTaskTraceRequest(task_id=task_id)
        answer: api.GetTaskTraceResponse = self._caller.unary(self._caller.agent.GetTaskTrace, request, timeout)
        return answer

    def usage(
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
        values = {"start_time": start_time, "end_time": end_time, "group_by": group_by}
        request = to_message(api.GetMyUsageRequest, values, "request")
        answer: api.GetMyUsageResponse = self._caller.unary(self._caller.agent.GetMyUsage, request, timeout)
        return answer

    def forecast(
        self, metric: Metric = "tokens", *, horizon: Span | None = None, timeout: float | None = None
    ) -> forecast_pb2.Forecast:
        """What the agent is expected to use: tokens, cost in US dollars, or requests, which are runs.

        `horizon` is how far ahead, in whole steps of five minutes up to six hours; the default is one hour. With too
        little usage, the state is FORECAST_STATE_TOO_LITTLE_DATA, and `reason` says what is missing.
        """
        request = to_message(api.GetMyForecastRequest, {"metric": metric, "horizon": horizon}, "request")
        answer: api.GetMyForecastResponse = self._caller.unary(self._caller.agent.GetMyForecast, request, timeout)
        return answer.forecast

    def budgets(self, *, timeout: float | None = None) -> Sequence[budgets_pb2.BudgetStanding]:
        """The budgets that the agent itself holds, sorted by name, and where each stands.

        Those of labels and of everybody are not among them.
        """
        method, request = self._caller.agent.GetMyBudgets, api.GetMyBudgetsRequest()
        answer: api.GetMyBudgetsResponse = self._caller.unary(method, request, timeout)
        return tuple(answer.budgets)

    def capabilities(self, *, timeout: float | None = None) -> api.GetCapabilitiesResponse:
        """Engines, limits, version, and the identity that the gateway sees."""
        method, request = self._caller.agent.GetCapabilities, api.GetCapabilitiesRequest()
        answer: api.GetCapabilitiesResponse = self._caller.unary(method, request, timeout)
        return answer


class Schedules:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def put(
        self, name: str, cron: str, task: Task, *, timeout: float | None = None, **more: Unpack[ScheduleFields]
    ) -> schedule_pb2.Schedule:
        """Stores the schedule, or replaces the agent's schedule of this name. `cron` has five fields."""
        schedule = to_message(
            schedule_pb2.Schedule, {"name": name, "cron": cron, "spec": task, **more}, "schedule"
        )
        request = api.PutScheduleRequest(schedule=schedule)
        method = self._caller.agent.PutSchedule
        answer: api.PutScheduleResponse = self._caller.unary(method, request, timeout, Doubt())
        return answer.schedule

    def list(self, *, timeout: float | None = None) -> Sequence[schedule_pb2.Schedule]:
        """The schedules, sorted by name, each with its next run times."""
        method, request = self._caller.agent.ListSchedules, api.ListSchedulesRequest()
        answer: api.ListSchedulesResponse = self._caller.unary(method, request, timeout)
        return tuple(answer.schedules)

    def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a schedule. Tasks that it made stay."""
        method, request, doubt = self._caller.agent.DeleteSchedule, api.DeleteScheduleRequest(name=name), Doubt()
        try:
            self._caller.unary(method, request, timeout, doubt)
        except NotFoundError:
            # An earlier try deleted it, and its answer was lost.
            if not doubt.lost:
                raise


def _spec(prompt: str, task: TaskFields) -> task_pb2.TaskSpec:
    return to_message(task_pb2.TaskSpec, {"prompt": prompt, **task}, "spec")


def _submitted(outcome: submission_pb2.SubmitOutcome, request_id: str, lost: bool) -> Submitted:
    if outcome.HasField("task_id"):
        return Submitted(task_id=outcome.task_id)
    refused = outcome.refused
    after = refused.retry_after.ToTimedelta().total_seconds() if refused.HasField("retry_after") else None
    error = error_for(refused.reason, refused.message, retry_after=after)
    # These do not say whether the task is stored, also without a lost try.
    unsure = refused.reason in ("DEPENDENCY_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL")
    error.request_ids, error.may_have_taken_effect = (request_id,), lost or unsure
    return Submitted(error=error)


def _new_id() -> str:
    return str(uuid.uuid4())
