"""Contributions of words by a predictor that only predicts: Shapley values of its answers.

A coalition of words is the text without the others. Of a long text the first players are stretches
of it; those that are worth most are cut into smaller ones, the others joined, and the game is
played again, as often as it takes until what is worth most are words. The words of a stretch share
its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from assay.learning.explanations.log_odds import sampled_log_odds, top_classes
from assay.learning.explanations.shapley import Coalitions, Floats, Shapley, shapley
from assay.learning.explanations.values import TextExplanation
from assay.learning.predictor import Predictor
from assay.learning.rows import PAGES, ROW_ID, TaskType, canonical_schema

PLAYERS: Final = 48  # words, or stretches of words, of one game
_CUT: Final = 4  # stretches that are cut after each game
_PARTS: Final = 8  # into so many
_COALITIONS: Final = 256  # of each game but the last
_AT_ONCE: Final = 1 << 22  # characters of the texts of one call
_ASKED: Final = 1 << 26  # characters of the texts of one game, unless two orders have more

Stretch = tuple[int, int]  # the first word, and the last (exclusive)


def explain_texts(
    predictor: Predictor, batch: pa.RecordBatch, classes: int
) -> Iterator[TextExplanation]:
    """Yield the explanation of each row of text.

    Args:
        predictor: Asked about each text with some of its words.
        batch: Canonical rows.
        classes: How many classes of each row are explained.
    """
    for pages in batch.column(PAGES).to_pylist():
        text = "\n".join(page or "" for page in pages or [])
        game = _Game.of(predictor, text)
        found, stretches = game.played()
        codes = top_classes(found.total[np.newaxis], classes)[0]
        sizes = np.array([last - first for first, last in stretches], np.int64)
        values = np.repeat(found.values[codes] / sizes, sizes, axis=1)
        yield TextExplanation(
            labels=tuple(predictor.labels[code] for code in codes),
            words=tuple(text.split()),
            scores=values,
            bases=found.base[codes],
            totals=found.total[codes],
            explainable_text=None if pages == [text] else text,
        )


@dataclass(frozen=True, kw_only=True)
class _Game:
    """A text in words, and who is asked about it."""

    predictor: Predictor
    before: str  # white space before the first word
    words: tuple[str, ...]  # each with the white space behind it

    @classmethod
    def of(cls, predictor: Predictor, text: str) -> _Game:
        words = text.split()
        starts, at = [], 0
        for word in words:
            at = text.index(word, at)
            starts.append(at)
            at += len(word)
        ends = [*starts[1:], len(text)] if starts else []
        return cls(
            predictor=predictor,
            before=text[: starts[0]] if starts else text,
            words=tuple(text[start:end] for start, end in zip(starts, ends, strict=True)),
        )

    def played(self) -> tuple[Shapley, list[Stretch]]:
        """Return the values of the last game, and whose they are."""
        stretches = _cut((0, len(self.words)), PLAYERS)
        size = -(-len(self.words) // PLAYERS)
        while size > 1:
            found = self._values(stretches, _COALITIONS)
            stretches = _finer(stretches, np.abs(found.values).max(axis=0))
            size = -(-size // _PARTS)
        return self._values(stretches, 2 * _COALITIONS), stretches

    def _values(self, stretches: list[Stretch], coalitions: int) -> Shapley:
        whole = ["".join(self.words[first:last]) for first, last in stretches]

        size = max(1, sum(map(len, whole)))
        most = max(1, _AT_ONCE // size)

        def game(present: Coalitions) -> Floats:
            texts = [
                self.before + "".join(part for part, mine in zip(whole, row, strict=True) if mine)
                for row in present.tolist()
            ]
            parts = [texts[at : at + most] for at in range(0, len(texts), most)]
            return np.concatenate([self._worth(part) for part in parts])

        return shapley(len(stretches), game, coalitions=min(coalitions, _ASKED // size))

    def _worth(self, texts: list[str]) -> Floats:
        rows: dict[str, list[Any]] = {
            ROW_ID: [f"coalition {number}" for number in range(len(texts))],
            PAGES: [[text] for text in texts],
        }
        schema = canonical_schema(TaskType.TEXT_CLASSIFICATION, answers=False)
        batch = pa.RecordBatch.from_pydict(rows, schema=schema)
        return sampled_log_odds(self.predictor.predict(batch))


def _cut(stretch: Stretch, parts: int) -> list[Stretch]:
    """Return a stretch in about equal parts, of at least a word each."""
    first, last = stretch
    parts = max(0, min(parts, last - first))
    edges = (
        [first + number * (last - first) // parts for number in range(parts + 1)] if parts else []
    )
    return list(pairwise(edges))


def _finer(stretches: list[Stretch], worth: Floats) -> list[Stretch]:
    """Return stretches with those of several words that are worth most cut, and the others joined.

    Single words that are worth more than the last one that is cut stay by themselves.
    """
    order = np.argsort(-worth, kind="stable").tolist()
    several = [at for at in order if stretches[at][1] - stretches[at][0] > 1][:_CUT]
    least = min((worth[at] for at in several), default=0.0)
    found: list[Stretch] = []
    joins = False
    for at, stretch in enumerate(stretches):
        if at in several:
            found += _cut(stretch, _PARTS)
            joins = False
        elif stretch[1] - stretch[0] == 1 and worth[at] >= least:
            found.append(stretch)
            joins = False
        elif joins:
            found[-1] = (found[-1][0], stretch[1])
        else:
            found.append(stretch)
            joins = True
    return found
