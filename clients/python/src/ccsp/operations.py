"""The calls of the API: the request of each, and what an agent gets of its answer. Both clients make them."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ccsp.errors import CcspError, Doubt, Field, InvalidTaskError, NotFoundError, error_for
from ccsp.fields import Filter, ScheduleFields, Span, State, Task, TaskFields
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.message import to_message
from ccsp.task.v1 import filter_pb2, schedule_pb2, submission_pb2, task_pb2
from ccsp.usage.v1 import budgets_pb2, forecast_pb2

propagate: Any = None
# It is the agent's choice, and not a dependency.
with suppress(ImportError):
    propagate = importlib.import_module("opentelemetry.propagate")

T = TypeVar("T")
Header = tuple[str, str]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Submitted:
    """Outcome of one task of `submit_many`: the id of the stored task, or the error of its refusal."""

    task_id: str | None = None
    error: CcspError | None = None


@dataclass(frozen=True)
class Call(Generic[T]):
    method: str
    request: Any
    #: What the agent gets of the answer.
    read: Callable[[Any], T]
    #: For a call that changes something.
    doubt: Doubt | None = None
    #: The trace that the call continues.
    headers: Sequence[Header] = field(default_factory=lambda: trace_headers(None))
    #: An error that says, after a lost try, that this try took effect.
    done_by: type[CcspError] | None = None
    #: The answer, if nothing has to be asked for it.
    known: Any = None

    def took_effect(self, error: CcspError) -> bool:
        return bool(self.done_by and isinstance(error, self.done_by) and self.doubt and self.doubt.lost)


def trace_headers(traceparent: str | None) -> Sequence[Header]:
    """The given trace context, or that of the active span if the agent uses OpenTelemetry."""
    if traceparent is not None:
        if not _TRACEPARENT.fullmatch(traceparent):
            raise ValueError(f"traceparent has to be a W3C trace context (00-<trace>-<span>-01), not {traceparent!r}")
        return [("traceparent", traceparent)]
    carrier: dict[str, str] = {}
    if propagate is not None:
        propagate.inject(carrier)
    return [(name, carrier[name]) for name in ("traceparent", "tracestate") if name in carrier]


def run(prompt: str, request_id: str | None, task: TaskFields) -> api.RunTaskRequest:
    return api.RunTaskRequest(spec=_spec(prompt, task), request_id=request_id or _new_id())


def watch(task_id: str, after_sequence: int) -> api.WatchTaskRequest:
    return api.WatchTaskRequest(task_id=task_id, after_sequence=after_sequence)


def submit(prompt: str, request_id: str | None, traceparent: str | None, task: TaskFields) -> Call[task_pb2.Task]:
    request = api.SubmitTaskRequest(spec=_spec(prompt, task), request_id=request_id or _new_id())
    doubt = Doubt([request.request_id])
    return Call("SubmitTask", request, lambda answer: answer.task, doubt, trace_headers(traceparent))


def submit_many(
    tasks: Iterable[Task], request_ids: Sequence[str] | None, traceparent: str | None
) -> Call[Sequence[Submitted]]:
    given = list(tasks)
    ids = request_ids if request_ids is not None else [_new_id() for _ in given]
    # What is wrong with one task does not keep the others back.
    read_tasks = [_item(task, id) for task, id in zip(given, ids, strict=True)]
    items = [item for item in read_tasks if not isinstance(item, InvalidTaskError)]
    doubt = Doubt([item.request_id for item in items])

    def read(answer: api.SubmitTasksResponse) -> Sequence[Submitted]:
        outcomes = iter(answer.outcomes)
        return [
            Submitted(error=item)
            if isinstance(item, InvalidTaskError)
            else _submitted(next(outcomes, submission_pb2.SubmitOutcome()), item.request_id, doubt.lost)
            for item in read_tasks
        ]

    request = api.SubmitTasksRequest(tasks=items)
    # The server answers a batch without a task, but there is nothing to ask if all are wrong.
    known = api.SubmitTasksResponse() if given and not items else None
    return Call("SubmitTasks", request, read, doubt, trace_headers(traceparent), known=known)


def _item(task: Task, request_id: str) -> api.SubmitTaskRequest | InvalidTaskError:
    try:
        return api.SubmitTaskRequest(spec=to_message(task_pb2.TaskSpec, task, "spec"), request_id=request_id)
    except InvalidTaskError as error:
        return error


def get(task_id: str) -> Call[task_pb2.Task]:
    return Call("GetTask", api.GetTaskRequest(task_id=task_id), lambda answer: answer.task)


def list_tasks(states: Sequence[State], page_size: int, filter: Filter) -> Call[api.ListTasksResponse]:
    """One page. The next one is the same call with another `page_token`."""
    request = to_message(api.ListTasksRequest, {"states": states, "page_size": page_size}, "request")
    request.filter.CopyFrom(to_message(filter_pb2.TaskFilter, filter, "filter"))
    return _whole("ListTasks", request)


def cancel(task_id: str, reason: str) -> Call[task_pb2.Task]:
    request = api.CancelTaskRequest(task_id=task_id, reason=reason)
    return Call("CancelTask", request, lambda answer: answer.task, Doubt())


def retry(task_id: str, reason: str) -> Call[task_pb2.Task]:
    request = api.RetryTaskRequest(task_id=task_id, reason=reason)
    return Call("RetryTask", request, lambda answer: answer.task, Doubt())


def explain(task_id: str) -> Call[api.ExplainTaskResponse]:
    return _whole("ExplainTask", api.ExplainTaskRequest(task_id=task_id))


def estimate(prompt: str, task: TaskFields) -> Call[api.EstimateTaskResponse]:
    return _whole("EstimateTask", api.EstimateTaskRequest(spec=_spec(prompt, task)))


def trace(task_id: str) -> Call[api.GetTaskTraceResponse]:
    return _whole("GetTaskTrace", api.GetTaskTraceRequest(task_id=task_id))


def usage(
    start_time: dt.datetime | None, end_time: dt.datetime | None, group_by: Sequence[str]
) -> Call[api.GetMyUsageResponse]:
    values = {"start_time": start_time, "end_time": end_time, "group_by": group_by}
    return _whole("GetMyUsage", to_message(api.GetMyUsageRequest, values, "request"))


def forecast(metric: str, horizon: Span | None) -> Call[forecast_pb2.Forecast]:
    request = to_message(api.GetMyForecastRequest, {"metric": metric, "horizon": horizon}, "request")
    return Call("GetMyForecast", request, lambda answer: answer.forecast)


def budgets() -> Call[Sequence[budgets_pb2.BudgetStanding]]:
    return Call("GetMyBudgets", api.GetMyBudgetsRequest(), lambda answer: tuple(answer.budgets))


def capabilities() -> Call[api.GetCapabilitiesResponse]:
    return _whole("GetCapabilities", api.GetCapabilitiesRequest())


def put_schedule(name: str, cron: str, task: Task, more: ScheduleFields) -> Call[schedule_pb2.Schedule]:
    values: Mapping[str, Any] = {"name": name, "cron": cron, "spec": task, **more}
    request = api.PutScheduleRequest(schedule=to_message(schedule_pb2.Schedule, values, "schedule"))
    return Call("PutSchedule", request, lambda answer: answer.schedule, Doubt())


def list_schedules() -> Call[Sequence[schedule_pb2.Schedule]]:
    return Call("ListSchedules", api.ListSchedulesRequest(), lambda answer: tuple(answer.schedules))


def delete_schedule(name: str) -> Call[None]:
    request = api.DeleteScheduleRequest(name=name)
    return Call("DeleteSchedule", request, lambda answer: None, Doubt(), done_by=NotFoundError)


def _whole(method: str, request: Any) -> Call[Any]:
    return Call(method, request, lambda answer: answer)


def _spec(prompt: str, task: TaskFields) -> task_pb2.TaskSpec:
    return to_message(task_pb2.TaskSpec, {"prompt": prompt, **task}, "spec")


def _submitted(outcome: submission_pb2.SubmitOutcome, request_id: str, lost: bool) -> Submitted:
    if outcome.HasField("task_id"):
        return Submitted(task_id=outcome.task_id)
    refused = outcome.refused
    after = refused.retry_after.ToTimedelta().total_seconds() if refused.HasField("retry_after") else None
    fields = [Field(each.field, each.description) for each in refused.fields]
    error = error_for(refused.reason, refused.message, retry_after=after, fields=fields)
    # These do not say whether the task is stored, also without a lost try.
    unsure = refused.reason in ("DEPENDENCY_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL")
    error.request_ids, error.may_have_taken_effect = (request_id,), lost or unsure
    return Submitted(error=error)


def _new_id() -> str:
    return str(uuid.uuid4())
