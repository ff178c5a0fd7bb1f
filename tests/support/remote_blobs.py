"""A blob store without files: blobs are fetched by ranges, as from an object store."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

from assay.kernel.errors import DataDamaged, DataMissing, TooLarge
from assay.kernel.storage.blobs import ORPHAN_AGE, BlobMark, BlobView


class RemoteBlobs:
    """A BlobStore of the blobs of all organizations; `largest` is that of the ranges fetched."""

    def __init__(self) -> None:
        self._blobs: dict[tuple[str, str], bytes] = {}
        self.largest = 0

    def put(self, organization_id: str, data: bytes) -> str:
        """Keep bytes."""
        address = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._blobs[organization_id, address] = data
        return address

    @contextmanager
    def put_stream(self, organization_id: str, *, limit: int) -> Iterator[RemoteWriter]:
        """Return a writer that puts all at its end."""
        yield RemoteWriter(self, organization_id, limit)

    def open(self, organization_id: str, address: str) -> BinaryIO:
        """Return a reader that fetches what is read, without a descriptor."""
        reader = RangeReader(self, organization_id, address)
        return cast(BinaryIO, io.BufferedReader(reader))

    def read(
        self, organization_id: str, address: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Fetch a range."""
        data = self._whole(organization_id, address)
        data = data[offset : None if length is None else offset + length]
        self.largest = max(self.largest, len(data))
        return data

    def view(self, organization_id: str, address: str) -> BlobView:
        """Fetch a whole blob."""
        return self._whole(organization_id, address)

    def size(self, organization_id: str, address: str) -> int:
        """Return the size of a blob in bytes."""
        return len(self._whole(organization_id, address))

    def verify(self, organization_id: str, address: str) -> None:
        """Hash a blob again."""
        digest = hashlib.sha256(self._whole(organization_id, address)).hexdigest()
        if address != f"sha256:{digest}":
            raise DataDamaged(f"The blob {address} is damaged.")

    def check(self) -> None:
        """Return: these can always be put."""

    def draft(self) -> RemoteBlobs:
        """Return these blobs."""
        return self

    @property
    def made(self) -> tuple[BlobMark, ...]:
        """Return nothing: it deletes nothing."""
        return ()

    def discard(self, marks: Iterable[BlobMark]) -> None:
        """Delete nothing."""

    def take_back(self) -> None:
        """Delete nothing."""

    def collect(
        self, referenced: Iterable[tuple[str, str]], now: datetime, age: timedelta = ORPHAN_AGE
    ) -> int:
        """Delete nothing: no blob here is ever a day old."""
        return 0

    def _whole(self, organization_id: str, address: str) -> bytes:
        try:
            return self._blobs[organization_id, address]
        except KeyError:
            raise DataMissing(f"The blob {address} is gone.") from None


class RemoteWriter:
    """A blob that is being written."""

    def __init__(self, blobs: RemoteBlobs, organization_id: str, limit: int) -> None:
        self._blobs, self._organization_id, self._limit = blobs, organization_id, limit
        self._data = bytearray()

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return len(self._data)

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        if len(self._data) + len(data) > self._limit:
            raise TooLarge(f"The body is larger than {self._limit} bytes.")
        self._data += data

    def finish(self) -> str:
        """Put what was written."""
        return self._blobs.put(self._organization_id, bytes(self._data))


class RangeReader(io.RawIOBase):
    """A seekable blob of which each read is one fetch."""

    def __init__(self, blobs: RemoteBlobs, organization_id: str, address: str) -> None:
        self._blobs, self._of = blobs, (organization_id, address)
        self._size = blobs.size(*self._of)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere without a fetch."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fetch the next bytes."""
        view = memoryview(buffer).cast("B")
        data = self._blobs.read(*self._of, self._at, len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
