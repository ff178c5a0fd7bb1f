"""The kept mistakes of an evaluation, with the ids and features of their rows."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping

from assay.domain.canonical import canonical_json
from assay.domain.evaluation_details import MistakeCell, MistakeDetails
from assay.jobs.blobs import JobBlobs
from assay.jobs.evaluating.partial import Stored
from assay.metrics.mistakes import KEPT, Mistake, Mistakes
from assay.storage.columns import stored_rows

Shown = tuple[str | None, str]  # row id, features as JSON


def mistake_cells(
    mistakes: Mistakes, stored: tuple[Stored, ...], blobs: JobBlobs
) -> tuple[MistakeCell, ...]:
    """Return the cells that hold mistakes, in the order of labels."""
    labels = mistakes.totals.labels
    cells = {
        (labels[cell // len(labels)], labels[cell % len(labels)]): int(count)
        for cell, count in zip(
            mistakes.totals.tally.cells.tolist(),
            mistakes.totals.tally.counts.tolist(),
            strict=True,
        )
    }
    kept = {
        (true, predicted): mistakes.top(KEPT, true_label=true, predicted_label=predicted)
        for true, predicted in cells
    }
    rows = sorted(one.row for ours in kept.values() for one in ours)
    shown = dict(_read(rows, stored, blobs))
    return tuple(
        MistakeCell(
            true_label=cell[0],
            predicted_label=cell[1],
            total=total,
            kept=tuple(_details(one, shown) for one in kept[cell]),
        )
        for cell, total in cells.items()
    )


def _details(one: Mistake, shown: Mapping[int, Shown]) -> MistakeDetails:
    row_id, features = shown[one.row]
    return MistakeDetails(row=one.row, row_id=row_id, confidence=one.confidence, features=features)


def _read(
    rows: list[int], stored: tuple[Stored, ...], blobs: JobBlobs
) -> Iterator[tuple[int, Shown]]:
    """Yield (number, what is shown) of rows; only chunks that hold one are read."""
    starts = [place.first_row for place in stored]
    for at, group in itertools.groupby(rows, key=lambda row: bisect_right(starts, row) - 1):
        ours = list(group)
        found = stored_rows(blobs.view(stored[at].blob), [row - starts[at] for row in ours])
        for row, (row_id, features) in zip(ours, found, strict=True):
            yield row, (row_id, canonical_json(features).decode() if features else "{}")
