"""Bytes by the hash of their content: uploads, large partials, models.

An organization's blobs are its own: nothing is shared between two, so that nobody
learns from an address what another one has. A blob is synced before its address is
returned, and so before any row names it; what no row names is an orphan, collected
after a day.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import mmap
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self
from urllib.parse import unquote, urlsplit

from assay.kernel.errors import Internal, InvalidArgument, NotFound, TooLarge

ORPHAN_AGE = timedelta(hours=24)
_ADDRESS = re.compile(r"sha256:([0-9a-f]{64})")
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_READ_SIZE = 1 << 20
_TEMPORARY = "~tmp"  # no organization's folder begins so

BlobView = bytes | mmap.mmap  # a whole blob as a buffer


class BlobWriter(Protocol):
    """A blob that is being written."""

    def write(self, data: bytes) -> None:
        """Add bytes at the end; TooLarge, and nothing kept, when they exceed the limit."""
        ...

    def finish(self) -> str:
        """Sync what was written and return its address."""
        ...

    @property
    def size(self) -> int:
        """How many bytes were written."""
        ...


class BlobStore(Protocol):
    """Where blobs rest. Addresses are `sha256:` and 64 hex digits; others are refused."""

    def put(self, organization_id: str, data: bytes) -> str:
        """Keep `data` and return its address, once it is synced; again: the same address."""
        ...

    def put_stream(self, organization_id: str, *, limit: int) -> AbstractContextManager[BlobWriter]:
        """Return a block with a writer; left without `finish()`, it keeps nothing."""
        ...

    def open(self, organization_id: str, address: str) -> BinaryIO:
        """Open a blob to read, seekable; NotFound if the organization has none such.

        Of a large blob only the ranges that are read are fetched. A reader with a `fileno()` may
        be mapped.
        """
        ...

    def read(
        self, organization_id: str, address: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Return a blob's bytes from `offset` on, at most `length` of them, or NotFound."""
        ...

    def view(self, organization_id: str, address: str) -> BlobView:
        """Return a whole blob as a buffer, or NotFound; it is mapped where blobs are files."""
        ...

    def verify(self, organization_id: str, address: str) -> None:
        """Raise Internal unless the blob still has the content that its address names."""
        ...

    def collect(
        self, referenced: Iterable[tuple[str, str]], now: datetime, age: timedelta = ORPHAN_AGE
    ) -> int:
        """Delete blobs older than `age` that no (organization, address) names; return how many.

        `referenced` is read from the store before the call. A blob that is put again
        meanwhile counts as new, so it stays.
        """
        ...


def open_blobs(where: str | Path) -> BlobStore:
    """Open the blobs in a local folder, given by path or by `file://` URL."""
    text = str(where)
    if "://" not in text:
        return LocalBlobs(Path(text))
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return LocalBlobs(Path(unquote(parts.path)))
    raise InvalidArgument.of(
        "blob_url", f"'{parts.scheme}://' is not supported; a path or file:/// URL is"
    )


class LocalBlobs:
    """Blobs as files: `<root>/<organization>/<2 hex>/<64 hex>`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        _make_folder(self._root)
        _make_folder(self._root / _TEMPORARY)

    def put(self, organization_id: str, data: bytes) -> str:
        """Write, sync and rename a file, unless it is there already."""
        digest = hashlib.sha256(data).hexdigest()
        if not self._refresh(organization_id, digest):
            with self.put_stream(organization_id, limit=len(data)) as writer:
                writer.write(data)
                writer.finish()
        return f"sha256:{digest}"

    @contextmanager
    def put_stream(self, organization_id: str, *, limit: int) -> Iterator[_LocalWriter]:
        """Write to a temporary file that gets its name when it is finished."""
        temporary = self._root / _TEMPORARY / secrets.token_hex(16)
        with _LocalWriter(self, organization_id, temporary, limit) as writer:
            yield writer

    def open(self, organization_id: str, address: str) -> BinaryIO:
        """Open the file of a blob."""
        try:
            return self._file(organization_id, _digest(address)).open("rb")
        except FileNotFoundError as error:
            raise NotFound.of("blob", address) from error

    def read(
        self, organization_id: str, address: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Return a range of the file of a blob."""
        with self.open(organization_id, address) as file:
            file.seek(offset)
            return file.read(-1 if length is None else length)

    def view(self, organization_id: str, address: str) -> BlobView:
        """Map the file of a blob."""
        with self.open(organization_id, address) as file:
            try:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):  # nothing can be mapped of an empty file
                return file.read()

    def path(self, organization_id: str, address: str) -> Path:
        """Return the file of a blob; NotFound if there is none."""
        path = self._file(organization_id, _digest(address))
        if not path.exists():
            raise NotFound.of("blob", address)
        return path

    def verify(self, organization_id: str, address: str) -> None:
        """Hash the file again."""
        with self.open(organization_id, address) as file:
            found = hashlib.sha256()
            while part := file.read(_READ_SIZE):
                found.update(part)
        if found.hexdigest() != _digest(address):
            raise Internal(f"The blob {address} of {organization_id} is damaged.")

    def collect(
        self, referenced: Iterable[tuple[str, str]], now: datetime, age: timedelta = ORPHAN_AGE
    ) -> int:
        """Delete the old files that nothing names, temporary ones included."""
        kept = {self._file(org, _digest(address)) for org, address in referenced}
        oldest = (now - age).timestamp()
        deleted = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder) / name
                if path not in kept and path.name != _LOCK_NAME:
                    deleted += self._delete_if_old(path, oldest)
        return deleted

    def _delete_if_old(self, path: Path, oldest: float) -> int:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime >= oldest:
                return 0
            with self._lock(fcntl.LOCK_EX):
                # Looked at again with writers held off: it may just have been put again.
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    return 1
        return 0

    def _refresh(self, organization_id: str, digest: str) -> bool:
        """Make a file that exists count as new; return whether it exists."""
        path = self._file(organization_id, digest)
        if not path.exists():
            return False
        try:
            with self._lock(fcntl.LOCK_SH):
                os.utime(path)
        except FileNotFoundError:
            return False
        # Whoever renamed it may not have synced the folder yet.
        _sync_folder(path.parent)
        return True

    def keep(self, organization_id: str, temporary: Path, digest: str) -> None:
        """Give a synced temporary file its name."""
        path = self._file(organization_id, digest)
        _make_folder(path.parent)
        temporary.replace(path)
        _sync_folder(path.parent)

    def _file(self, organization_id: str, digest: str) -> Path:
        return self._root / _folder_name(organization_id) / digest[:2] / digest

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        with (self._root / _TEMPORARY / _LOCK_NAME).open("ab") as file:
            fcntl.flock(file, kind)
            yield


_LOCK_NAME = "lock"


class _LocalWriter:
    """Hashes while it writes a temporary file."""

    def __init__(
        self, blobs: LocalBlobs, organization_id: str, temporary: Path, limit: int
    ) -> None:
        self._blobs = blobs
        self._organization_id = organization_id
        self._temporary = temporary
        self._limit = limit
        self._hash = hashlib.sha256()
        self._size = 0
        self._finished: str | None = None

    def __enter__(self) -> Self:
        self._file: io.BufferedWriter = self._temporary.open("xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return self._size

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        if self._size + len(data) > self._limit:
            raise TooLarge(
                f"The body is larger than {self._limit} bytes, which is the limit.",
                metadata={"limit_bytes": self._limit},
            )
        self._hash.update(data)
        self._file.write(data)
        self._size += len(data)

    def finish(self) -> str:
        """Sync the file and give it its name."""
        if self._finished is None:
            self._file.flush()
            os.fsync(self._file.fileno())
            digest = self._hash.hexdigest()
            self._blobs.keep(self._organization_id, self._temporary, digest)
            self._finished = f"sha256:{digest}"
        return self._finished


def _digest(address: str) -> str:
    """Return the hex digits of an address; InvalidArgument for anything else."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise InvalidArgument.of("address", "a blob's address is 'sha256:' and 64 hex digits")
    return match.group(1)


def _folder_name(organization_id: str) -> str:
    """Return a folder name that no other organization has and that stays in the root.

    Names that a file system could read in another way (dots, slashes, capitals) are hashed.
    """
    if _PLAIN_NAME.fullmatch(organization_id):
        return organization_id
    return "~" + hashlib.sha256(organization_id.encode()).hexdigest()


def _make_folder(path: Path) -> None:
    """Create a folder and those above it, and sync what names them."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
