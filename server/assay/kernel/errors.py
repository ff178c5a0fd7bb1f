"""The refusals of Assay as one tree of typed errors, each with its status on every protocol.

The class is the table: gRPC code, HTTP status, code word and retryability stand beside it and
are inherited. The gateway's Lua and local replies, the OpenAPI document and docs/errors.md are
made from it.

An error's message says what was sent, what is allowed and the way out; every
dynamic part of it is also in `metadata`, so that programs need not parse it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

MAX_VIOLATIONS = 10
MAX_VALUE_CHARS = 100


def clip(value: object, limit: int = MAX_VALUE_CHARS) -> str:
    """Return `value` as text of at most `limit` characters, for use in an error."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, kw_only=True)
class StatusMapping:
    """The status of a refusal in gRPC, in HTTP and in the words of the REST error body."""

    grpc_code: str  # the name of a google.rpc.Code
    http_status: int
    phrase: str  # of the HTTP status line
    code: str  # lower case, the words of document 003's tables
    retryable: bool = False  # whether the same request may succeed later

    @property
    def name(self) -> str:
        """The upper-case word of the REST body's `status`."""
        return "UNPROCESSABLE_ENTITY" if self.http_status == 422 else self.grpc_code


def _status(
    http_status: int, grpc_code: str, phrase: str, code: str = "", *, retryable: bool = False
) -> StatusMapping:
    """Return a mapping; the code word is that of the phrase when none is given."""
    return StatusMapping(
        grpc_code=grpc_code,
        http_status=http_status,
        phrase=phrase,
        code=code or phrase.lower().replace(" ", "_"),
        retryable=retryable,
    )


# Statuses that gRPC or the gateway answers with and no class of ours: no server saw the request,
# or none answered. A gateway's 504 can be repeated; that of a job whose deadline passed cannot.
GATEWAY_STATUSES: Mapping[int, StatusMapping] = {
    one.http_status: one
    for one in (
        _status(405, "UNIMPLEMENTED", "Method Not Allowed"),
        _status(426, "FAILED_PRECONDITION", "Upgrade Required"),
        _status(431, "RESOURCE_EXHAUSTED", "Request Header Fields Too Large", "headers_too_large"),
        _status(501, "UNIMPLEMENTED", "Not Implemented"),
        _status(502, "UNAVAILABLE", "Bad Gateway", retryable=True),
        _status(504, "DEADLINE_EXCEEDED", "Gateway Timeout", retryable=True),
    )
}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One field that is wrong."""

    field: str  # path of the field or `row 17, column score`
    description: str  # what was sent and what is allowed


class AssayError(Exception):
    """A fault of the service: report the `request_id`. The root of every refusal."""

    reason: ClassVar[str] = "INTERNAL"
    status: ClassVar[StatusMapping] = _status(
        500, "INTERNAL", "Internal Server Error", "internal_error"
    )

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, object] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {key: clip(value) for key, value in (metadata or {}).items()}
        self.violations = violations[:MAX_VIOLATIONS]
        self.retry_after = retry_after  # seconds, where a retry can help

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword-only arguments do not survive the default.
        state = (self.message, self.metadata, self.violations, self.retry_after)
        return _rebuild, (type(self), *state)


def _rebuild(
    kind: type[AssayError],
    message: str,
    metadata: Mapping[str, object],
    violations: tuple[Violation, ...],
    retry_after: float | None,
) -> AssayError:
    error = kind.__new__(kind)
    AssayError.__init__(
        error, message, metadata=metadata, violations=violations, retry_after=retry_after
    )
    return error


class InvalidArgument(AssayError):
    """A value is wrong, whatever the state of the system; the violations name the fields."""

    reason = "INVALID_VALUE"
    status = _status(400, "INVALID_ARGUMENT", "Bad Request", "validation_error")

    @classmethod
    def of(cls, field: str, description: str, **metadata: object) -> InvalidArgument:
        """Return the error for one wrong field."""
        violation = Violation(field=field, description=description)
        return cls(
            f"{field}: {description}",
            metadata={"field": field, **metadata},
            violations=(violation,),
        )


class BadPageToken(InvalidArgument):
    """The page token was not made by this listing, or its arguments changed."""

    reason = "BAD_PAGE_TOKEN"


class BadPredictions(InvalidArgument):
    """Rows or columns of an upload are wrong; nothing of the chunk was kept."""

    reason = "BAD_PREDICTIONS"


class BadRows(InvalidArgument):
    """Rows or columns of a dataset are wrong; nothing of the file was kept."""

    reason = "BAD_ROWS"


class BadFile(InvalidArgument):
    """A file is truncated, corrupt or not of the format it claims."""

    reason = "BAD_FILE"


class BadDocument(InvalidArgument):
    """The values of a document are no JSON object, or over a limit."""

    reason = "BAD_DOCUMENT"


class BadContentType(AssayError):
    """The content type or encoding of a body is not one that this route reads."""

    reason = "BAD_CONTENT_TYPE"
    status = _status(415, "INVALID_ARGUMENT", "Unsupported Media Type")


class HashMismatch(InvalidArgument):
    """The bytes received do not have the SHA-256 that the sender gave."""

    reason = "HASH_MISMATCH"


class OutOfRange(AssayError):
    """A position lies outside what exists."""

    reason = "OUT_OF_RANGE"
    status = _status(400, "OUT_OF_RANGE", "Bad Request", "out_of_range")


class OffsetGap(OutOfRange):
    """A chunk does not start at the row where its upload stands."""

    reason = "OFFSET_GAP"


class EventsTrimmed(OutOfRange):
    """The events asked for are older than the oldest that is held."""

    reason = "EVENTS_TRIMMED"


class Unauthenticated(AssayError):
    """No credential, or one that does not hold."""

    reason = "UNAUTHENTICATED"
    status = _status(401, "UNAUTHENTICATED", "Unauthorized")


class PermissionDenied(AssayError):
    """The principal lacks a permission that the method needs."""

    reason = "PERMISSION_DENIED"
    status = _status(403, "PERMISSION_DENIED", "Forbidden")


class NotFound(AssayError):
    """There is no such thing in the caller's organization."""

    reason = "NOT_FOUND"
    status = _status(404, "NOT_FOUND", "Not Found")

    @classmethod
    def of(cls, kind: str, key: str, hint: str = "") -> NotFound:
        """Return the error for one absent `kind` of thing with the id `key`."""
        way_out = f" {hint}" if hint else ""
        return cls(
            f"There is no {kind} '{clip(key)}' in this organization.{way_out}",
            metadata={"resource_type": kind, "resource_id": key},
        )


class Conflict(AssayError):
    """The request collides with what is stored, or with another one in flight."""

    reason = "CONFLICT"
    status = _status(409, "ABORTED", "Conflict")


class AlreadyExists(Conflict):
    """The id or the path is taken."""

    reason = "ALREADY_EXISTS"
    status = _status(409, "ALREADY_EXISTS", "Conflict", "already_exists")


class RequestIdReused(Conflict):
    """The same request_id came with another body, or what it made was deleted since."""

    reason = "REQUEST_ID_REUSED"
    status = _status(409, "ALREADY_EXISTS", "Conflict")


class UploadFinished(Conflict):
    """The upload takes no more chunks and no second finish."""

    reason = "UPLOAD_FINISHED"


class TooLarge(AssayError):
    """A body, chunk or count is over its limit."""

    reason = "TOO_LARGE"
    status = _status(413, "RESOURCE_EXHAUSTED", "Payload Too Large")


class QuotaExceeded(TooLarge):
    """The organization would hold more than it is allowed; nothing was stored."""

    reason = "QUOTA_EXCEEDED"


class FailedPrecondition(AssayError):
    """The request is well formed, but the state of the resource forbids it."""

    reason = "FAILED_PRECONDITION"
    status = _status(422, "FAILED_PRECONDITION", "Unprocessable Entity")


class WrongTaskType(FailedPrecondition):
    """The route does not serve models of this task type."""

    reason = "WRONG_TASK_TYPE"


class NoTrainedVersion(FailedPrecondition):
    """The model holds no fully trained version."""

    reason = "NO_TRAINED_VERSION"


class NoPromotedVersion(FailedPrecondition):
    """The model has ready versions, but none is promoted and none was named."""

    reason = "NO_PROMOTED_VERSION"


class SplitNotEvaluated(FailedPrecondition):
    """The version has no stored evaluation for the split."""

    reason = "SPLIT_NOT_EVALUATED"


class DetailsNotStored(FailedPrecondition):
    """The evaluation was made before curves, tables and mistakes were stored."""

    reason = "DETAILS_NOT_STORED"


class NoScores(FailedPrecondition):
    """The evaluation was made of labels alone, and what was asked for needs scores."""

    reason = "NO_SCORES"


class NotExplainable(FailedPrecondition):
    """Predictions of the version cannot be explained, and explanations were asked for."""

    reason = "NOT_EXPLAINABLE"


class VersionNotReady(FailedPrecondition):
    """The version is not ready, so it cannot be promoted or served."""

    reason = "VERSION_NOT_READY"


class ResourceInUse(FailedPrecondition):
    """The resource cannot be deleted while something depends on it."""

    reason = "RESOURCE_IN_USE"


class JobNotCancelable(FailedPrecondition):
    """The job has already ended."""

    reason = "JOB_NOT_CANCELABLE"


class AddressNotAllowed(FailedPrecondition):
    """A host is at a private, loopback or other special address that is not reached for callers."""

    reason = "ADDRESS_NOT_ALLOWED"


class RemoteFailed(FailedPrecondition):
    """A service that somebody else runs could not be reached, refused, or answered wrongly."""

    reason = "REMOTE_FAILED"


class RateLimited(AssayError):
    """The principal is over its rate; `Retry-After` says when to come back."""

    reason = "RATE_LIMITED"
    status = _status(429, "RESOURCE_EXHAUSTED", "Too Many Requests", "rate_limited", retryable=True)


class SlowRequest(AssayError):
    """The request, or the rest of it, did not come in time."""

    reason = "SLOW_REQUEST"
    status = _status(408, "DEADLINE_EXCEEDED", "Request Timeout", retryable=True)


class Unavailable(AssayError):
    """The service cannot answer now; the same request may succeed later."""

    reason = "UNAVAILABLE"
    status = _status(503, "UNAVAILABLE", "Service Unavailable", retryable=True)


class StorageUnavailable(Unavailable):
    """The storage is full, cannot be written to or is away; jobs wait, and reads may go on."""

    reason = "STORAGE_UNAVAILABLE"


class DataDamaged(AssayError):
    """Stored data are not what was stored; no number is made of them.

    The message and the metadata name the blob, for the log; `published` is what callers get.
    """

    reason = "DATA_DAMAGED"
    trouble: ClassVar[str] = "damaged"

    def of(self, kind: str, key: str) -> DataDamaged:
        """Return this error as one of the data of a `kind` of thing with the id `key`.

        Whose data they are is known best where they are read, so that what was said stays.
        """
        whose = {"resource_type": kind, "resource_id": key}
        return type(self)(self.message, metadata={**whose, **self.metadata})

    @property
    def published(self) -> DataDamaged:
        """This error in the words that name a resource and no blob."""
        if "blob" not in self.metadata:
            return self
        whose = {name: value for name, value in self.metadata.items() if name != "blob"}
        of = " of the {resource_type} '{resource_id}'".format(**whose) if whose else ""
        return type(self)(
            f"Stored data{of} are {self.trouble}. Have them restored from a backup (the service's "
            "log names the file), or store them again.",
            metadata=whose,
        )


class DataMissing(DataDamaged):
    """Stored data are gone; they are served again once they are put back."""

    reason = "DATA_MISSING"
    trouble = "missing"


class Unimplemented(AssayError):
    """The method does not exist."""

    reason = "UNIMPLEMENTED"
    status = GATEWAY_STATUSES[501]


class AttemptsSpent(AssayError):
    """A job took its runner down each time it was tried."""

    reason = "ATTEMPTS_SPENT"
    status = _status(500, "INTERNAL", "Internal Server Error", "job_failed")


class DeadlinePassed(AssayError):
    """A job's deadline passed before it ended."""

    reason = "DEADLINE_PASSED"
    status = _status(504, "DEADLINE_EXCEEDED", "Gateway Timeout", "timeout")


class Canceled(AssayError):
    """The caller went away before the answer."""

    reason = "CANCELED"
    status = _status(499, "CANCELLED", "Client Closed Request", "canceled", retryable=True)


class Internal(AssayError):
    """The code or the store broke a promise; the text is logged and never sent."""

    reason = "INTERNAL"


class StaleLease(Internal):
    """A runner wrote for a job whose lease has moved on; nothing of it was kept."""

    reason = "STALE_LEASE"


class SchemaMismatch(Internal):
    """The database holds another schema, or is not ours; the text names the way out."""

    reason = "SCHEMA_MISMATCH"


def error_classes(root: type[AssayError] = AssayError) -> Iterator[type[AssayError]]:
    """Yield `root` and every class below it, parents first, in the order of the source."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def http_statuses() -> dict[int, StatusMapping]:
    """Return what an HTTP status alone says: of the gateway, else of the first class that has it."""
    statuses: dict[int, StatusMapping] = {}
    for kind in error_classes():
        statuses.setdefault(kind.status.http_status, kind.status)
    return {**statuses, **GATEWAY_STATUSES}
