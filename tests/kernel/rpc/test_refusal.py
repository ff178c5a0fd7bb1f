"""The table of errors, and refusals that always fit into trailers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import grpc
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.kernel import errors
from assay.kernel.errors import AssayError, Violation, error_classes, http_statuses
from assay.kernel.rpc.refusal import MAX_BYTES, Refusal, refuse
from assay.v1 import errors_pb2

NOW = datetime(2026, 3, 13, 14, 22, 10, 123456, tzinfo=UTC)
ELSEWHERE = {"UNSPECIFIED"}  # never sent


def classes(root: type[AssayError] = AssayError) -> Iterator[type[AssayError]]:
    """Yield every class of the product's tree; tests make some of their own."""
    return (kind for kind in error_classes(root) if kind.__module__.startswith("assay."))


def public() -> list[type[AssayError]]:
    """Return the classes whose reason callers may see."""
    return [kind for kind in classes() if not issubclass(kind, errors.Internal)]


def reasons() -> set[str]:
    prefix = "ERROR_REASON_"
    return {name.removeprefix(prefix) for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 — an enum wrapper


def test_every_error_has_a_status():
    """Each class of errors has a gRPC code and an HTTP status of refusals, inherited or its own."""
    for kind in classes():
        assert 400 <= kind.status.http_status <= 504
        assert grpc.StatusCode[kind.status.grpc_code] is not grpc.StatusCode.OK


def test_children_share_their_parents_status():
    """A refusal's HTTP status is that of the branch of the tree on which it stands."""
    statuses = {
        errors.InvalidArgument: 400, errors.OutOfRange: 400, errors.Unauthenticated: 401,
        errors.PermissionDenied: 403, errors.NotFound: 404, errors.Conflict: 409,
        errors.TooLarge: 413, errors.FailedPrecondition: 422, errors.RateLimited: 429,
        errors.Canceled: 499, errors.Internal: 500, errors.Unavailable: 503,
        errors.AttemptsSpent: 500, errors.DeadlinePassed: 504, errors.DataDamaged: 500,
        errors.BadContentType: 415, errors.SlowRequest: 408,
        errors.Unimplemented: 501,
    }  # fmt: skip  # a table
    for kind in classes():
        if kind is not AssayError:
            (expected,) = {code for root, code in statuses.items() if issubclass(kind, root)}
            assert kind.status.http_status == expected, kind


def test_only_what_may_pass_is_retryable():
    """Callers are told to retry where the same request may succeed later, and nowhere else."""
    own = {kind.status.http_status for kind in classes() if kind.status.retryable}
    assert own == {408, 429, 499, 503}
    all_of_them = {number for number, one in http_statuses().items() if one.retryable}
    assert all_of_them == own | {502, 504}


def test_every_reason_is_in_the_catalogue():
    """The reason of each public error is a value of ErrorReason."""
    for kind in public():
        assert kind.reason in reasons(), kind


def test_no_reason_of_the_catalogue_is_unused():
    """Each value of ErrorReason is sent by an error."""
    assert reasons() - {kind.reason for kind in public()} == ELSEWHERE


def test_no_two_errors_share_a_reason():
    """A reason names one class, so that stored errors find theirs again."""
    named = [kind.reason for kind in public() if "reason" in vars(kind) and kind is not AssayError]
    assert len(named) == len(set(named))


def told(error: AssayError, **values: object) -> Refusal:
    given = {"request_id": "req_1", "path": "/p", "now": NOW, "rest": True} | values
    return refuse(error, **given)  # type: ignore[arg-type]  # values by name


def details(refusal: Refusal) -> dict[str, object]:
    """Return the status details by the name of their type."""
    status = status_pb2.Status.FromString(dict(refusal.trailers)["grpc-status-details-bin"])
    found: dict[str, object] = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        message = getattr(error_details_pb2, name)()
        packed.Unpack(message)
        found[name] = message
    return found


def size(refusal: Refusal) -> int:
    """Return the bytes of a refusal as gRPC sends them."""
    message = sum(1 if 32 <= b <= 126 and b != 37 else 3 for b in refusal.message.encode())
    return message + sum(
        4 * ((len(value) + 2) // 3) if isinstance(value, bytes) else len(value)
        for _, value in refusal.trailers
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=800)
LONG = st.one_of(TEXT, TEXT.map(lambda text: (text or "💥") * 50))
KINDS = st.sampled_from(list(classes()))


@settings(max_examples=200, deadline=None)
@given(
    kind=KINDS,
    message=LONG,
    metadata=st.dictionaries(TEXT, LONG, max_size=30),
    violations=st.lists(st.tuples(LONG, LONG), max_size=20),
    path=LONG,
    rest=st.booleans(),
    retry=st.one_of(st.none(), st.floats(0, 1e6)),
)
def test_a_refusal_is_at_most_4_kib(kind, message, metadata, violations, path, rest, retry):
    """Whatever an error holds, body, details and message together stay under 4 KiB."""
    error = kind(
        message,
        metadata=metadata,
        violations=tuple(Violation(field=f, description=d) for f, d in violations),
        retry_after=retry,
    )
    refusal = told(error, path=path, rest=rest)
    assert size(refusal) <= MAX_BYTES + 8
    trailers = dict(refusal.trailers)
    for value in trailers.values():
        assert isinstance(value, bytes) or (value.isascii() and value.isprintable())
    assert details(refusal)["ErrorInfo"].reason == kind.reason
    if rest:
        body = json.loads(trailers["x-error-body"])
        assert body["statusCode"] == int(trailers["x-http-status"]) == kind.status.http_status
        assert body["message"] == refusal.message


def test_internal_errors_never_tell_their_text():
    """What an internal error knows leaves neither in the message nor in details or body."""
    for kind in classes(errors.Internal):
        refusal = told(
            kind(
                "secret-text",
                metadata={"secret-key": "secret-value"},
                violations=(Violation(field="secret-field", description="secret-words"),),
            )
        )
        shown = repr(refusal.trailers) + refusal.message
        assert "secret" not in shown
        assert json.loads(dict(refusal.trailers)["x-error-body"])["request_id"] == "req_1"


def test_small_refusals_are_told_whole():
    """Ten violations and their metadata are told as they are when they fit."""
    violations = tuple(Violation(field=f"f{n}", description=f"wrong {n}") for n in range(10))
    error = errors.InvalidArgument("ten", metadata={"a": "1", "b": "2"}, violations=violations)
    refusal = told(error)
    bad = details(refusal)["BadRequest"]
    assert [(v.field, v.description) for v in bad.field_violations] == [
        (v.field, v.description) for v in violations
    ]
    body = json.loads(dict(refusal.trailers)["x-error-body"])
    assert len(body["details"]) == 11
    assert body["timestamp"] == "2026-03-13T14:22:10.123Z"


def test_a_wait_is_told_in_header_and_details():
    """How long to wait stands in retry-after, in whole seconds, and exactly in RetryInfo."""
    refusal = told(errors.Unavailable("later", retry_after=2.5))
    assert dict(refusal.trailers)["retry-after"] == "3"
    delay = details(refusal)["RetryInfo"].retry_delay
    assert delay.ToTimedelta().total_seconds() == 2.5


def test_more_headers_travel_with_a_refusal():
    """Headers of the reply, such as rate limits, are among the trailers."""
    error = errors.RateLimited("slow", metadata={"rate_class": "read"}, retry_after=7)
    refusal = told(error, x_ratelimit_limit="10")
    assert dict(refusal.trailers)["x-ratelimit-limit"] == "10"
    assert details(refusal)["QuotaFailure"].violations[0].subject == "read"
