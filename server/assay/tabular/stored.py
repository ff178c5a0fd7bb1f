"""Single columns of chunks that were accepted before; only what is asked for is decoded."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.tabular.arrays import from_numbers
from assay.tabular.chunk import Chunk, Floats, Rules, Weights
from assay.tabular.errors import ErrorLocation
from assay.tabular.labels import Named, code_labels, slice_codes
from assay.tabular.numbers import (
    EXACT_INTEGERS,
    row_sums,
    score_values,
    target_values,
    weight_values,
)
from assay.tabular.row_ids import RowIds, row_ids_of
from assay.tabular.table import chunk_from_table

ANYWHERE = ErrorLocation()  # accepted rows are not refused again


def score_names(kind: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the score columns' names, for a `score_kind` and the labels they belong to."""
    return ("score",) if kind == "positive" else tuple(f"score:{label}" for label in labels)


Stored = bytes | mmap.mmap  # an accepted chunk, in memory or in its file

# Is the truth the column's label, the score, and the row's weight where rows have some.
ScoreBlock = tuple[NDArray[np.bool_], Floats] | tuple[NDArray[np.bool_], Floats, Weights]


def stored_scores(
    data: Stored, names: Sequence[str], labels: Sequence[str], *, renormalize: bool, weighted: bool
) -> list[ScoreBlock]:
    """Return a block for each score column of an accepted chunk.

    With `renormalize` the columns must be all of the chunk's class scores in label order.
    """
    table = _project(data, ("y_true", *names, *["weight"] * weighted))
    true = code_labels(table["y_true"], "y_true", ANYWHERE)
    scores = tuple(score_values(table[name], name, ANYWHERE) for name in names)
    if renormalize and len(scores) > 1:
        sums = row_sums(scores)
        scores = tuple(column / sums for column in scores)
    code_of = {text: code for code, text in enumerate(true.texts)}
    codes = [code_of.get(label, -1) for label in labels]
    pairs = zip(codes, scores, strict=True)
    if weighted:
        weights = weight_values(table["weight"], ANYWHERE)
        return [(true.indices == code, score, weights) for code, score in pairs]
    return [(true.indices == code, score) for code, score in pairs]


def stored_chunk(data: Stored, rules: Rules, first_row: int) -> Chunk:
    """Return what was scored of an accepted chunk, its slices and clusters; no ids, no features."""
    with pa.ipc.open_stream(_buffer(data)) as reader:
        names = reader.schema.names
    kept = [name for name in names if name != "row_id" and not name.startswith("feature:")]
    return chunk_from_table(_project(data, kept), rules, ErrorLocation(first_row=first_row))


def stored_side(
    data: Stored, rules: Rules, first_row: int, *, scores: bool
) -> tuple[Chunk, RowIds | None]:
    """Return what two runs are compared by of an accepted chunk, and its ids.

    That is truths, predictions, weights and clusters; scores if asked for, or where the
    predictions follow from them.
    """
    with pa.ipc.open_stream(_buffer(data)) as reader:
        names = reader.schema.names
    scores = scores or "y_pred" not in names
    kept = [
        name
        for name in names
        if name in ("y_true", "y_pred", "weight", "cluster_id")
        or (scores and (name == "score" or name.startswith("score:")))
    ]
    chunk = chunk_from_table(_project(data, kept), rules, ErrorLocation(first_row=first_row))
    return chunk, stored_row_ids(data) if "row_id" in names else None


def stored_slices(data: Stored, names: Sequence[str]) -> dict[str, Named]:
    """Return the slice columns of an accepted chunk by name, without their prefix."""
    table = _project(data, [f"slice:{name}" for name in names])
    return {name: slice_codes(table[f"slice:{name}"]) for name in names}


def stored_values(data: Stored) -> tuple[Floats, Floats]:
    """Return (truth, prediction) of an accepted chunk of a regression."""
    table = _project(data, ("y_true", "y_pred"))
    true, predicted = (target_values(table[n], n, ANYWHERE) for n in ("y_true", "y_pred"))
    return true, predicted


@dataclass(frozen=True, kw_only=True)
class ShownRows:
    """What people are shown of some rows beside what was scored."""

    row_ids: list[str] | None  # None: the chunk has no ids
    features: list[dict[str, Any]] | None  # by name, as JSON values; None: the chunk has none


def stored_rows(data: Stored, rows: NDArray[np.int64]) -> ShownRows:
    """Return ids and features of (m,) rows of an accepted chunk, numbered from its first."""
    with pa.ipc.open_stream(_buffer(data)) as reader:
        names = reader.schema.names
    features = [name for name in names if name.startswith("feature:")]
    has_ids = "row_id" in names
    if not has_ids and not features:
        return ShownRows(row_ids=None, features=None)
    table = _project(data, (*features, *["row_id"] * has_ids))
    ids = list(row_ids_of(table["row_id"]).at(rows)) if has_ids else None
    if not features:
        return ShownRows(row_ids=ids, features=None)
    wanted = from_numbers(rows)
    columns = {
        name.removeprefix("feature:"): [_json(v) for v in table[name].take(wanted).to_pylist()]
        for name in features
    }
    shown = [{name: values[at] for name, values in columns.items()} for at in range(len(rows))]
    return ShownRows(row_ids=ids, features=shown)


def _json(value: Any) -> Any:
    """Return a feature's value as JSON holds it: what is no number of JSON is its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT_INTEGERS:
        return str(value)
    return value


def stored_row_ids(data: Stored) -> RowIds:
    """Return the row ids of an accepted chunk."""
    return row_ids_of(_project(data, ("row_id",))["row_id"])


def _buffer(data: Stored) -> pa.Buffer:
    return pa.py_buffer(cast(bytes, data))  # a mapping has the same protocol


def _project(data: Stored, names: Sequence[str]) -> pa.Table:
    buffer = _buffer(data)
    with pa.ipc.open_stream(buffer) as reader:
        fields = [reader.schema.get_field_index(name) for name in names]
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    with pa.ipc.open_stream(buffer, options=options) as reader:
        return reader.read_all()
