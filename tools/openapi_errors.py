"""What a method's comment says of its answers, such as `Errors: 400 bad split; 404 no model`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from tools.openapi_schemas import Method

Json = dict[str, Any]

ERRORS = re.compile(r"Errors[^:]*: (.*)$")
SUCCESSES = re.compile(r"\b(2\d\d) ([^,.;:]+)")
STATUS = re.compile(r"(?:^|[;.,] )([45]\d\d) ([^;.]+)")
AS = re.compile(r"\bas (?:\w+\.)?([A-Z]\w+)")

COMMON: Mapping[str, str] = {
    "400": "A value is wrong: `details` name the fields.",
    "401": "No credential, or one that does not hold.",
    "403": "The caller lacks a permission.",
    "404": "No such thing in the caller's organization.",
    "409": "The request collides with what is stored.",
    "413": "A body, chunk or count is over its limit.",
    "422": "The state of the resource forbids the call.",
    "429": "Over the rate limit; `Retry-After` says when to come back.",
    "500": "A fault of the service; report the `request_id`.",
    "503": "The service cannot answer now; retry with backoff.",
}
_FIELDS: Json = {
    "statusCode": {"type": "integer", "description": "The HTTP status."},
    "status": {"type": "string", "description": "The gRPC status, or its closest word."},
    "code": {"type": "string", "description": "The status as a word, such as not_found."},
    "error": {"type": "string", "description": "The HTTP reason phrase."},
    "message": {
        "type": "string",
        "description": "What was sent, what is allowed and the way out.",
    },
    "retryable": {"type": "boolean", "description": "Whether the same call may succeed."},
    "request_id": {"type": "string", "description": "Names the call in the service's log."},
    "timestamp": {"type": "string", "format": "date-time"},
    "path": {"type": "string", "description": "The path that was asked for."},
    "details": {
        "type": "array",
        "description": "google.rpc error details: ErrorInfo, BadRequest, RetryInfo and so on.",
        "items": {"type": "object", "additionalProperties": True},
    },
    "reportErrorUrl": {"type": ["string", "null"]},
}
ERROR_SCHEMA: Json = {
    "type": "object",
    "description": "The one body of every refusal, the gateway's own included.",
    "required": list(_FIELDS),
    "properties": _FIELDS,
}


def refusals(comment: str, comments: Mapping[str, str]) -> dict[str, str]:
    """Return status → meaning of the refusals that a comment tells or points to."""
    found = ERRORS.search(comment)
    if found is None:
        return {}
    other = AS.search(found.group(1))
    pointed = {} if other is None else refusals(comments[other.group(1)], comments)
    own = {
        status: f"{text[:1].upper()}{text[1:]}." for status, text in STATUS.findall(found.group(1))
    }
    return pointed | own


def successes(method: Method, status: int) -> dict[str, str]:
    """Return status → meaning of the answers that are none."""
    told = ERRORS.sub("", method.comment)
    found = dict(SUCCESSES.findall(told)) or {str(status): ""}
    return {
        code: f"{HTTPStatus(int(code)).phrase}{': ' + text if text else ''}."
        for code, text in found.items()
    }


def shared_responses() -> Json:
    """Return a response for each common refusal."""
    return {
        HTTPStatus(int(status)).phrase.replace(" ", ""): refusal(meaning)
        for status, meaning in COMMON.items()
    }


def refusal(meaning: str) -> Json:
    """Return a response with the one body of all refusals."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def error_responses(method: Method, comments: Mapping[str, str], *, anonymous: bool) -> Json:
    """Return the responses of a method's refusals, by status."""
    meanings = refusals(method.comment, comments)
    # A query or body that the transcoder cannot read is 400 on every route.
    always = ["400", "500", "503"] if anonymous else ["400", "401", "403", "429", "500", "503"]
    responses = {
        status: {
            "$ref": f"#/components/responses/{HTTPStatus(int(status)).phrase.replace(' ', '')}"
        }
        for status in always
    }
    responses |= {status: refusal(meaning) for status, meaning in meanings.items()}
    return dict(sorted(responses.items()))
