"""Adds the messages of the public protos while the package is built. pyproject.toml has everything else.

The wheel carries the descriptors of the messages, and `ccsp/_messages.py` makes their classes at import. So the wheel
has no generated code of which a version of protobuf may say that it is too old or too new for it. Type checkers read
the generated `.pyi` files.
"""

from __future__ import annotations

import keyword
import shutil
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
NAME = "descriptor.binpb"
SERVICE = "ccsp/gateway/v1/agent_service.proto"
#: What the service needs, and what its errors carry.
FOLDERS = ("ccsp/access/v1/", "ccsp/task/v1/", "ccsp/error/v1/", "ccsp/usage/v1/", "ccsp/rpc/v1/")
#: protobuf refuses two files of one name in a process, and another package of the agent may bring Google's complete
#: error_details.proto. So the part that CCSP uses gets a name of its own.
DETAILS, OWN_DETAILS = "google/rpc", "ccsp/rpc/v1"


def public_files() -> list[FileDescriptorProto]:
    """The files of the agent's API, without comments. A source package has them, and a checkout has those of all."""
    own = HERE / NAME
    data = (own if own.exists() else HERE.parents[1] / "packages/protos" / NAME).read_bytes()
    files = []
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        file.ClearField("source_code_info")
        if file.name.startswith(DETAILS):
            file.name = file.name.replace(DETAILS, OWN_DETAILS)
            _move(file.message_type, f".{file.package}.", f".{OWN_DETAILS.replace('/', '.')}.")
            file.package = OWN_DETAILS.replace("/", ".")
        if file.name == SERVICE or file.name.startswith(FOLDERS):
            files.append(file)
    return files


def _move(messages: list[DescriptorProto], old: str, new: str) -> None:
    for message in messages:
        for field in message.field:
            if field.type_name.startswith(old):
                field.type_name = new + field.type_name[len(old) :]
        _move(message.nested_type, old, new)


def packed(files: list[FileDescriptorProto]) -> bytes:
    return descriptor_pb2.FileDescriptorSet(file=files).SerializeToString()


class BuildWithMessages(build_py):
    def run(self) -> None:
        # Files of an earlier build would get into the wheel.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        out, files = Path(self.build_lib), public_files()
        (out / "ccsp" / NAME).write_bytes(packed(files))
        version = self.distribution.get_version()
        (out / "ccsp/_version.py").write_text(f'"""Version of this package."""\n\n__version__ = "{version}"\n')
        types = {f".{file.package}.{name}": f"{module(file)}.{name}" for file in files for name in names(file)}
        for file in files:
            path = out / (module(file).replace(".", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            head = f'"""The messages of {file.name}."""\n\n'
            path.write_text(f'{head}from ccsp._messages import define\n\ndefine(globals(), "{file.name}")\n')
            path.with_suffix(".pyi").write_text("".join(f"{line}\n" for line in typed(file, types)))
            if file.service:
                grpc = path.with_name(path.stem + "_grpc.py")
                head = f'"""The service of {file.name}."""\n\n'
                grpc.write_text(f'{head}from ccsp._messages import serve\n\nserve(globals(), "{file.name}")\n')
                grpc.with_suffix(".pyi").write_text("".join(f"{line}\n" for line in typed_service(file)))


class SourceWithDescriptors(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        Path(base_dir, NAME).write_bytes(packed(public_files()))


# The rest writes the types. They are those of protoc, with two differences: what cannot be assigned is a property, and
# an enum has the types of its methods.

SCALARS = {
    FieldDescriptorProto.TYPE_DOUBLE: "float",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "str",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
}
HEAD = """\
import builtins as _b
import typing as _t
from collections.abc import Iterable as _Iterable, Mapping as _Mapping

from google.protobuf import descriptor as _descriptor, message as _message
from google.protobuf.internal import containers as _containers
"""


def module(file: FileDescriptorProto) -> str:
    return file.name.removesuffix(".proto").replace("/", ".") + "_pb2"


def names(file: FileDescriptorProto | DescriptorProto, prefix: str = "") -> Iterator[str]:
    """The names of the types of a file, with those of nested types."""
    messages = file.message_type if isinstance(file, FileDescriptorProto) else file.nested_type
    for enum in file.enum_type:
        yield prefix + enum.name
    for message in messages:
        yield prefix + message.name
        yield from names(message, f"{prefix}{message.name}.")


def typed(file: FileDescriptorProto, types: dict[str, str]) -> Iterator[str]:
    yield HEAD
    for used in sorted({module(FileDescriptorProto(name=name)) for name in file.dependency} | {module(file)}):
        yield f"import {used}"
    yield "\nDESCRIPTOR: _descriptor.FileDescriptor"
    for enum in file.enum_type:
        yield from typed_enum(enum, f"{module(file)}.", "")
    for message in file.message_type:
        yield from typed_message(message, f"{module(file)}.", types, "")
    for extension in file.extension:
        yield f"{extension.name}: _t.Any"


def typed_enum(enum: EnumDescriptorProto, scope: str, indent: str) -> Iterator[str]:
    name = f"{scope}{enum.name}"
    yield f"\n{indent}class _{enum.name}Type(_b.type):"
    yield f"{indent}    DESCRIPTOR: _descriptor.EnumDescriptor"
    yield f"{indent}    def Name(self, number: _b.int) -> _b.str: ..."
    yield f"{indent}    def Value(self, name: _b.str) -> {name}: ..."
    yield f"{indent}    def keys(self) -> _b.list[_b.str]: ..."
    yield f"{indent}    def values(self) -> _b.list[{name}]: ..."
    yield f"{indent}    def items(self) -> _b.list[_b.tuple[_b.str, {name}]]: ..."
    yield from (f"{indent}    {value.name}: {name}" for value in enum.value)
    yield f"\n{indent}class {enum.name}(_b.int, metaclass=_{enum.name}Type): ..."
    yield ""
    yield from (f"{indent}{value.name}: {name}" for value in enum.value)


def typed_message(message: DescriptorProto, scope: str, types: dict[str, str], indent: str) -> Iterator[str]:
    own, inner = f"{scope}{message.name}.", f"{indent}    "
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    yield f"\n{indent}class {message.name}(_message.Message):"
    yield f"{inner}DESCRIPTOR: _descriptor.Descriptor"
    for enum in message.enum_type:
        yield from typed_enum(enum, own, inner)
    for nested in message.nested_type:
        if nested.name not in entries:
            yield from typed_message(nested, own, types, inner)
    given = []
    for field in message.field:
        yield f"{inner}{field.name.upper()}_FIELD_NUMBER: _t.ClassVar[_b.int]"
        if keyword.iskeyword(field.name):
            continue
        read, accepted, assignable = field_type(field, entries, types)
        given.append(f"{field.name}: {accepted} | None = ...")
        if assignable:
            yield f"{inner}{field.name}: {read}"
        else:
            yield f"{inner}@_b.property\n{inner}def {field.name}(self) -> {read}: ..."
    arguments = f", *, {', '.join(given)}" if given else ""
    yield f"{inner}def __init__(self{arguments}) -> None: ..."
    groups = [group(message, at) for at in range(len(message.oneof_decl))]
    overload = f"{inner}@_t.overload\n" if len([one for one in groups if one]) > 1 else ""
    for one, members in zip(message.oneof_decl, groups):
        if members:
            offered = ", ".join(f'"{name}"' for name in members)
            arguments = f'oneof_group: _t.Literal["{one.name}"]'
            yield f"{overload}{inner}def WhichOneof(self, {arguments}) -> _t.Literal[{offered}] | None: ..."


def group(message: DescriptorProto, at: int) -> list[str]:
    """The fields of a oneof. None for that which stands for an optional field."""
    members = [field for field in message.field if field.HasField("oneof_index") and field.oneof_index == at]
    return [field.name for field in members if not field.proto3_optional]


def field_type(
    field: FieldDescriptorProto, entries: dict[str, DescriptorProto], types: dict[str, str]
) -> tuple[str, str, bool]:
    """What reading a field gives, what its message accepts for it, and whether it can be assigned."""
    entry = entries.get(field.type_name.rpartition(".")[2]) if field.type_name else None
    if entry is not None:
        key, value = (field_type(each, {}, types) for each in entry.field)
        kind = "ScalarMap" if value[2] else "MessageMap"
        return f"_containers.{kind}[{key[0]}, {value[0]}]", f"_Mapping[{key[0]}, {value[1]}]", False
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        read = types.get(field.type_name) or google_type(field.type_name)
        accepted, assignable, kind = f"{read} | _Mapping[_b.str, _t.Any]", False, "RepeatedCompositeFieldContainer"
    else:
        enum = field.type == FieldDescriptorProto.TYPE_ENUM
        read = types[field.type_name] if enum else f"_b.{SCALARS.get(field.type, 'int')}"
        accepted = f"{read} | _b.str" if enum else read
        assignable, kind = True, "RepeatedScalarFieldContainer"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"_containers.{kind}[{read}]", f"_Iterable[{accepted}]", False
    return read, accepted, assignable


def google_type(name: str) -> str:
    """`.google.protobuf.Int64Value` is in `google.protobuf.wrappers_pb2`."""
    short = name.rpartition(".")[2]
    where = "wrappers" if short.endswith("Value") else short.lower()
    return f"google.protobuf.{where}_pb2.{short}"


def typed_service(file: FileDescriptorProto) -> Iterator[str]:
    yield "import typing as _t\n"
    for service in file.service:
        yield f"class {service.name}Stub:"
        yield "    def __init__(self, channel: _t.Any) -> None: ..."
        yield from (f"    {method.name}: _t.Any" for method in service.method)
        yield f"\nclass {service.name}Servicer:"
        arguments = "self, request: _t.Any, context: _t.Any"
        yield from (f"    def {method.name}({arguments}) -> _t.Any: ..." for method in service.method)
        yield f"\ndef add_{service.name}Servicer_to_server(servicer: _t.Any, server: _t.Any) -> None: ..."


setup(cmdclass={"build_py": BuildWithMessages, "sdist": SourceWithDescriptors})
