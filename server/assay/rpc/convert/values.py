"""Conversions that every resource shares: times, metrics, labels, JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf import json_format, struct_pb2, timestamp_pb2

from assay.v1 import metric_pb2

_METRIC_FIELDS = frozenset(metric_pb2.Metrics.DESCRIPTOR.fields_by_name)


def timestamp(moment: datetime | None) -> timestamp_pb2.Timestamp | None:
    """Return `moment` in whole seconds, as the `/api/v1` family prints times."""
    if moment is None:
        return None
    return timestamp_pb2.Timestamp(seconds=int(moment.timestamp()))


def metrics(values: Mapping[str, float]) -> metric_pb2.Metrics:
    """Return `values` as a message; names that are not part of the contract stay inside."""
    return metric_pb2.Metrics(**{k: v for k, v in values.items() if k in _METRIC_FIELDS})


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


def from_struct(message: struct_pb2.Struct) -> dict[str, Any]:
    """Return a Struct as a JSON object; its numbers are floats, whole ones ints."""
    values: dict[str, Any] = json_format.MessageToDict(message)
    return {key: _whole(value) for key, value in values.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def value(json_value: Any) -> struct_pb2.Value:
    """Return any JSON value as a Value; None is null."""
    return json_format.ParseDict(json_value, struct_pb2.Value())
