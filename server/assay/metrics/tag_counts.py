"""Counts of tagged words and of the fields that they make: two levels, one statistic that merges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np

from assay.metrics.classification_report import AverageRow, ClassCounts, average_row
from assay.metrics.sparse_counts import Counts
from assay.records.predictions import Codes

OUTSIDE: Final = "O"
"""The label of a word that belongs to no field; neither level counts it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TagCounts:
    """How often each label is true, predicted, and both, (k,) int64 each, in the order of `labels`.

    On the level of words a unit is a word; on that of fields it is a field of a record, and both
    means that the whole value is right. Merging is associative and commutative to the bit.
    """

    TAG: ClassVar[str] = "tags"

    labels: tuple[str, ...]  # without OUTSIDE
    true: Counts
    predicted: Counts
    hits: Counts

    @classmethod
    def of_words(cls, true: Codes, predicted: Codes, classes: Sequence[str]) -> TagCounts:
        """Count (n,) codes of words into `classes`, which may hold OUTSIDE."""
        kept = [code for code, label in enumerate(classes) if label != OUTSIDE]
        columns = (true, predicted, true[true == predicted])
        totals = [np.bincount(column, minlength=len(classes))[kept] for column in columns]
        return cls(
            labels=tuple(classes[code] for code in kept),
            true=totals[0],
            predicted=totals[1],
            hits=totals[2],
        )

    @classmethod
    def of_fields(
        cls,
        true: Iterable[Mapping[str, Collection[str]]],
        predicted: Iterable[Mapping[str, str]],
        labels: Sequence[str],
    ) -> TagCounts:
        """Count the fields of records, given in the same order on both sides.

        A record's true fields have each the values that are right, more than one where a document
        says it twice; its predicted fields have one. Labels that are not in `labels` are an error
        of the caller: KeyError.
        """
        index = {label: code for code, label in enumerate(labels)}
        totals = np.zeros((3, len(labels)), dtype=np.int64)
        for expected, found in zip(true, predicted, strict=True):
            for label in expected:
                totals[0, index[label]] += 1
            for label, value in found.items():
                totals[1, index[label]] += 1
                totals[2, index[label]] += value in expected.get(label, ())
        return cls(labels=tuple(labels), true=totals[0], predicted=totals[1], hits=totals[2])

    @classmethod
    def merge_all(cls, parts: Sequence[TagCounts]) -> TagCounts:
        """Add counts. Raises ValueError when their labels differ."""
        labels = parts[0].labels
        if any(part.labels != labels for part in parts):
            raise ValueError("counts of different labels do not merge")
        return cls(
            labels=labels,
            true=np.sum([part.true for part in parts], axis=0),
            predicted=np.sum([part.predicted for part in parts], axis=0),
            hits=np.sum([part.hits for part in parts], axis=0),
        )

    @cached_property
    def scores(self) -> ClassCounts:
        """Precision, recall and F1 of each label; 0 where they divide by zero."""
        return ClassCounts.of_totals(self.hits, self.predicted, self.true)

    def average(self, name: str) -> AverageRow | None:
        """Return the "micro", "macro" or "weighted" average; None where there is nothing to find.

        As in scikit-learn with explicit labels, a label that never occurs has an F1 of 0 in the
        macro average.
        """
        return average_row(self.scores, name) if self.true.any() else None
