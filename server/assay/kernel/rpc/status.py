"""ONE table: domain error → gRPC code, HTTP status and the words of the error body.

The table is walked along the class tree, so that a new subclass inherits its parent's row.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from assay.kernel import errors


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one class of errors looks on the wire."""

    grpc_code: grpc.StatusCode
    http_status: int
    http_text: str  # the status line's words
    code: str  # the lower-case word of document 003's tables
    retryable: bool

    @property
    def status(self) -> str:
        """The upper-case word of the REST body's `status`."""
        return "UNPROCESSABLE_ENTITY" if self.http_status == 422 else self.grpc_code.name


def _row(code: grpc.StatusCode, http: int, text: str, word: str, *, retry: bool = False) -> Row:
    return Row(grpc_code=code, http_status=http, http_text=text, code=word, retryable=retry)


_CODE = grpc.StatusCode
TABLE: dict[type[errors.AssayError], Row] = {
    errors.InvalidArgument: _row(_CODE.INVALID_ARGUMENT, 400, "Bad Request", "validation_error"),
    errors.OutOfRange: _row(_CODE.OUT_OF_RANGE, 400, "Bad Request", "out_of_range"),
    errors.Unauthenticated: _row(_CODE.UNAUTHENTICATED, 401, "Unauthorized", "unauthorized"),
    errors.PermissionDenied: _row(_CODE.PERMISSION_DENIED, 403, "Forbidden", "forbidden"),
    errors.NotFound: _row(_CODE.NOT_FOUND, 404, "Not Found", "not_found"),
    errors.Conflict: _row(_CODE.ABORTED, 409, "Conflict", "conflict"),
    errors.AlreadyExists: _row(_CODE.ALREADY_EXISTS, 409, "Conflict", "already_exists"),
    errors.RequestIdReused: _row(_CODE.ALREADY_EXISTS, 409, "Conflict", "conflict"),
    errors.TooLarge: _row(_CODE.RESOURCE_EXHAUSTED, 413, "Payload Too Large", "payload_too_large"),
    errors.FailedPrecondition: _row(
        _CODE.FAILED_PRECONDITION, 422, "Unprocessable Entity", "unprocessable_entity"
    ),
    errors.RateLimited: _row(
        _CODE.RESOURCE_EXHAUSTED, 429, "Too Many Requests", "rate_limited", retry=True
    ),
    errors.Unavailable: _row(
        _CODE.UNAVAILABLE, 503, "Service Unavailable", "service_unavailable", retry=True
    ),
    errors.AttemptsSpent: _row(_CODE.INTERNAL, 500, "Internal Server Error", "job_failed"),
    errors.DeadlinePassed: _row(_CODE.DEADLINE_EXCEEDED, 504, "Gateway Timeout", "timeout"),
    errors.Canceled: _row(_CODE.CANCELLED, 499, "Client Closed Request", "canceled", retry=True),
    errors.Internal: _row(_CODE.INTERNAL, 500, "Internal Server Error", "internal_error"),
    errors.AssayError: _row(_CODE.INTERNAL, 500, "Internal Server Error", "internal_error"),
}


def row_of(error: errors.AssayError) -> Row:
    """Return the row of the nearest class of `error` that has one."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    raise TypeError(f"{type(error).__name__} is not an AssayError")
