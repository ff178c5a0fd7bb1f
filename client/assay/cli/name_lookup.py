"""Datasets and benchmarks by id or by name."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from assay.client import BadInput, Client


def dataset_id_of(client: Client, text: str) -> str:
    """Return the id of the dataset that `text` names; raises BadInput."""
    named = ((one.name, one.dataset_id) for one in client.ground_truth.list())
    return text if _is_id(text) else _the_one("dataset", text, named)


def benchmark_id_of(client: Client, text: str) -> str:
    """Return the id of the benchmark that `text` names; raises BadInput."""
    named = ((one.name, one.benchmark_id) for one in client.benchmarks.list())
    return text if _is_id(text) else _the_one("benchmark", text, named)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _the_one(kind: str, text: str, named: Iterable[tuple[str, str]]) -> str:
    ids = [found for name, found in named if name == text]
    if not ids:
        raise BadInput(f"There is no {kind} '{text}'; give its id or its exact name.")
    if len(ids) > 1:
        raise BadInput(
            f"{len(ids)} {kind}s are called '{text}'; give one's id: {', '.join(ids[:5])}."
        )
    return ids[0]
