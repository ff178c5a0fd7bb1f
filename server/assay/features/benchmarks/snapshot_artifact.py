"""The snapshot of a benchmark: its documents as they were, in blobs that nothing changes.

A blob is JSON Lines, one `[entry id, document id, expected, extracted, confidence]` a document,
the last two null where there are none. Texts go in as they are stored, so that nothing is parsed
and no digit of a number is lost on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.features.benchmarks.model import BLOB_BYTES, BLOB_DOCUMENTS, SNAPSHOT_BYTES
from assay.features.extraction_runs.model import Pair
from assay.kernel.errors import TooLarge
from assay.records import Record, decode, encode_text, replace

_NOTHING = b",null,null]\n"  # how the line of a document without an extraction ends


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Where the blobs are."""

    blobs: tuple[tuple[str, int], ...]  # address and documents of each, in order
    documents: int
    truth: str  # hash of all (document, expected), in whatever order


class Document(Record, array_like=True):
    """One document of a snapshot, parsed; numbers with a point are Decimals."""

    entry_id: str
    document_id: str
    expected: dict[str, Any]
    extracted: dict[str, Any] | None  # None: nothing was extracted from it
    confidence: dict[str, float] | None  # place in `extracted` → 0 to 1
    offset: int = 0  # of its line in its blob, in bytes
    size: int = 0  # of its line, in bytes


def take_snapshot(
    pairs: Iterable[Pair],
    put: Callable[[bytes], str],
    *,
    most_documents: int = BLOB_DOCUMENTS,
    most_bytes: int = SNAPSHOT_BYTES,
) -> Snapshot:
    """Write documents in blobs by `put`, which returns addresses; one blob is held at a time.

    Raises:
        TooLarge: they have more than `most_bytes` together.
    """
    blobs: list[tuple[str, int]] = []
    lines: list[bytes] = []
    held = total = truth = 0

    def flush() -> None:
        if lines:
            blobs.append((put(b"".join(lines)), len(lines)))
            lines.clear()

    for pair in pairs:
        line = _line(pair)
        if len(lines) >= most_documents or held + len(line) > BLOB_BYTES:
            flush()
            held = 0
        lines.append(line)
        held += len(line)
        total += len(line)
        truth += _mark(pair)
        if total > most_bytes:
            raise TooLarge(
                f"The documents of the benchmark have more than {most_bytes} bytes, which is the "
                "limit. Split the dataset.",
                metadata={"limit_bytes": most_bytes},
            )
    flush()
    return Snapshot(
        blobs=tuple(blobs),
        documents=sum(count for _, count in blobs),
        truth=f"{truth % (1 << 256):064x}",
    )


def read_blob(data: bytes) -> Iterator[Document]:
    """Yield the documents of one blob."""
    offset = 0
    for line in data.splitlines(keepends=True):
        yield read_line(line, offset)
        offset += len(line)


def read_line(line: bytes, offset: int = 0) -> Document:
    """Return the document of one line of a blob."""
    return replace(decode(Document, line, exact=True), offset=offset, size=len(line))


def with_extraction(line: bytes, data: str, confidence: str | None) -> bytes:
    """Return the line of a document without an extraction with one, as `_line` would write it."""
    return line.removesuffix(_NOTHING) + f",{data},{confidence or 'null'}]\n".encode()


def _line(pair: Pair) -> bytes:
    ids = f"{encode_text(pair.entry_id)},{encode_text(pair.document_id)}"
    extracted, confidence = pair.data or "null", pair.confidence or "null"
    return f"[{ids},{pair.expected},{extracted},{confidence}]\n".encode()


def _mark(pair: Pair) -> int:
    """Return the hash of one document's truth; a sum of these does not depend on their order."""
    text = encode_text(pair.document_id) + pair.expected
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
