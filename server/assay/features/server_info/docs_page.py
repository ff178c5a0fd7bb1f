"""Page of the REST routes for a browser, made of the OpenAPI document.

It loads nothing, runs no script and takes its one style from itself, and its policy says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

Json = Mapping[str, Any]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
summary{cursor:pointer;padding:.3rem 0}
code,pre{font:14px/1.4 ui-monospace,monospace}
b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse}
td{border-top:1px solid #8884;padding:.2rem .8rem .2rem 0;vertical-align:top}
pre{overflow:auto;max-height:30rem}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render(document: Json) -> str:
    """Return the page of an OpenAPI document, HTML in UTF-8."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style><h1>{title}</h1><p>{escape(info['description'])}</p>",
            '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>',
            *_operations(document),
            "<h2>Schemas</h2>",
            *_schemas(document["components"]["schemas"]),
            "</html>\n",
        ]
    )


def _operations(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"<details id={escape(operation['operationId'])}><summary><b>{method.upper()}</b>"
    yield f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
    yield f"<p>{escape(operation['description'])}</p>"
    rows = [
        (one["name"], one["in"], _kind(one["schema"]), one.get("description", ""))
        for one in operation["parameters"]
    ]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [("body", kind, _kind(one["schema"]), "") for kind, one in body.items()]
    for status, answer in operation["responses"].items():
        told = answer.get("description") or answer["$ref"].rpartition("/")[2]
        kinds = [_kind(one["schema"]) for one in answer.get("content", {}).values()]
        rows.append((status, "answer", ", ".join(filter(None, kinds)), told))
    yield _table(rows)
    yield "</details>"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return (
        "<table>"
        + "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
        + "</table>"
    )


def _kind(schema: Json) -> str:
    """Return what a schema is, in a word."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items']) or 'values'}"
    kind = schema.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _schemas(schemas: Json) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"<details id=schema-{escape(name)}><summary><code>{escape(name)}</code></summary>"
        yield f"<pre>{escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre></details>"
