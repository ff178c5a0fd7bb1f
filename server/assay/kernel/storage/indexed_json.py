"""A JSON document in sections, so that a reader decodes what it needs and nothing else.

The first line is an index, `{"sections": {name: [offset, bytes]}}` with offsets that count from
its end; the sections follow in the order of their names, one a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

from assay.records import Record, decode, encode

T = TypeVar("T")


class _Head(Record):
    sections: Mapping[str, tuple[int, int]]


def write_sections(sections: Mapping[str, Any]) -> bytes:
    """Return the document; equal sections are equal bytes."""
    texts = {name: encode(sections[name]) for name in sorted(sections)}
    places: dict[str, tuple[int, int]] = {}
    at = 0
    for name, text in texts.items():
        places[name] = (at, len(text))
        at += len(text) + 1
    return b"\n".join([encode(_Head(sections=places)), *texts.values(), b""])


class SectionIndex(Record):
    """Where the sections of one document lie."""

    start: int  # bytes before the first section
    places: Mapping[str, tuple[int, int]]  # name → offset from `start`, bytes

    @classmethod
    def of(cls, file: BinaryIO) -> SectionIndex:
        """Read the index of a document from its beginning; raises DamagedRecord."""
        head = file.readline()
        return cls(start=len(head), places=decode(_Head, head).sections)

    def named(self, prefix: str) -> Iterator[str]:
        """Yield what follows the prefix in the names that have it, in their order."""
        return (name.removeprefix(prefix) for name in self.places if name.startswith(prefix))

    def read(self, file: BinaryIO, name: str, kind: type[T]) -> T:
        """Return a section's value; raises KeyError where there is none, DamagedRecord."""
        offset, size = self.places[name]
        file.seek(self.start + offset)
        return decode(kind, file.read(size))
