"""Exceptions of refused calls, which a program can act on.

ServiceError
├── InvalidRequest       400  a value, a file or the predictions are wrong; see `violations`
├── Unauthenticated      401
├── PermissionDenied     403
├── NotFound             404
├── Conflict             409
├── TooLarge             413
├── FailedPrecondition   422  the state of the resource forbids the call; see `reason`
├── RateLimited          429  see `retry_after`
├── EvaluationFailed          the predictions were found wrong while they were measured
├── BenchmarkFailed           the benchmark's job ended without a result
├── ServiceUnavailable   503  nothing answers; the client has already retried
│   └── TlsFailed             what answers is not trusted, or does not speak TLS
└── ServiceFault         500  and every answer that the contract does not know

BadInput, a ValueError, is what the client itself refuses before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import grpc
from google.rpc import error_details_pb2, status_pb2


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One field, row or column that is wrong."""

    field: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What the service said when it refused a call."""

    message: str
    reason: str = "INTERNAL"  # a word of ErrorReason, such as VERSION_NOT_READY
    metadata: Mapping[str, str] = field(default_factory=dict)  # every dynamic part of the message
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None  # seconds
    request_id: str | None = None


class ServiceError(Exception):
    """A call was refused; the message says what was sent, what is allowed and the way out."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal

    @property
    def message(self) -> str:
        """The service's own words."""
        return self.refusal.message

    @property
    def reason(self) -> str:
        """The reason as a word of the contract, such as `SPLIT_NOT_EVALUATED`."""
        return self.refusal.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """Every dynamic part of the message, by name."""
        return self.refusal.metadata

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The fields that are wrong, at most ten."""
        return self.refusal.violations

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call may succeed, where the service says so."""
        return self.refusal.retry_after

    @property
    def request_id(self) -> str | None:
        """The id by which the service's log knows the call."""
        return self.refusal.request_id


class BadInput(ValueError):
    """What was passed in cannot be sent, such as columns of unequal length."""


class InvalidRequest(ServiceError):
    """A value, a file or the predictions are wrong, whatever the state of the service."""


class Unauthenticated(ServiceError):
    """No credential was sent, or it does not hold."""


class PermissionDenied(ServiceError):
    """The credential lacks a permission; `metadata` names it."""


class NotFound(ServiceError):
    """There is no such thing in the caller's organization."""


class Conflict(ServiceError):
    """The call collides with what is stored."""


class TooLarge(ServiceError):
    """A batch or file is over its limit."""


class FailedPrecondition(ServiceError):
    """The call is well formed, but the state of the resource forbids it."""


class RateLimited(ServiceError):
    """Over the rate limit; `retry_after` says when to come back."""


class EvaluationFailed(ServiceError):
    """The evaluation's job ended without a result; nothing that was stored has changed."""


class BenchmarkFailed(ServiceError):
    """The benchmark's job ended without a result; `metadata` names the benchmark."""


class JobFailed(ServiceError):
    """A job ended without a result, for the reason that is told; `metadata` names it."""


class ServiceUnavailable(ServiceError):
    """Nothing answers at the target, though the call was repeated."""


class TlsFailed(ServiceUnavailable):
    """Something answers at the target, but no secure connection to it comes about."""


class ServiceFault(ServiceError):
    """The service broke, or answered what the contract does not know; report the request id."""


_BY_CODE: Mapping[grpc.StatusCode, type[ServiceError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RateLimited,
    grpc.StatusCode.UNAVAILABLE: ServiceUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: ServiceUnavailable,
}
# What gRPC says of a handshake that failed; it has no code of its own for that.
_TLS_MARKS = ("Tls handshake failed", "Ssl handshake failed", "Hostname Verification Check failed")
_BY_REASON: Mapping[str, type[ServiceError]] = {
    # Two refusals share a status with others on the wire.
    "TOO_LARGE": TooLarge,
    "RATE_LIMITED": RateLimited,
    "UPLOAD_FINISHED": Conflict,
}


def from_rpc(error: grpc.RpcError) -> ServiceError:
    """Return the exception for a failed call, with all that its status carries."""
    call = cast(grpc.Call, error)
    code = call.code()
    metadata = {str(key): value for key, value in call.trailing_metadata() or ()}
    refusal = Refusal(
        message=call.details() or code.name,
        reason="UNAVAILABLE" if code is grpc.StatusCode.UNAVAILABLE else code.name,
        request_id=_text(metadata.get("x-request-id")),
    )
    if code is grpc.StatusCode.UNAVAILABLE and is_tls_fault(call.details()):
        return TlsFailed(replace(refusal, message=_tls_words(refusal.message)))
    packed = metadata.get("grpc-status-details-bin")
    if isinstance(packed, bytes):
        refusal = _detailed(refusal, status_pb2.Status.FromString(packed))
    kind = _BY_REASON.get(refusal.reason) or _BY_CODE.get(code, ServiceFault)
    return kind(refusal)


def is_tls_fault(details: str | None) -> bool:
    """Say whether gRPC's words for a connection that failed tell of TLS; trying again is vain."""
    return bool(details) and any(mark in str(details) for mark in _TLS_MARKS)


def _tls_words(details: str) -> str:
    if "Hostname Verification" in details:
        return "The service's certificate is for another host name than the one in the address."
    if "WRONG_VERSION_NUMBER" in details:
        return "What answers there does not speak TLS."
    found = re.search(r"CERTIFICATE_VERIFY_FAILED: ([\w -]+)", details)
    if found:
        return f"The service's certificate is not trusted: {found[1]}."
    return f"No secure connection comes about. {details}"


def _detailed(refusal: Refusal, status: status_pb2.Status) -> Refusal:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    for detail in status.details:
        for message in (info, bad, retry, request):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    waits = retry.HasField("retry_delay")
    return Refusal(
        message=refusal.message,  # the status in the details may be cut shorter
        reason=info.reason or refusal.reason,
        metadata=dict(info.metadata),
        violations=tuple(
            Violation(field=one.field, description=one.description) for one in bad.field_violations
        ),
        retry_after=retry.retry_delay.ToTimedelta().total_seconds() if waits else None,
        request_id=request.request_id or info.metadata.get("request_id") or refusal.request_id,
    )


def _text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value
