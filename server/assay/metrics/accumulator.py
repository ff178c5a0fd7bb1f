"""What every mergeable piece of a statistic can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self, TypeVar

from assay.metrics.codec import Reader, Writer

ChunkT_contra = TypeVar("ChunkT_contra", contravariant=True)


class Part(Protocol[ChunkT_contra]):
    """One mergeable piece. `merge_all` is associative and commutative to the bit.

    A new metric that needs a new piece adds one class like this and names it in PARTS.
    """

    TAG: ClassVar[str]  # names the piece in encoded statistics; never reused

    @classmethod
    def of_chunk(cls, chunk: ChunkT_contra) -> Self | None:
        """Return the piece of one chunk, or None when the chunk cannot feed it (no scores)."""

    @classmethod
    def merge_all(cls, parts: Sequence[Self]) -> Self:
        """Merge one or more pieces. Raises ValueError when they do not belong together."""

    def write(self, writer: Writer) -> None:
        """Append to a payload; equal pieces write equal bytes."""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read back what `write` wrote. Raises CodecError."""
