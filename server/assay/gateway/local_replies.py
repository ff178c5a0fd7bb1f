"""The refusals that Envoy makes itself, in the one error body of every refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_OWN_WORDS = "%LOCAL_REPLY_BODY%"  # what Envoy's filter says; errors.lua takes type names out
_AGAIN = "Try again; a create with the same Idempotency-Key."


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One HTTP status and its words; `reason` is one of docs/errors.md."""

    status: int
    name: str  # the body's `status`
    code: str
    error: str
    reason: str
    message: str
    retryable: bool = False


def local_reply_config(max_body_bytes: int) -> Json:
    """Return Envoy's `local_reply_config`: a mapper for each status, and a body for others."""
    # A filter's own words are shown only if filters were reached: they note the path.
    spoken = _bad_request(_OWN_WORDS)
    unknown = Reply(
        status=0, name="UNKNOWN", code="error", error="Error", reason="INTERNAL", message=_OWN_WORDS
    )
    mappers = [_mapper(reply) for reply in replies(max_body_bytes)]
    return {
        "mappers": [_of_grpc(), _mapper(spoken, marked=True), *mappers],
        "body_format": _format(unknown),
    }


def _of_grpc() -> Json:
    """Return the mapper of grpc-web callers, whose refusals have a message and no body."""
    kind = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    # A transcoded call of REST is gRPC by now too, but it bears the path that it came by.
    transcoded = {"name": "x-envoy-original-path", "present_match": True, "invert_match": True}
    both = [{"header_filter": {"header": header}} for header in (kind, transcoded)]
    words = {"text_format_source": {"inline_string": _OWN_WORDS}}
    return {"filter": {"and_filter": {"filters": both}}, "body_format_override": words}


def replies(max_body_bytes: int) -> tuple[Reply, ...]:
    """Return a reply for each status that Envoy answers with by itself."""
    return (
        _bad_request("The request is not valid HTTP."),
        Reply(
            status=404,
            name="NOT_FOUND",
            code="not_found",
            error="Not Found",
            reason="NOT_FOUND",
            message="No route takes this method and path.",
        ),
        Reply(
            status=413,
            name="RESOURCE_EXHAUSTED",
            code="payload_too_large",
            error="Payload Too Large",
            reason="TOO_LARGE",
            message=f"The body is over the limit of {max_body_bytes} bytes."
            " Send less, or upload a file.",
        ),
        Reply(
            status=426,
            name="FAILED_PRECONDITION",
            code="upgrade_required",
            error="Upgrade Required",
            reason="INVALID_VALUE",
            message="This version of HTTP is not spoken here. Use HTTP/1.1 or HTTP/2.",
        ),
        Reply(
            status=431,
            name="RESOURCE_EXHAUSTED",
            code="headers_too_large",
            error="Request Header Fields Too Large",
            reason="TOO_LARGE",
            message="The request's headers are over the limit of 60 KiB or 100 headers.",
        ),
        *_faults(),
    )


def _bad_request(message: str) -> Reply:
    return Reply(
        status=400,
        name="INVALID_ARGUMENT",
        code="validation_error",
        error="Bad Request",
        reason="INVALID_VALUE",
        message=message,
    )


def _faults() -> tuple[Reply, ...]:
    rows = (
        (408, "DEADLINE_EXCEEDED", "Request Timeout", "The request did not arrive in time."),
        (502, "UNAVAILABLE", "Bad Gateway", "The server's answer could not be read."),
        (503, "UNAVAILABLE", "Service Unavailable", "No server can answer now."),
        (504, "DEADLINE_EXCEEDED", "Gateway Timeout", "No server answered in time."),
    )
    fault = Reply(
        status=500,
        name="INTERNAL",
        code="internal_error",
        error="Internal Server Error",
        reason="INTERNAL",
        message="The service failed to answer. Report the request_id if it goes on.",
    )
    passing = tuple(
        Reply(
            status=status,
            name=name,
            code=error.lower().replace(" ", "_"),
            error=error,
            reason="UNAVAILABLE",
            message=f"{message} {_AGAIN}",
            retryable=True,
        )
        for status, name, error, message in rows
    )
    return (fault, *passing)


def _mapper(reply: Reply, *, marked: bool = False) -> Json:
    value = {"default_value": reply.status, "runtime_key": f"local_reply.{reply.status}"}
    status: Json = {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
    mark = {"filter": "assay", "path": [{"key": "path"}], "value": {"present_match": True}}
    mapper: Json = {
        "filter": status,
        "body_format_override": _format(reply),
    }
    if marked:
        found = {"metadata_filter": {"matcher": mark, "match_if_key_not_found": False}}
        mapper["filter"] = {"and_filter": {"filters": [status, found]}}
    if reply.status == 503:
        mapper["headers_to_add"] = [{"header": {"key": "retry-after", "value": "1"}}]
    return mapper


def _format(reply: Reply) -> Json:
    return {
        "json_format": {
            "statusCode": "%RESPONSE_CODE%",
            "status": reply.name,
            "code": reply.code,
            "error": reply.error,
            "message": reply.message,
            "retryable": reply.retryable,
            "request_id": "%REQ(X-REQUEST-ID)%",
            "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
            "path": "%PATH(NQ:ORIG_OR_PATH):200%",
            "details": [{"reason": reply.reason, "domain": "assay", "metadata": {}}],
            "reportErrorUrl": None,
        }
    }
