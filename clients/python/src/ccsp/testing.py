"""A gateway in memory, for the tests of agents.

It listens on loopback, so the agent's own client calls it, over gRPC. Each task runs at once: a function of the test
says how it ends. It stores, follows, cancels and retries tasks, and keeps schedules, as a gateway does. It knows no
limits, budgets, waits or engines: tests of these refuse calls (`refuse`), or end tasks with a `Failure`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn

import grpc

from ccsp.errors import CcspError
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.gateway.v1 import agent_service_pb2_grpc as stubs
from ccsp.message import to_message
from ccsp.rpc.v1 import error_details_pb2 as rpc
from ccsp.task.v1 import schedule_pb2, task_pb2
from ccsp.usage.v1 import forecast_pb2

__all__ = ["Answer", "Failure", "FakeGateway"]


@dataclass(frozen=True)
class Failure:
    """A task that ends FAILED."""

    #: Category of the error, such as `TIMEOUT`. See `ccsp.task.v1.ErrorCategory`.
    category: str
    message: str = ""


#: How a task ends: with this text, this result or this failure. With None, it runs until `FakeGateway.end`.
Answer = str | task_pb2.TaskResult | Failure | None

_CODES = {
    grpc.StatusCode.UNAUTHENTICATED: ("TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"),
    grpc.StatusCode.PERMISSION_DENIED: ("SCOPE_MISSING",),
    grpc.StatusCode.INVALID_ARGUMENT: ("INVALID_FIELD", "ENGINE_UNKNOWN"),
    grpc.StatusCode.NOT_FOUND: ("TASK_NOT_FOUND", "CONVERSATION_NOT_FOUND", "SCHEDULE_NOT_FOUND"),
    grpc.StatusCode.ALREADY_EXISTS: ("REQUEST_ID_CONFLICT",),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("QUEUE_FULL", "MESSAGE_TOO_LARGE", "BUDGET_EXHAUSTED", "CALLER_LIMIT"),
    grpc.StatusCode.FAILED_PRECONDITION: ("SUBMIT_STOPPED", "TASK_NOT_FAILED"),
    grpc.StatusCode.UNAVAILABLE: ("SHUTTING_DOWN", "DEPENDENCY_UNAVAILABLE", "OVERLOADED", "SLOW_READER"),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("DEADLINE_EXCEEDED",),
    grpc.StatusCode.INTERNAL: ("INTERNAL",),
}
_CODE_OF = {reason: code for code, reasons in _CODES.items() for reason in reasons}
_SHUTTING_DOWN = CcspError("SHUTTING_DOWN", "the gateway restarts")
_ENDED = (
    task_pb2.TASK_STATE_SUCCEEDED,
    task_pb2.TASK_STATE_FAILED,
    task_pb2.TASK_STATE_CANCELLED,
    task_pb2.TASK_STATE_EXPIRED,
)


def _echo(spec: task_pb2.TaskSpec) -> Answer:
    return f"You said: {spec.prompt}"


class _Stored:
    def __init__(self, task: task_pb2.Task) -> None:
        self.task, self.log = task, list[task_pb2.TaskEvent]()


class FakeGateway:
    """See the module. `with FakeGateway() as gateway:` closes it at the end. It may be used from several threads."""

    def __init__(self, answer: Callable[[task_pb2.TaskSpec], Answer] = _echo) -> None:
        """
        answer: says how a task ends. It is called once for each task and each retry, also from several threads.
        """
        self._answer = answer
        self._tasks: dict[str, _Stored] = {}
        self._by_request: dict[str, str] = {}
        self._schedules: dict[str, schedule_pb2.Schedule] = {}
        self._refusals: list[CcspError] = []
        self._restarts = 0
        self._news = threading.Condition(threading.RLock())
        self._ids = itertools.count(1)
        # A stream that waits holds a thread. Threads are made when they are needed.
        self._server = grpc.server(futures.ThreadPoolExecutor(1_000))
        stubs.add_AgentServiceServicer_to_server(_Servicer(self), self._server)
        #: The address, for `ccsp.Client(gateway.target, token="any")`. Every token is good.
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self) -> FakeGateway:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._server.stop(None).wait()

    @property
    def tasks(self) -> Sequence[task_pb2.Task]:
        """Copies of the stored tasks, in the order of their submissions."""
        with self._news:
            return [_copy(stored.task) for stored in self._tasks.values()]

    @property
    def schedules(self) -> Sequence[schedule_pb2.Schedule]:
        """The stored schedules, by name."""
        with self._news:
            return [self._schedules[name] for name in sorted(self._schedules)]

    def refuse(
        self,
        reason: str,
        message: str = "refused by the test",
        *,
        times: int = 1,
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Refuses the next calls for this reason, such as `QUEUE_FULL`. A client makes more tries than calls."""
        if reason not in _CODE_OF:
            raise ValueError(f"{reason!r} is no reason that an agent can meet: {', '.join(sorted(_CODE_OF))}")
        with self._news:
            error = CcspError(reason, message, retry_after=retry_after, metadata=metadata)
            self._refusals.extend([error] * times)

    def end(self, task_id: str, answer: str | task_pb2.TaskResult | Failure) -> None:
        """Ends a task that runs, because its answer was None."""
        with self._news:
            stored = self._find(task_id)
            if stored.task.state in _ENDED:
                raise ValueError(f"task {task_id} ended before")
            self._end(stored, answer)

    def drop_streams(self) -> None:
        """Breaks every open stream, as a restart of a gateway does. The client continues them."""
        with self._news:
            self._restarts += 1
            self._news.notify_all()

    def _submit(self, spec: task_pb2.TaskSpec, request_id: str) -> _Stored:
        with self._news:
            known = self._tasks.get(self._by_request.get(request_id, ""))
            if known is not None:
                if known.task.spec != spec:
                    raise CcspError("REQUEST_ID_CONFLICT", "another payload", metadata={"task_id": known.task.id})
                return known
            stored = _Stored(task_pb2.Task(id=f"0-{next(self._ids):026}", spec=spec, state=task_pb2.TASK_STATE_QUEUED))
            stored.task.create_time.GetCurrentTime()
            self._tasks[stored.task.id] = stored
            if request_id:
                self._by_request[request_id] = stored.task.id
        self._run(stored)
        return stored

    def _run(self, stored: _Stored) -> None:
        with self._news:
            stored.task.attempt += 1
            self._change(stored, task_pb2.TASK_STATE_RUNNING)
        try:
            # Without the lock: a test may wait here, and look at the gateway.
            answer = self._answer(_copy(stored.task.spec))
        except Exception as error:
            answer = Failure("UNKNOWN_ERROR", f"the function that answers tasks failed: {error!r}")
        with self._news:
            if answer is not None and stored.task.state not in _ENDED:
                self._end(stored, answer)

    def _end(self, stored: _Stored, answer: str | task_pb2.TaskResult | Failure) -> None:
        task = stored.task
        if isinstance(answer, Failure):
            error = to_message(task_pb2.TaskError, {"category": answer.category, "message": answer.message}, "failure")
            return self._finish(stored, task_pb2.TaskEnded(state=task_pb2.TASK_STATE_FAILED, error=error))
        result = task_pb2.TaskResult(text=answer, turns=1) if isinstance(answer, str) else _copy(answer)
        if task.spec.HasField("conversation") and not result.conversation_id:
            result.conversation_id = task.spec.conversation.id or f"conversation-{task.id}"
        if result.text:
            self._add(stored, text_delta={"text": result.text, "message": 1})
        self._finish(stored, task_pb2.TaskEnded(state=task_pb2.TASK_STATE_SUCCEEDED, result=result))

    def _finish(self, stored: _Stored, end: task_pb2.TaskEnded) -> None:
        with self._news:
            stored.task.state = end.state
            for name in ("result", "error"):
                if end.HasField(name):
                    getattr(stored.task, name).CopyFrom(getattr(end, name))
            stored.task.end_time.GetCurrentTime()
            self._add(stored, task_ended=end)

    def _change(self, stored: _Stored, state: task_pb2.TaskState, reason: str = "") -> None:
        with self._news:
            stored.task.state = state
            self._add(stored, state_changed={"state": state, "reason": reason})

    def _add(self, stored: _Stored, **event: Any) -> None:
        at = len(stored.log) + 1
        stored.log.append(task_pb2.TaskEvent(sequence=at, attempt=stored.task.attempt, **event))
        self._news.notify_all()

    def _find(self, task_id: str) -> _Stored:
        if task_id not in self._tasks:
            raise CcspError("TASK_NOT_FOUND", f"no task {task_id}")
        return self._tasks[task_id]

    def _follow(self, task_id: str, after: int, context: Any) -> Iterator[task_pb2.TaskEvent]:
        stored, restarts = self._find(task_id), self._restarts
        context.add_callback(self._wake)
        while True:
            with self._news:
                if after >= len(stored.log) and stored.log and stored.log[-1].HasField("task_ended"):
                    return
                self._news.wait_for(
                    lambda: len(stored.log) > after or self._restarts > restarts or not context.is_active()
                )
                if not context.is_active():
                    return
                if self._restarts > restarts:
                    raise _SHUTTING_DOWN
                entry, last = stored.log[after], len(stored.log) == after + 1
            yield entry
            after += 1
            if last and entry.HasField("task_ended"):
                return

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def _refuse_next(self) -> None:
        with self._news:
            if self._refusals:
                raise self._refusals.pop(0)


class _Servicer(stubs.AgentServiceServicer):
    """The service of the gateway."""

    def __init__(self, gateway: FakeGateway) -> None:
        for name in (method for method in vars(stubs.AgentServiceServicer) if method[0] != "_"):
            own = getattr(_Methods, name, None)
            if name in ("RunTask", "WatchTask"):
                setattr(self, name, _streaming(gateway, own))
            else:
                setattr(self, name, _unary(gateway, own or _empty(name), name != "GetCapabilities"))


class _Methods:
    """The methods that have an answer of their own. Others answer with an empty message."""

    @staticmethod
    def SubmitTask(gateway: FakeGateway, request: api.SubmitTaskRequest) -> api.SubmitTaskResponse:
        return api.SubmitTaskResponse(task=_copy(gateway._submit(request.spec, request.request_id).task))

    @staticmethod
    def SubmitTasks(gateway: FakeGateway, request: api.SubmitTasksRequest) -> api.SubmitTasksResponse:
        ids = [gateway._submit(item.spec, item.request_id).task.id for item in request.tasks]
        return api.SubmitTasksResponse(outcomes=[{"task_id": id} for id in ids])

    @staticmethod
    def RunTask(gateway: FakeGateway, request: api.RunTaskRequest, context: Any) -> Iterator[api.RunTaskResponse]:
        task = gateway._submit(request.spec, request.request_id).task
        yield api.RunTaskResponse(task=_copy(task))
        for entry in gateway._follow(task.id, 0, context):
            yield api.RunTaskResponse(event=entry)

    @staticmethod
    def WatchTask(gateway: FakeGateway, request: api.WatchTaskRequest, context: Any) -> Iterator[api.WatchTaskResponse]:
        for entry in gateway._follow(request.task_id, request.after_sequence, context):
            yield api.WatchTaskResponse(event=entry)

    @staticmethod
    def GetTask(gateway: FakeGateway, request: api.GetTaskRequest) -> api.GetTaskResponse:
        return api.GetTaskResponse(task=gateway._find(request.task_id).task)

    @staticmethod
    def ListTasks(gateway: FakeGateway, request: api.ListTasksRequest) -> api.ListTasksResponse:
        wanted = set(request.states)
        found = []
        for task in reversed(gateway.tasks):
            labels = request.filter.labels.items()
            if (not wanted or task.state in wanted) and all(
                task.spec.labels.get(key) == value for key, value in labels
            ):
                found.append(task)
        start, size = int(request.page_token or 0), request.page_size or 50
        more = str(start + size) if start + size < len(found) else ""
        return api.ListTasksResponse(tasks=found[start : start + size], next_page_token=more)

    @staticmethod
    def CancelTask(gateway: FakeGateway, request: api.CancelTaskRequest) -> api.CancelTaskResponse:
        stored = gateway._find(request.task_id)
        if stored.task.state not in _ENDED:
            gateway._finish(stored, task_pb2.TaskEnded(state=task_pb2.TASK_STATE_CANCELLED))
        return api.CancelTaskResponse(task=stored.task)

    @staticmethod
    def RetryTask(gateway: FakeGateway, request: api.RetryTaskRequest) -> api.RetryTaskResponse:
        stored = gateway._find(request.task_id)
        if stored.task.state not in (task_pb2.TASK_STATE_FAILED, task_pb2.TASK_STATE_EXPIRED):
            raise CcspError("TASK_NOT_FAILED", f"task {request.task_id} did not fail")
        for name in ("error", "end_time"):
            stored.task.ClearField(name)
        gateway._change(stored, task_pb2.TASK_STATE_QUEUED, request.reason)
        answer = api.RetryTaskResponse(task=stored.task)
        gateway._run(stored)
        return answer

    @staticmethod
    def PutSchedule(gateway: FakeGateway, request: api.PutScheduleRequest) -> api.PutScheduleResponse:
        gateway._schedules[request.schedule.name] = request.schedule
        return api.PutScheduleResponse(schedule=request.schedule)

    @staticmethod
    def ListSchedules(gateway: FakeGateway, request: api.ListSchedulesRequest) -> api.ListSchedulesResponse:
        return api.ListSchedulesResponse(schedules=gateway.schedules)

    @staticmethod
    def DeleteSchedule(gateway: FakeGateway, request: api.DeleteScheduleRequest) -> api.DeleteScheduleResponse:
        if gateway._schedules.pop(request.name, None) is None:
            raise CcspError("SCHEDULE_NOT_FOUND", f"no schedule {request.name}")
        return api.DeleteScheduleResponse()

    @staticmethod
    def GetMyForecast(gateway: FakeGateway, request: api.GetMyForecastRequest) -> api.GetMyForecastResponse:
        forecast = forecast_pb2.Forecast(
            metric=request.metric or forecast_pb2.FORECAST_METRIC_TOKENS,
            state=forecast_pb2.FORECAST_STATE_TOO_LITTLE_DATA,
            reason="the gateway in memory knows no usage",
        )
        return api.GetMyForecastResponse(forecast=forecast)

    @staticmethod
    def GetCapabilities(gateway: FakeGateway, request: api.GetCapabilitiesRequest) -> api.GetCapabilitiesResponse:
        return api.GetCapabilitiesResponse(engines=["fake"], max_prompt_bytes=1_048_576, agent_id="test", version="0")


def _empty(name: str) -> Callable[..., Any]:
    answer: Any = getattr(api, f"{name}Response")
    return lambda gateway, request: answer()


def _unary(gateway: FakeGateway, method: Callable[..., Any], refusable: bool) -> Callable[..., Any]:
    def serve(request: Any, context: Any) -> Any:
        try:
            # The client asks for capabilities by itself, to find out whether a gateway is there.
            if refusable:
                gateway._refuse_next()
            return method(gateway, request)
        except Exception as error:
            _abort(context, error)

    return serve


def _streaming(gateway: FakeGateway, method: Callable[..., Any] | None) -> Callable[..., Any]:
    def serve(request: Any, context: Any) -> Any:
        try:
            gateway._refuse_next()
            if method is not None:
                yield from method(gateway, request, context)
        except Exception as error:
            _abort(context, error)

    return serve


def _abort(context: Any, error: Exception) -> NoReturn:
    if not isinstance(error, CcspError):
        error = CcspError("INTERNAL", f"the gateway in memory failed: {error!r}")
    info = rpc.ErrorInfo(reason=error.reason, domain="ccsp", metadata=error.metadata)
    details: list[Any] = [info]
    if error.retry_after is not None:
        nanos = round(error.retry_after * 1e9)
        delay = {"seconds": nanos // 10**9, "nanos": nanos % 10**9}
        details.append(rpc.RetryInfo(retry_delay=delay))
    code = _CODE_OF[error.reason]
    status = rpc.Status(code=code.value[0], message=str(error))
    for part in details:
        name = f"type.googleapis.com/google.rpc.{part.DESCRIPTOR.name}"
        status.details.add(type_url=name, value=part.SerializeToString())
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, str(error))
    raise AssertionError("abort raises")


def _copy(message: Any) -> Any:
    other = type(message)()
    other.CopyFrom(message)
    return other
