"""Refusals as callers get them: gRPC status details and the one REST error body.

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

from assay.kernel.errors import AssayError, Internal, StatusMapping, Violation, clip

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
    """The limits of what is sent of an error; the first budget that fits is used."""

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
    status = error.status
    for budget in _BUDGETS:
        payload = _ErrorPayload.of(error, budget)
        trailers = _trailers(error, payload, headers)
        if rest:
            body = _body(status, payload, request_id, clip(path, budget.value), now)
            trailers += (("x-http-status", str(status.http_status)), ("x-error-body", body))
        if _encoded_size(payload.message) + _size(trailers) <= MAX_BYTES:
            break
    return Refusal(code=code_of(status), message=payload.message, trailers=trailers)


@dataclass(frozen=True, kw_only=True)
class _ErrorPayload:
    """The public part of an error, cut to a budget."""

    reason: str
    message: str
    metadata: dict[str, str]
    violations: tuple[Violation, ...]

    @classmethod
    def of(cls, error: AssayError, budget: _Budget) -> _ErrorPayload:
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


def forget_frames(error: BaseException) -> None:
    """Let go of the frames that an error came through, and of those before it.

    What ends a call is part of a cycle that gRPC makes with the call's context: whatever hangs on it,
    such as a request of megabytes in a handler's frame, stays until garbage is collected.
    """
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.__traceback__ = None
        one = one.__cause__ or one.__context__


def code_of(status: StatusMapping) -> grpc.StatusCode:
    """Return the gRPC code of a status."""
    return grpc.StatusCode[status.grpc_code]


def _encoded_size(message: str) -> int:
    # gRPC sends the message percent-encoded: an emoji takes twelve bytes.
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in message.encode())


def _size(trailers: tuple[tuple[str, str | bytes], ...]) -> int:
    # Binary values travel as base64.
    return sum(
        len(value) * 4 // 3 if isinstance(value, bytes) else len(value) for _, value in trailers
    )


def _trailers(
    error: AssayError, payload: _ErrorPayload, headers: dict[str, str]
) -> tuple[tuple[str, str | bytes], ...]:
    details = _details(error, payload)
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", details)]
    if error.retry_after is not None:
        trailers.append(("retry-after", str(math.ceil(max(1.0, error.retry_after)))))
    if error.status.http_status == 401:
        trailers.append(("www-authenticate", 'Bearer realm="assay"'))
    trailers += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return tuple(trailers)


def _details(error: AssayError, payload: _ErrorPayload) -> bytes:
    status = status_pb2.Status(
        code=code_of(error.status).value[0], message=clip(payload.message, 200)
    )
    info = error_details_pb2.ErrorInfo(
        reason=payload.reason, domain=DOMAIN, metadata=payload.metadata
    )
    status.details.add().Pack(info)
    if payload.violations:
        bad = error_details_pb2.BadRequest()
        for violation in payload.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        status.details.add().Pack(bad)
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if error.status.http_status == 429:
        quota = error_details_pb2.QuotaFailure()
        quota.violations.add(
            subject=payload.metadata.get("rate_class", ""), description=clip(payload.message, 200)
        )
        status.details.add().Pack(quota)
    data: bytes = status.SerializeToString()
    return data


def _body(
    status: StatusMapping, payload: _ErrorPayload, request_id: str, path: str, now: datetime
) -> str:
    details: list[dict[str, object]] = [
        {"reason": payload.reason, "domain": DOMAIN, "metadata": payload.metadata}
    ]
    details += [
        {"field": violation.field, "description": violation.description}
        for violation in payload.violations
    ]
    return json.dumps(
        {
            "statusCode": status.http_status,
            "status": status.name,
            "code": status.code,
            "error": status.phrase,
            "message": payload.message,
            "retryable": status.retryable,
            "request_id": clip(request_id, 128),
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
            "path": path,
            "details": details,
            "reportErrorUrl": None,
        },
        separators=(",", ":"),
    )
