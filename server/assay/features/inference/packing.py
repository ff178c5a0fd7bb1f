"""Small contents packed in blobs that they share."""

from __future__ import annotations

from collections.abc import Sequence

from assay.features.inference.model import Piece
from assay.kernel.jobs.blobs import JobBlobs

PACK_BYTES = 1024**2  # of the blobs that small contents share


def packed(contents: Sequence[bytes], blobs: JobBlobs) -> list[Piece]:
    """Put contents, those that are small together, and return where each one is."""
    packs: list[list[bytes]] = []
    places: list[tuple[int, int]] = []  # pack, offset
    filled = PACK_BYTES
    for data in contents:
        if filled + len(data) > PACK_BYTES:
            packs.append([])
            filled = 0
        places.append((len(packs) - 1, filled))
        packs[-1].append(data)
        filled += len(data)
    addresses = [blobs.put(b"".join(pack)) for pack in packs]
    return [
        Piece(blob=addresses[pack], offset=offset, size=len(data))
        for (pack, offset), data in zip(places, contents, strict=True)
    ]
