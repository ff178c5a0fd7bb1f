"""The partial aggregate of a block of rows: its statistic, and what else the end must know of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from assay.features.evaluations.model import TruthCoverage
from assay.kernel.errors import BadPredictions, FailedPrecondition
from assay.metrics.environment import numeric_environment
from assay.metrics.statistics import AnyStatistic, merge_statistics
from assay.records import encode, sha256_hex

_WORD = 1 << 64
_MERGE_EVERY = 64


def environment() -> dict[str, Any]:
    """Return the numeric environment of this process, in which its numbers are exact."""
    found = cast(Mapping[str, Any], np.show_config(mode="dicts"))
    absent = found.get("SIMD Extensions", {}).get("not found", ())
    return numeric_environment(cpu_features=" ".join(absent))


@functools.cache  # it does not change while a process lives
def environment_hash() -> str:
    """Return a short name of the numeric environment."""
    return sha256_hex(encode(environment()))[:16]


def check_environment(counted_in: str, first_row: int) -> None:
    """Raise FailedPrecondition unless rows were counted in this process's environment."""
    ours = environment_hash()
    if counted_in != ours:
        raise FailedPrecondition(
            f"The rows from {first_row} on were counted in the numeric environment {counted_in} "
            f"(numpy, math library, CPU features); this runner's is {ours}, and would not give "
            "the same bits. Run servers and runners of one release on like machines, or upload "
            "again.",
            metadata={"row": first_row, "environment": counted_in, "ours": ours},
        )


@dataclass(frozen=True, kw_only=True)
class ColumnLayout:
    """What all blocks of one evaluation have in common."""

    score_kind: str = "none"  # none, positive or classes
    score_labels: tuple[str, ...] = ()  # of the score columns; the positive one of a lone score
    pred_derived: bool = False  # predictions follow from the scores
    has_row_ids: bool = False
    has_weights: bool = False
    has_clusters: bool = False
    slices: tuple[str, ...] = ()  # names of slice columns, sorted

    def says(self) -> str:
        """Return the columns in words."""
        scores = {"none": "no scores", "positive": "a lone score of", "classes": "scores of"}
        words = [f"{scores[self.score_kind]} {', '.join(self.score_labels[:5])}".strip()]
        words.append("no y_pred" if self.pred_derived else "y_pred")
        words.append("weight" if self.has_weights else "no weight")
        words.append("row_id" if self.has_row_ids else "no row_id")
        words.append("cluster_id" if self.has_clusters else "no cluster_id")
        words.append(f"slices {', '.join(self.slices[:5])}" if self.slices else "no slices")
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where accepted rows rest."""

    first_row: int
    rows: int
    blob: str  # address of a self-contained Arrow stream


@dataclass(frozen=True, kw_only=True)
class PartialAggregate:
    """The statistic of some rows; stored by `assay.records.arrays`."""

    first_row: int  # the lowest; only to name it in a refusal
    rows: int
    shape: ColumnLayout
    content: tuple[int, int]  # sums of row hashes modulo 2**64: equal for equal sets of rows
    environment: str  # environment_hash() of the process that counted
    statistic: AnyStatistic
    stored: tuple[Stored, ...] = ()  # where the rows rest, in the order of rows
    coverage: TruthCoverage | None = None  # of a whole file whose truth was joined to it

    @property
    def content_hash(self) -> str:
        """SHA-256 that names the set of rows, whatever their order and chunks."""
        lanes = ":".join(f"{lane:016x}" for lane in self.content)
        return sha256_hex(f"{self.rows}:{lanes}".encode())


def merge(partials: Iterable[PartialAggregate]) -> PartialAggregate:
    """Merge partials, in any order, to the same bytes.

    Raises BadPredictions when they have different columns or labels, FailedPrecondition when
    they were counted in different numeric environments.
    """
    ours = sorted(partials, key=lambda one: one.first_row)
    first = ours[0]
    for other in ours:
        if other.shape != first.shape:
            raise BadPredictions(
                f"The chunk at row {other.first_row} has {other.shape.says()}; the chunk at row "
                f"{first.first_row} has {first.shape.says()}. Every chunk of an evaluation has the "
                "same columns and, for scores, the same labels: send them all in one shape.",
                metadata={"row": other.first_row, "columns": other.shape.says()},
            )
        if other.environment != first.environment:
            raise FailedPrecondition(
                "The rows were counted by processes of different numeric environments (numpy, "
                "math library, CPU features), so their sums would not be reproducible. Send them "
                "again to servers of one release.",
                metadata={"row": other.first_row},
            )
    return PartialAggregate(
        first_row=first.first_row,
        rows=sum(one.rows for one in ours),
        shape=first.shape,
        content=(
            sum(one.content[0] for one in ours) % _WORD,
            sum(one.content[1] for one in ours) % _WORD,
        ),
        environment=first.environment,
        statistic=_merge_statistics(ours),
        stored=tuple(place for one in ours for place in one.stored),
    )


def merge_in_groups(partials: Iterable[PartialAggregate]) -> PartialAggregate:
    """Merge as `merge` does, holding no more than _MERGE_EVERY partials at a time."""
    held: list[PartialAggregate] = []
    for one in partials:
        held.append(one)
        if len(held) == _MERGE_EVERY:
            held = [merge(held)]
    return merge(held)


def _merge_statistics(ours: list[PartialAggregate]) -> AnyStatistic:
    try:
        return merge_statistics([one.statistic for one in ours])
    except ValueError as error:
        raise BadPredictions(
            f"The chunks do not belong together: {error}. Send all rows with the same labels, and "
            "weights of a smaller scale."
        ) from error
