"""Datasets, extraction runs, benchmarks and field schemas by id or by name.

A name means the newest that has it; `name@-1` is the one before, `name@-2` the one before that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from assay.client import BadInput, Client, NotFound, PermissionDenied
from assay.client.types import Model

_BACK = re.compile(r"(.+)@-(\d{1,9})")


def model_of(client: Client, text: str) -> Model:
    """Return the model with this project path, or else with this id; raises BadInput."""
    found = next(iter(client.models.list(project_path=text)), None)
    if found is not None:
        return found
    try:
        return client.models.get(text)
    except NotFound as error:
        raise BadInput(f"No model has the project path or the id '{text}'.") from error


def model_id_of(client: Client, text: str) -> str:
    """Return the id of the model with this project path, or else the text itself as an id."""
    with suppress(PermissionDenied):  # of a credential that may not list, an id is taken
        found = next(iter(client.models.list(project_path=text)), None)
        if found is not None:
            return found.model_id
    return text


def dataset_id_of(client: Client, text: str) -> str:
    """Return the id of the dataset that `text` names; raises BadInput."""
    return _id_of(
        "dataset", text, ((one.name, one.dataset_id) for one in client.ground_truth.list())
    )


def benchmark_id_of(client: Client, text: str) -> str:
    """Return the id of the benchmark that `text` names; raises BadInput."""
    return _id_of(
        "benchmark", text, ((one.name, one.benchmark_id) for one in client.benchmarks.list())
    )


def run_id_of(client: Client, text: str) -> str:
    """Return the id of the extraction run that `text` names; raises BadInput."""
    return _id_of(
        "extraction run", text, ((one.name, one.run_id) for one in client.extraction_runs.list())
    )


def schema_id_of(client: Client, text: str) -> str:
    """Return the id of the field schema that `text` names; raises BadInput."""
    return _id_of(
        "field schema",
        text,
        ((one.name, one.user_schema_id) for one in client.field_schemas.list()),
    )


def _id_of(kind: str, text: str, newest_first: Iterable[tuple[str, str]]) -> str:
    """Return `text` where it is an id, else the id of what it names; reads no more than it must."""
    if _is_id(text):
        return text
    back = _BACK.fullmatch(text)
    name, place = (back[1], int(back[2])) if back else (text, 0)
    found: list[str] = []
    for called, key in newest_first:
        if called == text:  # what looks like `name@-1` may be a name itself
            return key
        if called == name and len(found) <= place:
            found.append(key)
    if place < len(found):
        return found[place]
    if not found:
        raise BadInput(f"There is no {kind} '{name}'; give its id or its exact name.")
    raise BadInput(
        f"There is no {kind} '{text}': {len(found)} are called '{name}', and '{name}' is the newest."
    )


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
