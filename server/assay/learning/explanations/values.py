"""Explanations as values, and the documents that draw them.

Scores add up: of each explained class (of a regression: of the number) the scores of all words or
features and the base are the total. The base is what the model says of an input that holds none
of them. Of a class both are log-odds, of a number they have its unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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


Explanation = TextExplanation


def _ranked(scores: Floats) -> Iterable[tuple[int, float]]:
    """Return places and scores, the highest first; of equal ones the first."""
    kept = np.argsort(-np.abs(scores), kind="stable")[:MAX_ENTRIES]
    kept.sort()
    order = kept[np.argsort(-scores[kept], kind="stable")]
    return zip(order.tolist(), scores[order].tolist(), strict=True)
