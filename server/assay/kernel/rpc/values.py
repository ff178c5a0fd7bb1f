"""Conversions that every resource shares: times, labels, JSON values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format, struct_pb2, timestamp_pb2
from google.protobuf.message import Message

from assay.kernel.errors import InvalidArgument, clip
from assay.v1 import metric_pb2

# A page of 500 versions must fit one message, and a reply nests deeper than its request did.
MAX_OBJECT_BYTES = 64 * 1024
MAX_OBJECT_DEPTH = 16
_LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")  # a `+` in a query that was not escaped


def timestamp(moment: datetime | None) -> timestamp_pb2.Timestamp | None:
    """Return `moment` in whole seconds, as the `/api/v1` family prints times."""
    if moment is None:
        return None
    return timestamp_pb2.Timestamp(seconds=int(moment.timestamp()))


def seconds(moment: datetime) -> str:
    """Return a time as the `/api/v1` family prints it: ISO 8601, whole seconds and `Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def instant(moment: datetime) -> timestamp_pb2.Timestamp:
    """Return `moment` to the microsecond."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(moment)
    return message


def millis(moment: datetime) -> str:
    """Return a time as the `/v1` family prints it: ISO 8601, milliseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def offset_millis(moment: datetime) -> str:
    """Return a time as the camelCase family prints it: ISO 8601, milliseconds and `+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def moment(field: str, message: Message) -> datetime | None:
    """Return the time in a Timestamp field of a request; None where it is not set.

    Raises:
        InvalidArgument: no time of the calendar.
    """
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument.of(field, "a time from year 1 to 9999 is allowed") from None
    return found


def moment_of_text(field: str, sent: str) -> datetime | None:
    """Return the time in a text such as that of a query, in ISO 8601; None for nothing at all.

    Without a zone it is UTC. The `+` of a zone may have become a blank, as queries have it where
    it was not escaped.

    Raises:
        InvalidArgument: it is no time.
    """
    written = _LOST_PLUS.sub(r"+\1", sent.strip())
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument.of(
            field,
            f"'{clip(sent)}' was sent; a time in ISO 8601 such as 2026-01-31T12:00:00Z is allowed",
        ) from None


def undefined(reasons: Mapping[str, str]) -> list[metric_pb2.UndefinedMetric]:
    """Return the undefined metrics in the order of their names."""
    return [
        metric_pb2.UndefinedMetric(metric=name, reason=str(reason))
        for name, reason in sorted(reasons.items())
    ]


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return a JSON object as a Struct."""
    message = struct_pb2.Struct()
    message.update(dict(values))
    return message


def from_struct(field: str, message: struct_pb2.Struct) -> dict[str, Any]:
    """Return a Struct as a JSON object; its numbers are floats, whole ones ints.

    Raises:
        InvalidArgument: `field` is too large or too deep, or holds a number that JSON has not.
    """
    _check_size(field, message)
    found = {key: plain(one) for key, one in message.fields.items()}
    for key, one in found.items():
        _check(f"{field}.{clip(key, 40)}", one, 1)
    return found


def from_value(field: str, message: struct_pb2.Value) -> Any:
    """Return a Value as JSON, as `from_struct` does and with its refusals."""
    _check_size(field, message)
    found = plain(message)
    _check(field, found, 0)
    return found


def _check_size(field: str, message: Message) -> None:
    size = message.ByteSize()
    if size > MAX_OBJECT_BYTES:
        raise InvalidArgument.of(
            field, f"{size} bytes were sent; at most {MAX_OBJECT_BYTES} are allowed"
        )


def _check(path: str, value: Any, depth: int) -> None:
    if depth > MAX_OBJECT_DEPTH:
        raise InvalidArgument.of(
            clip(path), f"is nested deeper than {MAX_OBJECT_DEPTH} levels, which are allowed"
        )
    if isinstance(value, dict):
        for key, item in value.items():
            _check(f"{path}.{clip(key, 40)}", item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(path, item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgument.of(clip(path), f"{value} was sent; finite numbers are allowed")


def plain(value: struct_pb2.Value) -> Any:
    """Return a Value as it is in Python; a whole number below 2**53 is an int."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: plain(one) for key, one in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(one) for one in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return None if kind in {None, "null_value"} else getattr(value, kind)


def value(json_value: Any) -> struct_pb2.Value:
    """Return any JSON value as a Value; None is null."""
    return json_format.ParseDict(json_value, struct_pb2.Value())
