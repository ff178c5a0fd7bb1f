"""What is kept of a block of rows: its statistic, and what else the end must know of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from assay.kernel.errors import BadPredictions, FailedPrecondition
from assay.metrics.environment import numeric_environment
from assay.metrics.statistics import (
    ClassificationStatistic,
    RegressionStatistic,
    statistic_from_bytes,
)
from assay.records import encode, sha256_hex

AnyStatistic = ClassificationStatistic | RegressionStatistic

_MAGIC = b"AEP1"
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
class Shape:
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
class Partial:
    """The statistic of some rows, in a versioned byte codec."""

    first_row: int  # the lowest; only to name it in a refusal
    rows: int
    shape: Shape
    content: tuple[int, int]  # sums of row hashes modulo 2**64: equal for equal sets of rows
    environment: str  # environment_hash() of the process that counted
    statistic: AnyStatistic
    stored: tuple[Stored, ...] = ()  # where the rows rest, in the order of rows

    def to_bytes(self) -> bytes:
        """Encode; equal partials give equal bytes."""
        header = {
            "first_row": self.first_row,
            "rows": self.rows,
            "shape": asdict(self.shape),
            "content": [f"{lane:016x}" for lane in self.content],
            "environment": self.environment,
            "stored": [[one.first_row, one.rows, one.blob] for one in self.stored],
        }
        text = encode(header)
        return _MAGIC + len(text).to_bytes(4, "little") + text + self.statistic.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Partial:
        """Decode what `to_bytes` wrote; raises ValueError on anything else."""
        if data[:4] != _MAGIC:
            raise ValueError("these bytes are no partial of an evaluation")
        end = 8 + int.from_bytes(data[4:8], "little")
        header = json.loads(data[8:end])
        shape = header["shape"]
        return cls(
            first_row=header["first_row"],
            rows=header["rows"],
            shape=Shape(
                **{
                    **shape,
                    "score_labels": tuple(shape["score_labels"]),
                    "slices": tuple(shape["slices"]),
                }
            ),
            content=cast(tuple[int, int], tuple(int(lane, 16) for lane in header["content"])),
            environment=header["environment"],
            statistic=statistic_from_bytes(data[end:]),
            stored=tuple(
                Stored(first_row=first, rows=rows, blob=blob)
                for first, rows, blob in header["stored"]
            ),
        )

    @staticmethod
    def environment_of(data: bytes) -> str:
        """Return the environment of encoded partials without decoding the rest."""
        end = 8 + int.from_bytes(data[4:8], "little")
        environment: str = json.loads(data[8:end])["environment"]
        return environment

    @property
    def content_hash(self) -> str:
        """SHA-256 that names the set of rows, whatever their order and chunks."""
        lanes = ":".join(f"{lane:016x}" for lane in self.content)
        return sha256_hex(f"{self.rows}:{lanes}".encode())


def merge(partials: Iterable[Partial]) -> Partial:
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
    return Partial(
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


def merge_in_groups(partials: Iterable[Partial]) -> Partial:
    """Merge as `merge` does, holding no more than _MERGE_EVERY partials at a time."""
    held: list[Partial] = []
    for one in partials:
        held.append(one)
        if len(held) == _MERGE_EVERY:
            held = [merge(held)]
    return merge(held)


def _merge_statistics(ours: list[Partial]) -> AnyStatistic:
    first = ours[0].statistic
    every = [one.statistic for one in ours]
    # The task is declared, so all of one evaluation are of one kind.
    try:
        if isinstance(first, RegressionStatistic):
            return RegressionStatistic.merge_all(cast(list[RegressionStatistic], every))
        return ClassificationStatistic.merge_all(cast(list[ClassificationStatistic], every))
    except ValueError as error:
        raise BadPredictions(
            f"The chunks do not belong together: {error}. Send all rows with the same labels, and "
            "weights of a smaller scale."
        ) from error
