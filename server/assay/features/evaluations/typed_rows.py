"""Typed rows of a small request become one chunk, which then goes the way of all chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.features.evaluations.ingest import rules_of
from assay.features.evaluations.model import EvaluationSpec
from assay.kernel.errors import BadPredictions
from assay.kernel.input_errors import input_refused
from assay.tabular.values import encode_values


@dataclass(frozen=True, kw_only=True)
class RowsChunk:
    """Rows that were accepted, as a chunk to be uploaded at row 0."""

    rows: int
    data: bytes  # one self-contained Arrow IPC stream


def rows_to_chunk(spec: EvaluationSpec, columns: Mapping[str, Sequence[object]]) -> RowsChunk:
    """Return columns of Python values (str, bool, int, float, None for null) as a chunk.

    Columns are named as in any upload. Runs in a compute child, for a value's way into Arrow is
    decoding too. Raises BadPredictions naming row and column, as an upload of the rows would.
    """
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} has {size}" for name, size in list(sizes.items())[:10])
        raise BadPredictions(
            f"The columns have different numbers of rows: {shown}. Give each row a value for "
            "each column, or null.",
            metadata={"rows": shown},
        )
    if not sum(sizes.values()):
        raise BadPredictions("There are no rows. Send at least one.", metadata={"rows": 0})
    with input_refused():
        data = encode_values(columns, rules_of(spec))
    return RowsChunk(rows=next(iter(sizes.values())), data=data)
