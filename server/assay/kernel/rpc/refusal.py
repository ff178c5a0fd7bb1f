"""A domain error as the caller sees it: gRPC status details and the one REST error body.

Both travel in the trailers, where more than a few KiB turn into RESOURCE_EXHAUSTED; so values
are cut, at most ten violations are named, and the whole stays under MAX_BYTES.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from assay.kernel.errors import AssayError, Internal, Violation, clip
from assay.kernel.rpc.status import Row, row_of

DOMAIN = "assay"
MAX_BYTES = 4096  # of message, status details and REST body together, as they travel
_INTERNAL_TEXT = "The service failed to answer. Report the request_id if it goes on."


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What is sent when a call is refused."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, kw_only=True)
class _Budget:
    """How much of an error is told; the first budget that fits is used."""

    violations: int
    metadata: int  # entries
    message: int  # characters
    value: int  # characters of a description, a metadata value or a path


_BUDGETS = (
    _Budget(violations=10, metadata=16, message=600, value=200),
    _Budget(violations=4, metadata=16, message=400, value=100),
    _Budget(violations=2, metadata=6, message=200, value=60),
    _Budget(violations=0, metadata=0, message=80, value=40),
)


def refuse(
    error: AssayError, *, request_id: str, path: str, now: datetime, rest: bool, **headers: str
) -> Refusal:
    """Return the refusal for `error`; `headers` are more of the reply's headers.

    Args:
        error: what went wrong.
        request_id: the id that the caller may report.
        path: the path that the caller used.
        now: the time of the refusal, aware.
        rest: True when the call came through the gateway, which alone gets a REST body.
        headers: more trailers, with `_` for `-`; small.
    """
    row = row_of(error)
    for budget in _BUDGETS:
        told = _Told.of(error, budget)
        trailers = _trailers(error, row, told, headers)
        if rest:
            body = _body(row, told, request_id, clip(path, budget.value), now)
            trailers += (("x-http-status", str(row.http_status)), ("x-error-body", body))
        if _encoded_size(told.message) + _size(trailers) <= MAX_BYTES:
            break
    return Refusal(code=row.grpc_code, message=told.message, trailers=trailers)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What of an error leaves the house, cut to a budget."""

    reason: str
    message: str
    metadata: dict[str, str]
    violations: tuple[Violation, ...]

    @classmethod
    def of(cls, error: AssayError, budget: _Budget) -> _Told:
        if isinstance(error, Internal):
            return cls(reason=error.reason, message=_INTERNAL_TEXT, metadata={}, violations=())
        entries = list(error.metadata.items())[: budget.metadata]
        return cls(
            reason=error.reason,
            message=clip(error.message, budget.message),
            metadata={clip(key, 40): clip(value, budget.value) for key, value in entries},
            violations=tuple(
                Violation(
                    field=clip(violation.field, budget.value),
                    description=clip(violation.description, budget.value),
                )
                for violation in error.violations[: budget.violations]
            ),
        )


def _encoded_size(message: str) -> int:
    # gRPC sends the message percent-encoded: an emoji takes twelve bytes.
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in message.encode())


def _size(trailers: tuple[tuple[str, str | bytes], ...]) -> int:
    # Binary values travel as base64.
    return sum(
        len(value) * 4 // 3 if isinstance(value, bytes) else len(value) for _, value in trailers
    )


def _trailers(
    error: AssayError, row: Row, told: _Told, headers: dict[str, str]
) -> tuple[tuple[str, str | bytes], ...]:
    details = _details(error, row, told)
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", details)]
    if error.retry_after is not None:
        trailers.append(("retry-after", str(math.ceil(max(1.0, error.retry_after)))))
    if row.http_status == 401:
        trailers.append(("www-authenticate", 'Bearer realm="assay"'))
    trailers += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return tuple(trailers)


def _details(error: AssayError, row: Row, told: _Told) -> bytes:
    status = status_pb2.Status(code=row.grpc_code.value[0], message=clip(told.message, 200))
    info = error_details_pb2.ErrorInfo(reason=told.reason, domain=DOMAIN, metadata=told.metadata)
    status.details.add().Pack(info)
    if told.violations:
        bad = error_details_pb2.BadRequest()
        for violation in told.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        status.details.add().Pack(bad)
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if row.http_status == 429:
        quota = error_details_pb2.QuotaFailure()
        quota.violations.add(
            subject=told.metadata.get("rate_class", ""), description=clip(told.message, 200)
        )
        status.details.add().Pack(quota)
    data: bytes = status.SerializeToString()
    return data


def _body(row: Row, told: _Told, request_id: str, path: str, now: datetime) -> str:
    details: list[dict[str, object]] = [
        {"reason": told.reason, "domain": DOMAIN, "metadata": told.metadata}
    ]
    details += [
        {"field": violation.field, "description": violation.description}
        for violation in told.violations
    ]
    return json.dumps(
        {
            "statusCode": row.http_status,
            "status": row.status,
            "code": row.code,
            "error": row.http_text,
            "message": told.message,
            "retryable": row.retryable,
            "request_id": clip(request_id, 128),
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "path": path,
            "details": details,
            "reportErrorUrl": None,
        },
        separators=(",", ":"),
    )
