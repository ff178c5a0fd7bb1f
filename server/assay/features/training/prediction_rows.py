"""Predictions as rows of text: JSON Lines or CSV, in the forms that other files here have.

- classification  row_id, y_pred, confidence; with scores the probability of each class instead of
  the confidence, as a file of predictions that is evaluated has it
- regression      row_id, y_pred
- extraction      document_id, data and confidence, as a file of extractions has them

Rows that came with the truth bring it along as y_true.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from assay.learning.predictions import (
    ClassPredictions,
    Predictions,
    ValuePredictions,
    WordPredictions,
)
from assay.learning.rows import LABEL, OUTSIDE, TARGET

Row = dict[str, Any]


class Format(StrEnum):
    """How predictions are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


CONTENT_TYPES: Mapping[Format, str] = {
    Format.JSON_LINES: "application/x-ndjson",
    Format.CSV: "text/csv",
}


@dataclass(frozen=True, kw_only=True)
class RowWriter:
    """Writes predictions of one model."""

    format: Format
    labels: Sequence[str]  # of the model; of an extraction with OUTSIDE
    has_scores: bool  # whether each class's probability is told

    def header(self, batch: pa.RecordBatch, found: Predictions) -> bytes:
        """Return what stands before the first row."""
        if self.format is Format.JSON_LINES:
            return b""
        if isinstance(found, WordPredictions):
            fields = [one for one in self.labels if one != OUTSIDE]
            return _csv([["document_id", *fields, *(f"confidence:{one}" for one in fields)]])
        names = ["row_id", *(["y_true"] if _truths(batch) else []), "y_pred"]
        if isinstance(found, ClassPredictions):
            names += [f"score:{one}" for one in self.labels] if self.has_scores else ["confidence"]
        return _csv([names])

    def rows(self, batch: pa.RecordBatch, found: Predictions) -> bytes:
        """Return the predictions of the rows of a batch."""
        if self.format is Format.JSON_LINES:
            lines = (json.dumps(row, ensure_ascii=False) for row in self._as_json(batch, found))
            return "".join(f"{line}\n" for line in lines).encode()
        return _csv(self._as_cells(batch, found))

    def _as_json(self, batch: pa.RecordBatch, found: Predictions) -> Iterator[Row]:
        if isinstance(found, WordPredictions):
            for row_id, fields, sure in _documents(found):
                yield {"document_id": row_id, "data": fields, "confidence": sure}
            return
        for row in self._plain(batch, found):
            probabilities = row.pop("probabilities", None)
            if probabilities is not None:
                row["scores"] = dict(zip(self.labels, probabilities, strict=True))
            yield row

    def _as_cells(self, batch: pa.RecordBatch, found: Predictions) -> Iterator[list[object]]:
        if isinstance(found, WordPredictions):
            names = [one for one in self.labels if one != OUTSIDE]
            for row_id, fields, sure in _documents(found):
                texts = [fields.get(one, "") for one in names]
                yield [row_id, *texts, *(sure.get(one, "") for one in names)]
            return
        for row in self._plain(batch, found):
            probabilities = row.pop("probabilities", ())
            yield [*row.values(), *probabilities]

    def _plain(
        self, batch: pa.RecordBatch, found: ClassPredictions | ValuePredictions
    ) -> Iterator[Row]:
        truths = _truths(batch)
        for at, row_id in enumerate(found.row_ids):
            row: Row = {"row_id": row_id}
            if truths:
                row["y_true"] = truths[at]
            if isinstance(found, ValuePredictions):
                row["y_pred"] = float(found.values[at])
            else:
                row |= self._classified(found, at)
            yield row

    def _classified(self, found: ClassPredictions, at: int) -> Row:
        code = int(found.codes[at])
        row: Row = {"y_pred": found.labels[code]}
        if self.has_scores:
            return row | {"probabilities": found.probabilities[at].tolist()}
        return row | {"confidence": float(found.probabilities[at, code])}


def _truths(batch: pa.RecordBatch) -> list[Any]:
    """Return the label or number that each row came with; nothing where rows have none."""
    name = next((one for one in (LABEL, TARGET) if one in batch.schema.names), None)
    return [] if name is None else batch.column(name).to_pylist()


def _documents(
    found: WordPredictions,
) -> Iterator[tuple[str, Mapping[str, str], Mapping[str, float]]]:
    """Yield each document's fields, and of each how sure its words are on average."""
    for at, (row_id, fields) in enumerate(zip(found.row_ids, found.fields, strict=True)):
        yield row_id, fields, found.confidence(at)


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
