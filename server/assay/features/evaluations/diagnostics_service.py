"""Tables of stored evaluations: calibration, mistakes, residuals, slices and intervals."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.features.evaluations.curves_service import check_label
from assay.features.evaluations.details_artifact import (
    CellHead,
    MistakeDetails,
    SliceDetails,
)
from assay.features.evaluations.details_service import (
    Detailed,
    DetailsReader,
    StoredDetails,
    not_stored,
)
from assay.features.evaluations.performance_service import EvaluationKey
from assay.features.models.model import TaskType
from assay.kernel.cursor import Cursor
from assay.kernel.errors import InvalidArgument, NoScores, clip
from assay.kernel.rpc.paging import most_items, place_of
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import Calibration
from assay.records import decode

DEFAULT_MISTAKES = 50
MAX_MISTAKES = 500
MAX_FEATURE_BYTES = 8 * 1024 * 1024  # JSON of the features of one reply; the gateway holds 16 MiB
MAX_NAMED = 10  # slice columns that a refusal names


@dataclass(frozen=True, kw_only=True)
class MistakeFilter:
    """Which mistakes are wanted."""

    limit: int | None = None  # None: the default
    true_label: str = ""  # empty: any
    predicted_label: str = ""  # empty: any
    min_confidence: float | None = None  # None: any
    cursor: str = ""  # empty: from the first on

    @property
    def words(self) -> str:
        """What a cursor is good for, beside the evaluation."""
        return json.dumps([self.true_label, self.predicted_label, self.min_confidence])


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One row that was predicted wrong."""

    row: int
    row_id: str | None
    true_label: str
    predicted_label: str
    confidence: float | None
    features: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """The most confident mistakes of an evaluation."""

    found: Detailed
    total: int  # with the labels asked for, whatever their confidence
    errors: tuple[Mistake, ...]
    next_cursor: str  # leads to the next page; empty on the last one


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Of every metric of an evaluation its interval, or the reason that it has none."""

    found: Detailed
    by_metric: Mapping[str, Interval]
    undefined: Mapping[str, str]


class Diagnostics:
    """Reads tables; blocking."""

    def __init__(self, details: DetailsReader, scope: Callable[[str], str]) -> None:
        """Take the details of evaluations and what signs the cursors of a listing."""
        self._details = details
        self._scope = scope

    def calibration(self, key: EvaluationKey) -> tuple[Detailed, Calibration]:
        """Return the calibration of a classifier.

        Raises:
            NoScores: the evaluation was made of labels alone.
            And what DetailsReader.of raises.
        """
        found = self._details.of(key, TaskType.CLASSIFICATION)
        if found.details.calibration is None:
            raise NoScores(
                "The evaluation was made of labels alone; calibration needs scores. "
                "Evaluate the split again with score columns.",
                metadata={"evaluation_id": found.performance.evaluation.evaluation_id},
            )
        return found, found.details.calibration

    def residuals(self, key: EvaluationKey) -> tuple[Detailed, ResidualSummary]:
        """Return the residuals of a regression; raises what DetailsReader.of raises."""
        found = self._details.of(key, TaskType.REGRESSION)
        if found.details.residuals is None:
            raise not_stored(found.performance)
        return found, found.details.residuals

    def slices(
        self, key: EvaluationKey, column: str
    ) -> tuple[Detailed, Mapping[str, tuple[SliceDetails, ...]]]:
        """Return the metrics by slice column and value, of one column where one is named.

        Raises:
            InvalidArgument: no such column; those that exist are named.
            And what DetailsReader.of raises.
        """
        found = self._details.of(key)
        slices = found.details.slices
        if not column:
            return found, slices
        if column not in slices:
            names = ", ".join(clip(name) for name in list(slices)[:MAX_NAMED]) or "none"
            raise InvalidArgument.of(
                "column", f"'{clip(column)}' was sent; the evaluation's slice columns are: {names}"
            )
        return found, {column: slices[column]}

    def intervals(self, key: EvaluationKey) -> Intervals:
        """Return the intervals by metric; raises what DetailsReader.of raises."""
        found = self._details.of(key)
        return Intervals(
            found=found,
            by_metric=found.details.intervals,
            undefined=found.details.without_interval,
        )

    def mistakes(self, key: EvaluationKey, wanted: MistakeFilter) -> Mistakes:
        """Return a page of mistakes, first those of the highest confidence.

        A page holds fewer than its limit when the features of more are over MAX_FEATURE_BYTES.

        Raises:
            InvalidArgument: a bad limit or confidence, or an unknown label.
            BadPageToken: the cursor is of another listing, or of what was served before.
            NoScores: a confidence is asked for, and the evaluation has none.
            And what DetailsReader.of raises.
        """
        limit = most_items("limit", wanted.limit, default=DEFAULT_MISTAKES, most=MAX_MISTAKES)
        least = _check_confidence(wanted.min_confidence)
        found = self._details.of(key, TaskType.CLASSIFICATION)
        true = check_label(found, "true_label", wanted.true_label)
        predicted = check_label(found, "predicted_label", wanted.predicted_label)
        cells = found.details.cells
        if cells is None:
            raise not_stored(found.performance)
        wanted_cells = [
            number
            for number, cell in enumerate(cells)
            if (true is None or cell.true_label == true)
            and (predicted is None or cell.predicted_label == predicted)
        ]
        if least > 0 and found.details.roc_auc is None:
            raise NoScores(
                "The evaluation was made of labels alone, so that its mistakes have no confidence. "
                "Ask without min_confidence, or evaluate the split again with score columns.",
                metadata={"evaluation_id": found.performance.evaluation.evaluation_id},
            )
        evaluation = found.performance.evaluation
        listing = f"mistakes/{key.organization_id}/{evaluation.evaluation_id}/{wanted.words}"
        scope = self._scope(listing)
        after = place_of(wanted.cursor, scope)
        start = 0 if after is None else int(after.id)
        ranked = _ranked(found.details, cells, wanted_cells, least)
        errors, has_more = _page(itertools.islice(ranked, start, None), limit)
        next_ = Cursor(created_at=evaluation.created_at, id=str(start + len(errors)))
        return Mistakes(
            found=found,
            total=sum(cells[number].total for number in wanted_cells),
            errors=errors,
            next_cursor=next_.token(scope) if has_more else "",
        )


def _check_confidence(sent: float | None) -> float:
    if sent is None:
        return 0.0
    if not 0 <= sent <= 1:
        raise InvalidArgument.of("min_confidence", f"{sent} was sent; 0 to 1 are allowed")
    return sent


def _ranked(
    details: StoredDetails, cells: Sequence[CellHead], wanted: Sequence[int], least: float
) -> Iterator[tuple[CellHead, MistakeDetails]]:
    """Yield the mistakes of the cells by falling confidence; a cell is read when it is its turn."""
    # (-confidence, row, cell, place in the cell); of each cell its first mistake not yet yielded.
    turns = [(-(cells[at].best or 0.0), cells[at].first_row, at, 0) for at in wanted]
    heapq.heapify(turns)
    while turns and -turns[0][0] >= least:
        _, _, at, place = heapq.heappop(turns)
        kept = details.mistakes(at)
        if place + 1 < len(kept):
            following = kept[place + 1]
            heapq.heappush(turns, (-(following.confidence or 0.0), following.row, at, place + 1))
        yield cells[at], kept[place]


def _page(
    ranked: Iterator[tuple[CellHead, MistakeDetails]], limit: int
) -> tuple[tuple[Mistake, ...], bool]:
    """Return at most `limit` mistakes, of MAX_FEATURE_BYTES or one, and whether more follow."""
    page: list[Mistake] = []
    held = 0
    for cell, one in ranked:
        held += len(one.features.encode())
        if len(page) == limit or (page and held > MAX_FEATURE_BYTES):
            return tuple(page), True
        page.append(_shown(cell, one))
    return tuple(page), False


def _shown(cell: CellHead, one: MistakeDetails) -> Mistake:
    return Mistake(
        row=one.row,
        row_id=one.row_id,
        true_label=cell.true_label,
        predicted_label=cell.predicted_label,
        confidence=one.confidence,
        features=decode(dict[str, Any], one.features),
    )
