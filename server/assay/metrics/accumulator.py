"""The interface of an accumulator: a mergeable statistic of rows, from which metrics follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self, TypeVar

ChunkT_contra = TypeVar("ChunkT_contra", contravariant=True)


class Accumulator(Protocol[ChunkT_contra]):
    """A dataclass that merges. `merge_all` is associative and commutative to the bit.

    It is stored as `assay.records.arrays` writes its declared fields. A new metric that needs a
    new accumulator adds one class like this to the union of its task in `statistics`.
    """

    TAG: ClassVar[str]  # names the accumulator in stored statistics; never reused

    @classmethod
    def from_chunk(cls, chunk: ChunkT_contra) -> Self | None:
        """Return the accumulator of one chunk, or None when the chunk cannot feed it (no scores)."""

    @classmethod
    def merge_all(cls, parts: Sequence[Self]) -> Self:
        """Merge one or more. Raises ValueError when they do not belong together."""
