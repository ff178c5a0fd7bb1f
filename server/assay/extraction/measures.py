"""Measures of counted comparisons: accuracy, precision, recall and the rest, per field and overall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from assay.extraction.field_counts import ComparisonCounts, FieldCounts
from assay.extraction.outcome import Outcome


class Undefined(StrEnum):
    """Why a measure has no value; it is never zero instead, and never NaN."""

    EMPTY = "EMPTY"  # nothing was compared
    NOTHING_EXPECTED = "NOTHING_EXPECTED"  # no comparison expected a value
    NOTHING_EXTRACTED = "NOTHING_EXTRACTED"  # no comparison extracted a value
    NOTHING_ABSENT = "NOTHING_ABSENT"  # every comparison expected a value


MEASURES: Final = (
    "accuracy",
    "accuracy_present",
    "precision",
    "recall",
    "f1",
    "invented_rate",
    "missed_rate",
)


@dataclass(frozen=True, kw_only=True)
class TrackMeasures:
    """The measures of one track: each name of MEASURES has a value or the reason of none."""

    values: Mapping[str, float]
    undefined: Mapping[str, Undefined]
    outcomes: Mapping[Outcome, int]

    @property
    def accuracy(self) -> float | None:
        """Right comparisons / all comparisons."""
        return self.values.get("accuracy")


@dataclass(frozen=True, kw_only=True)
class FieldMeasures:
    """The measures of one field, or of all: `mean_similarity` is None unless it is fuzzy."""

    exact: TrackMeasures
    normalised: TrackMeasures
    comparisons: int
    mean_similarity: float | None
    ambiguous: int
    documents: int
    perfect_documents: int


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The measures of counted comparisons; `by_field` is by path, sorted.

    `document_accuracy` is perfect documents / documents, None without documents.
    """

    overall: FieldMeasures
    by_field: Mapping[str, FieldMeasures]
    documents: int
    extracted_documents: int
    perfect_documents: int
    document_accuracy: float | None
    unexpected_total: int
    unexpected: Mapping[str, int]


def measures(counted: ComparisonCounts) -> Measures:
    """Return the measures of counted comparisons: quotients of integers, correctly rounded."""
    documents = counted.documents
    return Measures(
        overall=_field(counted.overall),
        by_field={path: _field(counted.field(path)) for path in counted.paths},
        documents=documents,
        extracted_documents=counted.extracted_documents,
        perfect_documents=counted.perfect_documents,
        document_accuracy=counted.perfect_documents / documents if documents else None,
        unexpected_total=counted.unexpected_total,
        unexpected=counted.unexpected,
    )


def _field(counts: FieldCounts) -> FieldMeasures:
    return FieldMeasures(
        exact=_track(counts.exact),
        normalised=_track(counts.normalised),
        comparisons=counts.comparisons,
        mean_similarity=counts.mean_similarity,
        ambiguous=counts.ambiguous,
        documents=counts.documents,
        perfect_documents=counts.perfect_documents,
    )


def _track(numbers: tuple[int, ...]) -> TrackMeasures:
    correct, wrong, invented, missed, empty = numbers
    expected = correct + wrong + missed
    extracted = correct + wrong + invented
    absent = invented + empty
    quotients: dict[str, tuple[int, int, Undefined]] = {
        "accuracy": (correct + empty, sum(numbers), Undefined.EMPTY),
        "accuracy_present": (correct, expected, Undefined.NOTHING_EXPECTED),
        "precision": (correct, extracted, Undefined.NOTHING_EXTRACTED),
        "recall": (correct, expected, Undefined.NOTHING_EXPECTED),
        "f1": (2 * correct, expected + extracted, Undefined.NOTHING_EXPECTED),
        "invented_rate": (invented, absent, Undefined.NOTHING_ABSENT),
        "missed_rate": (missed, expected, Undefined.NOTHING_EXPECTED),
    }
    nothing = not sum(numbers)
    return TrackMeasures(
        values={name: top / below for name, (top, below, _) in quotients.items() if below},
        undefined={
            name: Undefined.EMPTY if nothing else reason
            for name, (_, below, reason) in quotients.items()
            if not below
        },
        outcomes=dict(zip(Outcome, numbers, strict=True)),
    )
