"""JSON schemas of REST views, read from the records that the REST handlers are annotated with."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from assay import features
from assay.kernel.rpc.rest import Body
from assay.records import Record
from tools.openapi_schemas import Schemas

Json = dict[str, Any]

_FIELD = re.compile(r"^    (\w+): [^#\n]+(?:  # (.*))?$")
_COMMENT = re.compile(r"^    # (.*)$")
_PAGE = re.compile(r"\bViewPage_(\w+?)(?:View)?_(?=\W|$)")


def views() -> dict[str, Any]:
    """Return the type of each REST method's view, by `Service.Method`."""
    found: dict[str, Any] = {}
    for feature in pkgutil.iter_modules(features.__path__):
        for module in _rest_modules(feature.name) if feature.ispkg else ():
            for name, handler in vars(module).items():
                if name.endswith("RestService"):
                    for method, function in inspect.getmembers(handler, inspect.isfunction):
                        view = _view_of(get_type_hints(function).get("return"))
                        if view is not None:
                            found[f"{name}.{method}"] = view
    return found


def _rest_modules(feature: str) -> Iterator[ModuleType]:
    """Yield the modules of a feature that hold REST services."""
    package = importlib.import_module(f"assay.features.{feature}")
    for one in pkgutil.iter_modules(package.__path__):
        if one.name == "rest" or one.name.startswith("rest_"):
            yield importlib.import_module(f"{package.__name__}.{one.name}")


def _view_of(returned: Any) -> Any:
    """Return the view that a method answers, at once or in parts; None where it has none."""
    if get_origin(returned) is AsyncGenerator:
        returned = get_args(returned)[0]
    return get_args(returned)[0] if get_origin(returned) is Body else None


def view_schema(view: Any) -> Json:
    """Return the schema of a view: a reference to that of its record, or an array of such."""
    (found,), _ = msgspec.json.schema_components(
        [view],
        schema_hook=lambda _: {"type": "object"},
        ref_template="#/components/schemas/{name}",
    )
    shown: Json = json.loads(_PAGE.sub(r"\1Page", json.dumps(found)))
    return shown


def components(found: Iterable[Any], schemas: Schemas) -> Json:
    """Return the schemas of views and of the records in them; messages go to `schemas`."""

    def of_message(kind: Any) -> Json:
        return schemas.of_message(f".{kind.DESCRIPTOR.full_name}", sent=False)

    _, named = msgspec.json.schema_components(
        list(dict.fromkeys(found)),
        schema_hook=of_message,
        ref_template="#/components/schemas/{name}",
    )
    records = {kind.__name__: kind for kind in _below(Record)}
    made = {name: _described(schema, records) for name, schema in named.items()}
    renamed: Json = json.loads(_PAGE.sub(r"\1Page", json.dumps(made)))
    return renamed


def _below(kind: type[Record]) -> Iterator[type[Record]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _described(schema: Json, records: Mapping[str, type]) -> Json:
    """Return the schema of a record with the comment of each field as its description."""
    kind = records.get(schema.pop("title").partition("[")[0])
    if kind is None:
        return {"type": "string", **schema}  # an enumeration
    comments: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Record):
            comments |= _comments(base)
    names = {one.encode_name: one.name for one in msgspec.structs.fields(kind)}
    shown = {
        name: {**of_field, "description": comments[names[name]]}
        for name, of_field in schema["properties"].items()
    }
    return {**schema, "properties": shown}


def _comments(kind: type) -> dict[str, str]:
    """Return the comment of each field of a class: beside it, or in the lines above."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        if comment := _COMMENT.match(line):
            above.append(comment[1])
        elif field := _FIELD.match(line):
            found[field[1]] = field[2] or " ".join(above)
            above = []
    return found
