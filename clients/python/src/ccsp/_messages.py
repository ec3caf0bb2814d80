"""Makes the classes of the messages and of the service, from the descriptors that the package carries.

The modules `ccsp.*.v1.*_pb2` have the names that protoc gives them, and what protoc's code would define. But they are
not bound to a version of protobuf, as generated code is.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, symbol_database
from google.protobuf.internal import enum_type_wrapper

_FILES = {
    file.name: file
    for file in descriptor_pb2.FileDescriptorSet.FromString(
        Path(__file__).with_name("descriptor.binpb").read_bytes()
    ).file
}


def define(module: dict[str, Any], name: str) -> None:
    """Defines in a module what a file of the protos has."""
    file = module["DESCRIPTOR"] = _added(name)
    for message in file.message_types_by_name.values():
        module[message.name] = _class(message, module["__name__"], message.name)
    for enum in file.enum_types_by_name.values():
        module[enum.name] = enum_type_wrapper.EnumTypeWrapper(enum)
        module.update((value.name, value.number) for value in enum.values)
    module.update(file.extensions_by_name)


def serve(module: dict[str, Any], name: str) -> None:
    """Defines in a module the stub and the servicer of the services of a file."""
    _added(name)
    for service in _FILES[name].service:
        full = f"{_FILES[name].package}.{service.name}"
        module[f"{service.name}Stub"] = _stub(full, service, module["__name__"])
        module[f"{service.name}Servicer"] = _servicer(service, module["__name__"])
        module[f"add_{service.name}Servicer_to_server"] = _adder(full, service)


@cache
def _added(name: str) -> Any:
    """The file, in the pool of the process, with the files that it needs."""
    if name not in _FILES:
        # Google's own come with protobuf.
        return importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR
    for needed in _FILES[name].dependency:
        _added(needed)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(_FILES[name].SerializeToString())
    return pool.FindFileByName(name)


def _class(message: Any, module: str, path: str) -> Any:
    kind = _class_of(message)
    # pickle finds a class by these.
    kind.__module__, kind.__qualname__ = module, path
    for nested in message.nested_types:
        setattr(kind, nested.name, _class(nested, module, f"{path}.{nested.name}"))
    return kind


def _class_of(message: Any) -> Any:
    # protobuf 4.21, which is Debian's, has no GetMessageClass.
    known: Any = symbol_database.Default()
    make = getattr(message_factory, "GetMessageClass", None) or known.GetPrototype
    return make(message)


def _types(method: Any) -> tuple[Any, Any]:
    pool = descriptor_pool.Default()
    names = (method.input_type.removeprefix("."), method.output_type.removeprefix("."))
    request, response = (_class_of(pool.FindMessageTypeByName(name)) for name in names)
    return request, response


def _stub(full: str, service: Any, module: str) -> type:
    def __init__(self: Any, channel: Any) -> None:
        for method in service.method:
            request, response = _types(method)
            call = channel.unary_stream if method.server_streaming else channel.unary_unary
            options = {"request_serializer": request.SerializeToString, "response_deserializer": response.FromString}
            setattr(self, method.name, call(f"/{full}/{method.name}", **options))

    return type(f"{service.name}Stub", (), {"__init__": __init__, "__module__": module})


def _servicer(service: Any, module: str) -> type:
    def unimplemented(self: Any, request: Any, context: Any) -> None:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")

    methods = {method.name: unimplemented for method in service.method}
    return type(f"{service.name}Servicer", (), {"__module__": module, **methods})


def _adder(full: str, service: Any) -> Any:
    def add(servicer: Any, server: Any) -> None:
        handlers = {}
        for method in service.method:
            request, response = _types(method)
            make = (
                grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
            )
            behaviour = getattr(servicer, method.name)
            handlers[method.name] = make(
                behaviour, request_deserializer=request.FromString, response_serializer=response.SerializeToString
            )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full, handlers),))

    return add
