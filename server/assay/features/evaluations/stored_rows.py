"""Accepted rows are read again: by column, in their order, without holding them all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from assay.features.evaluations.partial_aggregate import Stored
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.ranking import MICRO
from assay.tabular.chunk import Floats, Rules
from assay.tabular.row_ids import RowIds
from assay.tabular.stored import (
    ScoreBlock,
    score_names,
    stored_row_ids,
    stored_scores,
    stored_values,
)

CACHED_CELLS = 8_000_000  # scores held in memory, 72 MB with their truths


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where the rows of an evaluation rest and how they are read; a blob of its own."""

    rules: Rules
    score_kind: str
    score_labels: tuple[str, ...]
    weighted: bool  # rows have weights
    has_row_ids: bool
    slices: tuple[str, ...]  # names of slice columns
    stored: tuple[Stored, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(one.rows for one in self.stored)


class ScoreReader:
    """Reads the score columns of stored rows, once where they fit in memory."""

    def __init__(self, manifest: Manifest, blobs: JobBlobs) -> None:
        self._manifest = manifest
        self._blobs = blobs
        self._held: list[list[ScoreBlock]] | None = None

    def read(self, column: int) -> Iterator[ScoreBlock]:
        """Yield a column's blocks in the order of rows; of MICRO every column's, in any order."""
        labels = self._manifest.score_labels
        every = range(len(labels))
        wanted = every if column == MICRO else range(column, column + 1)
        if self._manifest.rows * len(labels) > CACHED_CELLS:
            yield from itertools.chain.from_iterable(self._blocks(wanted))
            return
        if self._held is None:
            self._held = list(self._blocks(every))
        for blocks in self._held:
            yield from blocks[wanted.start : wanted.stop]

    def _blocks(self, columns: range) -> Iterator[list[ScoreBlock]]:
        """Yield the wanted columns of each chunk."""
        manifest = self._manifest
        names = score_names(manifest.score_kind, manifest.score_labels)
        # A renormalized score needs the sum over its row, so all columns are read for each.
        every = manifest.rules.renormalize and len(names) > 1
        read = range(len(names)) if every else columns
        for place in manifest.stored:
            blocks = stored_scores(
                self._blobs.view(place.blob),
                [names[at] for at in read],
                [manifest.score_labels[at] for at in read],
                renormalize=every,
                weighted=manifest.weighted,
            )
            yield [blocks[at - read.start] for at in columns]


def read_values(manifest: Manifest, blobs: JobBlobs) -> Iterator[tuple[Floats, Floats]]:
    """Yield (truth, prediction) of every stored chunk of a regression."""
    for place in manifest.stored:
        yield stored_values(blobs.view(place.blob))


def read_row_ids(manifest: Manifest, blobs: JobBlobs) -> Iterator[tuple[int, RowIds]]:
    """Yield (first row, ids) of every stored chunk."""
    for place in manifest.stored:
        yield place.first_row, stored_row_ids(blobs.view(place.blob))
