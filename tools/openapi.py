"""Render docs/openapi.json: the REST side of the contract as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2

from tools.openapi_errors import ERROR_SCHEMA, error_responses, shared_responses, successes
from tools.openapi_examples import EXAMPLES
from tools.openapi_files import media
from tools.openapi_schemas import REQUIRED, Contract, Method, Schemas, behaviour, leaves, said
from tools.openapi_views import components, view_schema, views
from tools.protos import ROOT, option
from tools.routes import CAMEL_PREFIXES, bindings

Json = dict[str, Any]

HTTP_BODY = ".google.api.HttpBody"
ABOUT = """\
Quality numbers of machine-learned models, computed exactly and served over gRPC and REST from one
contract. Every refusal has the body `Error`; numbers that are undefined are absent and listed in
`undefined` with their reason.

Unknown keys of a JSON body and unknown query parameters are refused with 400 and the nearest name
that is allowed, because a filter or an expiry that is misspelt must not be left out in silence. So a
parameter that only defeats caches, such as `?_=1`, is refused on purpose as well: send the header
`Cache-Control: no-cache` instead. In a JSON body null is absence.

Listings under /api/models, and of inference jobs under /api/jobs, alone leave unknown query
parameters unread: the clients of their family send more than is documented.

`limit` and `page_size` are the most items that a page may have: what is above the cap is taken as
the cap, what is below 1 (of `page_size`: below 0) is refused. A page may hold fewer and yet lead on
to more, where its items are large."""
SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A JWT of the organization's identity provider, or an API key.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`ApiKey <prefix>.<secret>`",
    },
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeated create return the first answer; as `request_id`.",
    "schema": {"type": "string"},
}
LAST_EVENT_ID: Json = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "Resumes after the event with this id; wins over `after_sequence`.",
    "schema": {"type": "string"},
}


def document(data: bytes) -> Json:
    """Return the document of a descriptor set with source info."""
    contract = Contract.of(data)
    comments = {method.descriptor.name: method.comment for method in contract.methods}
    comments |= {method.name: method.comment for method in contract.methods}
    shown = views()
    paths: dict[str, Json] = {}
    named: dict[str, Json] = {"Error": ERROR_SCHEMA}
    tags: dict[str, str] = {}
    for method in contract.methods:
        for number, (verb, path, body) in enumerate(bindings(method.descriptor)):
            style = "camel" if path.startswith(CAMEL_PREFIXES) else "snake"
            schemas = Schemas(contract, style)
            view = shown.get(method.name)
            name = method.descriptor.name if number == 0 else f"{method.descriptor.name}_{number}"
            operation = {
                "operationId": name,
                **_Operation(contract, schemas, method, path, body, view=view).render(comments),
            }
            paths.setdefault(_template(path), {})[verb.lower()] = operation
            named |= schemas.named
            tags.setdefault(operation["tags"][0], contract.services[method.service])
    schemas = Schemas(contract, "snake")
    named |= components(shown.values(), schemas) | schemas.named
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Assay",
            "version": _release(),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in sorted(tags.items())],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(named.items())),
            "responses": shared_responses(),
            "securitySchemes": SECURITY,
        },
    }


def page(rendered: Json) -> str:
    """Return the document as it is committed: a line a value, so that a diff shows what moved."""
    return json.dumps(rendered, indent=1, ensure_ascii=False) + "\n"


def served(rendered: Json) -> str:
    """Return the document as the server sends it."""
    return json.dumps(rendered, separators=(",", ":"), ensure_ascii=False) + "\n"


class _Operation:
    """One HTTP binding of one method."""

    def __init__(
        self,
        contract: Contract,
        schemas: Schemas,
        method: Method,
        path: str,
        body: str,
        *,
        view: Any,
    ) -> None:
        """Take one binding, and the type of the method's view, None where it has none."""
        self._view = view
        self._contract = contract
        self._schemas = schemas
        self._method = method
        self._body = body
        self._request = method.descriptor.input_type
        self._in_path = frozenset(re.findall(r"\{(\w+)", path))
        self._policy: Any = option(method.descriptor.options, "assay.v1.policy")

    def render(self, comments: dict[str, str]) -> Json:
        """Return the operation object."""
        method, anonymous = self._method, self._policy.anonymous
        summary, _, _ = method.comment.partition(". ")
        operation: Json = {
            "tags": [
                method.service.rpartition(".")[2].removesuffix("Service").removesuffix("Rest")
            ],
            "summary": summary,
            "description": method.comment,
            "parameters": [*self._path_parameters(), *self._query(), *self._headers()],
        }
        if self._body:
            operation["requestBody"] = self._request_body()
        operation["responses"] = {
            **self._successes(),
            **error_responses(method, comments, anonymous=anonymous),
        }
        needs = list(self._policy.permissions)
        operation["security"] = [] if anonymous else [{"bearer": needs}, {"apiKey": needs}]
        return operation

    def _fields(self) -> list[descriptor_pb2.FieldDescriptorProto]:
        return list(self._contract.messages[self._request].field)

    def _path_parameters(self) -> Iterator[Json]:
        for one in self._fields():
            if one.name in self._in_path:
                yield self._parameter("path", one.name, self._request, one)

    def _query(self) -> Iterator[Json]:
        if self._body == "*":
            return
        for name, message, one in leaves(self._contract, self._request):
            if name.partition(".")[0] not in self._in_path | {self._body}:
                shown = name if "." in name else self._schemas.name_of(one)
                yield self._parameter("query", shown, message, one)

    def _parameter(
        self, place: str, name: str, message: str, one: descriptor_pb2.FieldDescriptorProto
    ) -> Json:
        schema = self._schemas.of_field(message, one, sent=True)
        description = schema.pop("description", "")
        if schema.get("format") in {"int64", "uint64"}:
            # Of a query the transcoder reads digits, whatever their number.
            lowest = {"minimum": 0} if schema["format"] == "uint64" else {}
            schema = {"type": "integer", "format": schema["format"], **lowest}
        required = place == "path" or REQUIRED in behaviour(one)
        found: Json = {"name": name, "in": place, "required": required, "schema": schema}
        return {**found, "description": description} if description else found

    def _headers(self) -> Iterator[Json]:
        if any(one.name == "request_id" for one in self._fields()):
            yield IDEMPOTENCY_KEY
        if "text/event-stream" in self._policy.produces:
            yield LAST_EVENT_ID

    def _request_body(self) -> Json:
        if self._body == "*":
            schema = self._schemas.object(self._request, sent=True, without=self._in_path)
            required = bool(schema.get("required"))
            return {"required": required, "content": {"application/json": {"schema": schema}}}
        one = next(one for one in self._fields() if one.name == self._body)
        description = said(self._contract.comments[f"{self._request}.{one.name}"])
        if one.type_name == HTTP_BODY:
            content: Json = {
                kind: media(self._method.descriptor.name, kind) for kind in self._policy.consumes
            }
        else:
            schema = self._schemas.of_message(one.type_name, sent=True)
            content = {"application/json": {"schema": schema}}
        return {"description": description, "required": True, "content": content}

    def _successes(self) -> Json:
        method = self._method
        status = self._policy.http_status or 200
        content = self._content()
        found: Json = {}
        for code, meaning in successes(method, status).items():
            found[code] = {"description": meaning}
            if code != "204":
                found[code]["content"] = content
            if code == "202":
                found[code]["headers"] = {
                    "Location": {"schema": {"type": "string"}, "description": "Where to look."}
                }
        return found

    def _content(self) -> Json:
        output = self._method.descriptor.output_type
        if output == HTTP_BODY and self._view is None:
            return {
                kind: media(self._method.descriptor.name, kind) for kind in self._policy.produces
            }
        if self._view is None:
            schema = self._schemas.of_message(output, sent=False)
        else:
            schema = view_schema(self._view)
        if self._method.descriptor.server_streaming and output != HTTP_BODY:
            schema = {"type": "array", "items": schema}
        content: Json = {"schema": schema}
        example = EXAMPLES.get(self._method.descriptor.name)
        if example is not None:
            content["example"] = example
        return {"application/json": content}


def _template(path: str) -> str:
    """Return a path with plain variables: `{path=**}` is `{path}`."""
    return re.sub(r"\{(\w+)=[^}]*\}", r"{\1}", path)


def _release() -> str:
    return (ROOT / "client/VERSION").read_text().strip()
