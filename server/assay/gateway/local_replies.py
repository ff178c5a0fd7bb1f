"""The refusals that Envoy makes itself, in the one error body of every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.kernel.errors import (
    InvalidArgument,
    NotFound,
    StatusMapping,
    TooLarge,
    Unavailable,
    http_statuses,
)

Json = dict[str, Any]

_OWN_WORDS = "%LOCAL_REPLY_BODY%"  # what Envoy's filter says; errors.lua takes type names out
_AGAIN = "Try again; a create with the same Idempotency-Key."
_INTERNAL = "The service failed to answer. Report the request_id if it goes on."


@dataclass(frozen=True, kw_only=True)
class LocalReply:
    """A status that Envoy answers with by itself; `reason` is one of docs/errors.md."""

    status: StatusMapping
    reason: str
    message: str


def local_reply_config(max_body_bytes: int) -> Json:
    """Return Envoy's `local_reply_config`: a mapper for each status, and a body for others."""
    # A filter's own words are shown only if filters were reached: they note the path.
    bad_request = LocalReply(
        status=InvalidArgument.status, reason=InvalidArgument.reason, message=_OWN_WORDS
    )
    unknown = StatusMapping(grpc_code="UNKNOWN", http_status=0, phrase="Error", code="error")
    mappers = [_mapper(reply) for reply in local_replies(max_body_bytes)]
    return {
        "mappers": [_healthy(), _of_grpc(), _mapper(bad_request, after_filters=True), *mappers],
        "body_format": _format(LocalReply(status=unknown, reason="INTERNAL", message=_OWN_WORDS)),
    }


def local_replies(max_body_bytes: int) -> tuple[LocalReply, ...]:
    """Return a reply for each status that Envoy answers with by itself."""
    too_large = (
        f"The body is over the limit of {max_body_bytes} bytes. Send less, or upload a file."
    )
    texts = {
        400: (InvalidArgument.reason, "The request is not valid HTTP."),
        404: (NotFound.reason, "No route takes this method and path."),
        408: (Unavailable.reason, f"The request did not arrive in time. {_AGAIN}"),
        413: (TooLarge.reason, too_large),
        426: (
            InvalidArgument.reason,
            "This version of HTTP is not spoken here. Use HTTP/1.1 or HTTP/2.",
        ),
        431: (
            TooLarge.reason,
            "The request's headers are over the limit of 60 KiB or 100 headers.",
        ),
        500: ("INTERNAL", _INTERNAL),
        502: (Unavailable.reason, f"The server's answer could not be read. {_AGAIN}"),
        503: (Unavailable.reason, f"No server can answer now. {_AGAIN}"),
        504: (Unavailable.reason, f"No server answered in time. {_AGAIN}"),
    }
    statuses = http_statuses()
    return tuple(
        LocalReply(status=statuses[number], reason=reason, message=message)
        for number, (reason, message) in texts.items()
    )


def _healthy() -> Json:
    """Return the mapper of the one answer that is no refusal: that of /healthz."""
    return {
        "filter": _answered_with(200),
        "body_format_override": {"json_format": {"status": "ok"}},
    }


def _of_grpc() -> Json:
    """Return the mapper of grpc-web callers, whose refusals have a message and no body."""
    kind = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    # A transcoded call of REST is gRPC by now too, but it bears the path that it came by.
    transcoded = {"name": "x-envoy-original-path", "present_match": True, "invert_match": True}
    both = [{"header_filter": {"header": header}} for header in (kind, transcoded)]
    words = {"text_format_source": {"inline_string": _OWN_WORDS}}
    return {"filter": {"and_filter": {"filters": both}}, "body_format_override": words}


def _mapper(reply: LocalReply, *, after_filters: bool = False) -> Json:
    number = reply.status.http_status
    status = _answered_with(number)
    mapper: Json = {"filter": status, "body_format_override": _format(reply)}
    if after_filters:
        noted = {"filter": "assay", "path": [{"key": "path"}], "value": {"present_match": True}}
        reached = {"metadata_filter": {"matcher": noted, "match_if_key_not_found": False}}
        mapper["filter"] = {"and_filter": {"filters": [status, reached]}}
    if number == Unavailable.status.http_status:
        mapper["headers_to_add"] = [{"header": {"key": "retry-after", "value": "1"}}]
    return mapper


def _answered_with(status: int) -> Json:
    value = {"default_value": status, "runtime_key": f"local_reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _format(reply: LocalReply) -> Json:
    """Return what errors.lua puts in order; it takes `id` where the request has none, and `method`."""
    return {
        "json_format": {
            "statusCode": "%RESPONSE_CODE%",
            "status": reply.status.name,
            "code": reply.status.code,
            "error": reply.status.phrase,
            "message": reply.message,
            "retryable": reply.status.retryable,
            "request_id": "%REQ(X-REQUEST-ID)%",
            "id": "req_%UNIQUE_ID%",
            "method": "%REQ(:METHOD)%",
            "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
            "path": "%PATH(NQ:ORIG_OR_PATH):200%",
            "details": [{"reason": reply.reason, "domain": "assay", "metadata": {}}],
            "reportErrorUrl": None,
        }
    }
