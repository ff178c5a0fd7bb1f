"""Responses of the OpenAPI document: refusals, from the error classes and the methods' comments.

A comment names its refusals so: `Errors: 400 bad split; 404 no model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from assay.kernel.errors import GATEWAY_STATUSES, AssayError, error_classes
from tools.openapi_schemas import Method

Json = dict[str, Any]

ERRORS = re.compile(r"Errors[^:]*: (.*)$")
SUCCESSES = re.compile(r"\b(2\d\d) ([^,.;:]+)")
STATUS = re.compile(r"(?:^|[;.,] )([45]\d\d) ([^;.]+)")
AS = re.compile(r"\bas ((?:\w+\.)?[A-Z]\w+)")

_UNSEEN = {499, *GATEWAY_STATUSES}  # the caller went away; the gateway says more than we could
COMMON: Mapping[int, type[AssayError]] = {
    # Of the classes with one status the first is the most general, so it is kept.
    kind.status.http_status: kind
    for kind in reversed(list(error_classes()))
    if kind.__module__ == AssayError.__module__ and kind.status.http_status not in _UNSEEN
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
    """Return status → meaning of the answers that are no refusal."""
    told = ERRORS.sub("", method.comment)
    found = dict(SUCCESSES.findall(told)) or {str(status): ""}
    return {
        code: f"{HTTPStatus(int(code)).phrase}{': ' + text if text else ''}."
        for code, text in found.items()
    }


def shared_responses() -> Json:
    """Return a response for each common refusal."""
    return {
        _name(kind): refusal(str(kind.__doc__).partition("\n")[0])
        for _, kind in sorted(COMMON.items())
    }


def _name(kind: type[AssayError]) -> str:
    return kind.status.phrase.replace(" ", "")


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
        status: {"$ref": f"#/components/responses/{_name(COMMON[int(status)])}"}
        for status in always
    }
    responses |= {status: refusal(meaning) for status, meaning in meanings.items()}
    return dict(sorted(responses.items()))
