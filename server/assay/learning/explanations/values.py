"""Explanations as values, and the documents that draw them.

Scores of words and features add up: of each explained class (of a regression: of the number) the
scores of all words or features and the base are the total. The base is what the model says of an
input that holds none of them. Of a class both are log-odds, of a number they have its unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.learning.explanations.masks import run_lengths

Floats = NDArray[np.float64]

MAX_ENTRIES: Final = 5_000  # words or features of a class that a document lists


@dataclass(frozen=True, kw_only=True)
class TextExplanation:
    """How much each word speaks for each explained class."""

    labels: tuple[str, ...]  # the explained classes, the most probable first
    words: tuple[str, ...]  # of the text, split on whitespace
    scores: Floats  # (labels, words); negative where a word speaks against the class
    bases: Floats  # (labels,)
    totals: Floats  # (labels,)
    explainable_text: str | None = None  # what the model was given, where that is not the input

    def document(self) -> dict[str, Any]:
        """Return the `explanation` of an output: of each class its words, the highest score first.

        Of more than MAX_ENTRIES words those of the largest absolute scores are listed.
        """
        found: dict[str, Any] = {
            "wordImportances": {
                label: [
                    {"word": self.words[at], "score": score, "index": at}
                    for at, score in _ranked(scores)
                ]
                for label, scores in zip(self.labels, self.scores, strict=True)
            }
        }
        if self.explainable_text is not None:
            found["explainableText"] = self.explainable_text
        return found


@dataclass(frozen=True, kw_only=True)
class TabularExplanation:
    """How much each feature speaks for each explained class, or raises the number."""

    labels: tuple[str, ...]  # the explained classes, the most probable first; none of a regression
    features: tuple[str, ...]
    values: tuple[float | str | None, ...]  # of the features; None where it is missing
    scores: Floats  # (labels, features), of a regression (1, features)
    bases: Floats  # (labels,) or (1,)
    totals: Floats  # (labels,) or (1,)

    def document(self) -> dict[str, Any]:
        """Return the `explanation` of an output: of each class its features, the highest first.

        Of a regression it is one list; a feature whose value is missing has none.
        """
        lists = [
            [self._entry(at, score) for at, score in _ranked(scores)] for scores in self.scores
        ]
        if not self.labels:
            return {"featureImportances": lists[0]}
        return {"featureImportances": dict(zip(self.labels, lists, strict=True))}

    def _entry(self, at: int, score: float) -> dict[str, Any]:
        entry: dict[str, Any] = {"feature": self.features[at]}
        if (value := self.values[at]) is not None:
            entry["value"] = value
        return {**entry, "score": score}


@dataclass(frozen=True, kw_only=True)
class ImageExplanation:
    """Which region of an image speaks for each explained class."""

    labels: tuple[str, ...]  # the explained classes, the most probable first
    scores: Floats  # (labels, rows, columns), what each cell of a grid over the image is worth
    masks: NDArray[np.bool_]  # (labels, rows, columns), the cells that count
    height: int  # pixels of the image, upright
    width: int

    def document(self) -> dict[str, Any]:
        """Return the `explanation` of an output: of each class the run lengths of its mask."""
        return {
            "maskRLE": [run_lengths(mask, self.height, self.width) for mask in self.masks],
            "dimensions": {"height": self.height, "width": self.width},
        }


Explanation = TextExplanation | TabularExplanation | ImageExplanation


def feature_values(
    batch: pa.RecordBatch, names: Sequence[str], row: int
) -> tuple[float | str | None, ...]:
    """Return the values of a row's features; None where one is missing or no number of JSON."""
    values = [batch.column(name)[row].as_py() for name in names]
    return tuple(
        None if isinstance(value, float) and not math.isfinite(value) else value for value in values
    )


def _ranked(scores: Floats) -> Iterable[tuple[int, float]]:
    """Return places and scores, the highest first; of equal ones the first."""
    kept = np.argsort(-np.abs(scores), kind="stable")[:MAX_ENTRIES]
    kept.sort()
    order = kept[np.argsort(-scores[kept], kind="stable")]
    return zip(order.tolist(), scores[order].tolist(), strict=True)
