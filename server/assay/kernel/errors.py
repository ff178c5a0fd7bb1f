"""Every refusal Assay can make, as one tree of typed errors.

AssayError
├── InvalidArgument           400  a value is wrong; `violations` name the fields
│   ├── BadPageToken
│   ├── BadPredictions             rows or columns of an upload are wrong
│   ├── BadFile                    a file cannot be read as what it claims to be
│   ├── BadDocument                the values of a document cannot be kept
│   ├── BadContentType
│   └── HashMismatch
├── OutOfRange                400
│   ├── OffsetGap                  a chunk does not start where the upload stands
│   └── EventsTrimmed
├── Unauthenticated           401
├── PermissionDenied          403
├── NotFound                  404
├── Conflict                  409
│   ├── AlreadyExists
│   ├── RequestIdReused            the same request_id with another body
│   └── UploadFinished
├── TooLarge                  413
├── FailedPrecondition        422
│   ├── WrongTaskType
│   ├── NoTrainedVersion
│   ├── NoPromotedVersion
│   ├── SplitNotEvaluated
│   ├── DetailsNotStored
│   ├── NoScores
│   ├── VersionNotReady
│   ├── VersionOfAnotherModel
│   ├── ResourceInUse
│   └── JobNotCancelable
├── RateLimited               429
├── Unavailable               503
├── AttemptsSpent             500  a job took its runner down each time it was tried
├── DeadlinePassed            504
├── Canceled                  499  the caller went away before the answer
└── Internal                  500  the store or the code broke a promise; text never leaves
    ├── StaleLease                 a runner wrote for a job that it no longer holds
    └── SchemaMismatch             the database is not of this release

An error's message says what was sent, what is allowed and the way out; every
dynamic part of it is also in `metadata`, so that programs need not parse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

MAX_VIOLATIONS = 10
MAX_VALUE_CHARS = 100


def clip(value: object, limit: int = MAX_VALUE_CHARS) -> str:
    """Return `value` as text of at most `limit` characters, for use in an error."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One field that is wrong."""

    field: str  # path of the field or `row 17, column score`
    description: str  # what was sent and what is allowed


class AssayError(Exception):
    """The root: a refusal with a public message, metadata and field violations."""

    reason: ClassVar[str] = "INTERNAL"

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
    """A value is wrong whatever the state of the system."""

    reason = "INVALID_VALUE"

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


class BadFile(InvalidArgument):
    """A file is truncated, corrupt or not of the format it claims."""

    reason = "BAD_FILE"


class BadDocument(InvalidArgument):
    """The values of a document are no JSON object, or over a limit."""

    reason = "BAD_DOCUMENT"


class BadContentType(InvalidArgument):
    """The content type of a body is not one that this route reads."""

    reason = "BAD_CONTENT_TYPE"


class HashMismatch(InvalidArgument):
    """The bytes received do not have the SHA-256 that the sender gave."""

    reason = "HASH_MISMATCH"


class OutOfRange(AssayError):
    """A position lies outside what exists."""

    reason = "OUT_OF_RANGE"


class OffsetGap(OutOfRange):
    """A chunk does not start at the row where its upload stands."""

    reason = "OFFSET_GAP"


class EventsTrimmed(OutOfRange):
    """The events asked for are older than the oldest that is held."""

    reason = "EVENTS_TRIMMED"


class Unauthenticated(AssayError):
    """No credential, or one that does not hold."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(AssayError):
    """The principal lacks a permission that the method needs."""

    reason = "PERMISSION_DENIED"


class NotFound(AssayError):
    """The thing is absent, or belongs to another organization."""

    reason = "NOT_FOUND"

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


class AlreadyExists(Conflict):
    """The id or the path is taken."""

    reason = "ALREADY_EXISTS"


class RequestIdReused(Conflict):
    """The same request_id came with another body."""

    reason = "REQUEST_ID_REUSED"


class UploadFinished(Conflict):
    """The upload takes no more chunks and no second finish."""

    reason = "UPLOAD_FINISHED"


class TooLarge(AssayError):
    """A body, chunk or count is over its limit."""

    reason = "TOO_LARGE"


class FailedPrecondition(AssayError):
    """The request is well formed, but the state of the resource forbids it."""

    reason = "FAILED_PRECONDITION"


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


class VersionNotReady(FailedPrecondition):
    """The version is not ready, so it cannot be promoted or served."""

    reason = "VERSION_NOT_READY"


class VersionOfAnotherModel(FailedPrecondition):
    """The version belongs to another model of the organization."""

    reason = "VERSION_OF_ANOTHER_MODEL"


class ResourceInUse(FailedPrecondition):
    """The resource cannot be deleted while something depends on it."""

    reason = "RESOURCE_IN_USE"


class JobNotCancelable(FailedPrecondition):
    """The job has already ended."""

    reason = "JOB_NOT_CANCELABLE"


class RateLimited(AssayError):
    """The principal is over its rate; `retry_after` says when to come back."""

    reason = "RATE_LIMITED"


class Unavailable(AssayError):
    """The service cannot answer now; the same request may succeed later."""

    reason = "UNAVAILABLE"


class AttemptsSpent(AssayError):
    """A job took its runner down each time it was tried."""

    reason = "ATTEMPTS_SPENT"


class DeadlinePassed(AssayError):
    """A job's deadline passed before it ended."""

    reason = "DEADLINE_PASSED"


class Canceled(AssayError):
    """The caller went away before the answer."""

    reason = "CANCELED"


class Internal(AssayError):
    """The code or the store broke a promise; the text is logged and never sent."""

    reason = "INTERNAL"


class StaleLease(Internal):
    """A runner wrote for a job whose lease has moved on; nothing of it was kept."""

    reason = "STALE_LEASE"


class SchemaMismatch(Internal):
    """The database holds an older or newer schema; the text names `assay migrate`."""

    reason = "SCHEMA_MISMATCH"
