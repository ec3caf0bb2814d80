"""Turns plain Python values into messages. The names and types of the fields are those of the protos.

`json_format.ParseDict` of protobuf takes only what JSON has, so no timedelta or datetime, and it names one fault only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ccsp.errors import Field, InvalidTaskError
from ccsp.task.v1 import schedule_pb2, task_pb2

M = TypeVar("M", bound=Message)

_PLAIN: Mapping[int, tuple[type | tuple[type, ...], str]] = {
    FieldDescriptor.CPPTYPE_STRING: (str, "a string"),
    FieldDescriptor.CPPTYPE_BOOL: (bool, "True or False"),
    FieldDescriptor.CPPTYPE_DOUBLE: ((int, float), "a number"),
    FieldDescriptor.CPPTYPE_INT32: (int, "a whole number"),
    FieldDescriptor.CPPTYPE_INT64: (int, "a whole number"),
}
_BITS = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63}


def to_message(kind: type[M], values: Mapping[str, Any], path: str) -> M:
    """The message with these fields. A field of the value None is left out.

    Raises InvalidTaskError, which names every unknown field, every value of a wrong type and every limit of 0. The
    server checks whether the values are acceptable.
    """
    message: M = kind()
    faults: list[Field] = []
    _fill(message, values, path, faults)
    # A value of a wrong type was not set, so its field looks like 0.
    if not faults and isinstance(message, task_pb2.TaskSpec):
        _refuse_zeros(message, path, faults)
    elif not faults and isinstance(message, schedule_pb2.Schedule):
        _refuse_zeros(message.spec, f"{path}.spec", faults)
    if faults:
        said = "; ".join(f"{fault.name} {fault.description}" for fault in faults)
        raise InvalidTaskError("INVALID_FIELD", said, fields=faults)
    return message


def _refuse_zeros(spec: task_pb2.TaskSpec, path: str, faults: list[Field]) -> None:
    """To a gateway of 0.2.0, a limit of 0 is not a small bound but none at all."""
    for field, value in spec.limits.ListFields():
        if value in (0, duration_pb2.Duration()):
            said = "is 0: leave it out for the default of the installation"
            faults.append(Field(f"{path}.limits.{field.name}", said))


def _fill(message: Message, values: Mapping[str, Any], path: str, faults: list[Field]) -> None:
    for name, value in values.items():
        at = f"{path}.{name}"
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            known = ", ".join(sorted(message.DESCRIPTOR.fields_by_name))
            faults.append(Field(at, f"is not a field; the fields are {known}"))
        elif value is not None:
            try:
                _set(message, field, value, at, faults)
            except (TypeError, ValueError, OverflowError) as error:
                faults.append(Field(at, str(error)))


def _set(message: Message, field: Any, value: Any, at: str, faults: list[Field]) -> None:
    target = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
            raise TypeError(f"has to be a dict of strings, not {value!r}")
        target.update(value)
    elif _is_repeated(field):
        if isinstance(value, (str, bytes, Mapping)):
            raise TypeError(f"has to be a list, not {value!r}")
        for item in value:
            if field.message_type is None:
                target.append(_scalar(field, item))
            else:
                _set_message(target.add(), item, at, faults)
    elif field.message_type is not None:
        target.SetInParent()
        _set_message(target, value, at, faults)
    else:
        setattr(message, field.name, _scalar(field, value))


def _is_repeated(field: Any) -> bool:
    # protobuf 7 has no `label`, and protobuf before 6.31 no `is_repeated`.
    repeated: bool | None = getattr(field, "is_repeated", None)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED) if repeated is None else repeated


def _set_message(target: Message, value: Any, at: str, faults: list[Field]) -> None:
    if isinstance(target, duration_pb2.Duration):
        target.FromTimedelta(_timedelta(value))
    elif isinstance(target, timestamp_pb2.Timestamp):
        if not isinstance(value, dt.datetime) or value.tzinfo is None:
            raise TypeError(f"has to be a datetime with a time zone, not {value!r}")
        target.FromDatetime(value.astimezone(dt.timezone.utc).replace(tzinfo=None))
    elif isinstance(value, type(target)):
        target.CopyFrom(value)
    elif isinstance(value, Mapping):
        _fill(target, value, at, faults)
    else:
        raise TypeError(f"has to be a dict, not {value!r}")


def _timedelta(value: Any) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dt.timedelta(seconds=value)
    raise TypeError(f"has to be a timedelta or a number of seconds, not {value!r}")


def _scalar(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return _number(field.enum_type, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        if isinstance(value, (str, bytes)):
            return value.encode() if isinstance(value, str) else value
        raise TypeError(f"has to be bytes or a string, not {value!r}")
    kinds, words = _PLAIN[field.cpp_type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise TypeError(f"has to be {words}, not {value!r}")
    if field.cpp_type in _BITS and not -(2 ** _BITS[field.cpp_type]) <= value < 2 ** _BITS[field.cpp_type]:
        raise ValueError(f"has to be smaller than 2^{_BITS[field.cpp_type]}, not {value!r}")
    return value


def _number(enum: Any, word: Any) -> int:
    """The number of a value: `accept-edits` stands for `PERMISSION_MODE_ACCEPT_EDITS`."""
    first: str = enum.values[0].name
    prefix = first.removesuffix("UNSPECIFIED")
    words = {value.name.removeprefix(prefix): value.number for value in enum.values[1:]}
    number: int | None = words.get(str(word).upper().replace("-", "_"))
    if number is None:
        offered = ", ".join(name.lower().replace("_", "-") for name in words)
        raise ValueError(f"has to be one of {offered}, not {word!r}")
    return number
