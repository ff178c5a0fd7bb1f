"""Predictions of rows: classes, numbers, or the labels of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class ClassPredictions:
    """Probabilities of classes, of records and of the chunks that they were cut into."""

    row_ids: Sequence[str]
    labels: tuple[str, ...]  # the classes, in the order of the columns
    probabilities: Floats  # (records, classes), rows sum to 1
    chunk_probabilities: Floats  # (chunks, classes), likewise
    record_of: Codes  # (chunks,), the number of each chunk's record, rising

    @property
    def codes(self) -> Codes:
        """Return the (records,) numbers of the most probable classes, the first of equal ones."""
        codes: Codes = np.argmax(self.probabilities, axis=1).astype(np.int32)
        return codes

    @property
    def chunk_codes(self) -> Codes:
        """Return the (chunks,) numbers of the most probable classes, the first of equal ones."""
        codes: Codes = np.argmax(self.chunk_probabilities, axis=1).astype(np.int32)
        return codes


@dataclass(frozen=True, kw_only=True)
class ValuePredictions:
    """Predicted numbers."""

    row_ids: Sequence[str]
    values: Floats  # (records,)


@dataclass(frozen=True, kw_only=True)
class WordPredictions:
    """Labels of words, and the fields that they spell."""

    row_ids: Sequence[str]
    labels: tuple[str, ...]  # the classes of words; "O" is one of them
    codes: Codes  # (words,), the class of each word, of one record after the other
    offsets: NDArray[np.int64]  # (records + 1,), where each record's words start
    confidences: Floats  # (words,), of the class that was chosen, in [0, 1]
    fields: tuple[Mapping[str, str], ...]  # of each record: the text of each field that was found

    def confidence(self, record: int) -> dict[str, float]:
        """Return how sure the fields of a record are: the mean confidence of words so labelled."""
        words = slice(int(self.offsets[record]), int(self.offsets[record + 1]))
        codes, confidences = self.codes[words], self.confidences[words]
        return {
            name: float(np.mean(confidences[codes == self.labels.index(name)]))
            for name in self.fields[record]
        }


Predictions = ClassPredictions | ValuePredictions | WordPredictions
