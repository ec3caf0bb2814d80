"""A gateway in memory: each test says how it answers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from typing import Any

import ccsp
import grpc
from ccsp.gateway.v1 import agent_service_pb2 as api
from ccsp.gateway.v1 import agent_service_pb2_grpc as stubs
from ccsp.rpc.v1 import error_details_pb2 as rpc
from google.protobuf import descriptor_pb2


class FakeGateway(stubs.AgentServiceServicer):
    """`answers[method]` is called with the request. `calls` are the method, request and token of each call, and
    `headers` what it carried."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, threads: int = 8) -> None:
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.calls: list[tuple[str, Any, str]] = []
        self.headers: list[dict[str, str]] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(threads))
        stubs.add_AgentServiceServicer_to_server(self, self._server)
        if credentials:
            port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            port = self._server.add_insecure_port("127.0.0.1:0")
        self.target = f"127.0.0.1:{port}"
        self._server.start()

    def close(self) -> None:
        self._server.stop(None).wait()

    def note(self, method: str, request: Any, context: Any) -> None:
        self.headers.append(dict(context.invocation_metadata()))
        self.calls.append((method, request, self.headers[-1].get("authorization", "")))

    def requests(self, method: str) -> list[Any]:
        return [request for name, request, _ in self.calls if name == method]

    def tokens(self) -> list[str]:
        return [token for _, _, token in self.calls]


def _method(name: str, streams: bool) -> Callable[..., Any]:
    def unary(self: FakeGateway, request: Any, context: Any) -> Any:
        if name not in self.answers:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the test does not answer {name}")
        self.note(name, request, context)
        try:
            return self.answers[name](request)
        except Refusal as refusal:
            refusal.send(context)

    def stream(self: FakeGateway, request: Any, context: Any) -> Any:
        self.note(name, request, context)
        try:
            yield from self.answers[name](request)
        except Refusal as refusal:
            refusal.send(context)

    return stream if streams else unary


#: The name of each RPC of the proto, and whether it answers with a stream.
RPCS: dict[str, bool] = {}
_file = descriptor_pb2.FileDescriptorProto()
api.DESCRIPTOR.CopyToProto(_file)
for _rpc in _file.service[0].method:
    RPCS[_rpc.name] = _rpc.server_streaming
    setattr(FakeGateway, _rpc.name, _method(_rpc.name, _rpc.server_streaming))


class Refusal(Exception):
    """A refusal as a gateway of CCSP sends it."""

    def __init__(self, code: grpc.StatusCode, reason: str, *more: Any, metadata: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        info = rpc.ErrorInfo(reason=reason, domain="ccsp", metadata=metadata or {})
        self._code = code
        self._status = rpc.Status(code=code.value[0], message=reason)
        for part in (info, *more):
            self._status.details.add(
                type_url=f"type.googleapis.com/google.rpc.{part.DESCRIPTOR.name}", value=part.SerializeToString()
            )

    def send(self, context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", self._status.SerializeToString()),))
        context.abort(self._code, str(self))


class LostAnswer(Refusal):
    """The status of a call whose connection broke: no word of the gateway."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    def send(self, context: Any) -> None:
        context.abort(self._code, str(self))


def open_client(gateway: FakeGateway, **options: Any) -> ccsp.Client:
    return ccsp.Client(gateway.target, **({"token": "secret"} | options))
