"""Bytes by the hash of their content: uploads, large partials, models.

An organization's blobs are its own: nothing is shared between two, so that nobody
learns from an address what another one has. A blob is synced before its address is
returned, and so before any row names it; what no row names is an orphan, collected
after a day, or taken back at once by whoever put it in vain.

An address says what the bytes must be, and that is checked before any of them is given out: once
for as long as the file stays as it was (`blob_checks`), so that ranges of a large blob stay cheap.
A storage that is full, read-only or away raises StorageUnavailable.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import mmap
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self
from urllib.parse import unquote, urlsplit

from assay.kernel.errors import (
    AssayError,
    DataDamaged,
    DataMissing,
    InvalidArgument,
    StorageUnavailable,
    TooLarge,
)
from assay.kernel.storage import failures
from assay.kernel.storage.blob_checks import CHECKS_NAME, BlobChecks, hash_of

ORPHAN_AGE = timedelta(hours=24)
_ADDRESS = re.compile(r"sha256:([0-9a-f]{64})")
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
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


@dataclass(frozen=True)
class BlobMark:
    """A blob that a draft made, as it left it."""

    path: Path
    number: int  # of the file
    time: int  # nanoseconds: when it was put last

    @property
    def address(self) -> str:
        """Its address."""
        return f"sha256:{self.path.name}"


class BlobStore(Protocol):
    """Where blobs rest. Addresses are `sha256:` and 64 hex digits; others are refused."""

    def put(self, organization_id: str, data: bytes) -> str:
        """Keep `data` and return its address, once it is synced; again: the same address."""
        ...

    def put_stream(self, organization_id: str, *, limit: int) -> AbstractContextManager[BlobWriter]:
        """Return a block with a writer; left without `finish()`, it keeps nothing."""
        ...

    def open(self, organization_id: str, address: str) -> BinaryIO:
        """Open a blob to read, seekable.

        DataMissing if the organization has none such, DataDamaged if it is not what was put.

        Of a large blob only the ranges that are read are fetched. A reader with a `fileno()` may
        be mapped.
        """
        ...

    def read(
        self, organization_id: str, address: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Return a blob's bytes from `offset` on, at most `length` of them; raises as `open`."""
        ...

    def view(self, organization_id: str, address: str) -> BlobView:
        """Return a whole blob as a buffer, mapped where blobs are files; raises as `open`."""
        ...

    def size(self, organization_id: str, address: str) -> int:
        """Return how many bytes a blob has; DataMissing if the organization has none such."""
        ...

    def verify(self, organization_id: str, address: str) -> None:
        """Raise DataDamaged unless the blob still has the content that its address names."""
        ...

    def check(self) -> None:
        """Raise StorageUnavailable unless a small blob could be put now."""
        ...

    def draft(self) -> BlobDraft:
        """Return the same blobs, of which those that are new can be taken back."""
        ...

    def discard(self, marks: Iterable[BlobMark]) -> None:
        """Delete blobs that a draft made, but for those that were put again since."""
        ...

    def collect(
        self, referenced: Iterable[tuple[str, str]], now: datetime, age: timedelta = ORPHAN_AGE
    ) -> int:
        """Delete blobs older than `age` that no (organization, address) names; return how many.

        `referenced` is read from the store before the call. A blob that is put again
        meanwhile counts as new, so it stays.
        """
        ...


class BlobDraft(BlobStore, Protocol):
    """Blobs of which those that were put here, and nowhere else since, can be taken back."""

    @property
    def made(self) -> tuple[BlobMark, ...]:
        """Return the blobs that were put here and were not there before."""
        ...

    def take_back(self) -> None:
        """Delete what was put here and was not there before, nor was put by others since."""
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
        self._checks = BlobChecks(self._root / _TEMPORARY)
        with failures.files():
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
        with failures.files():
            if not self._root.exists():  # deleted under us; an empty one may be a missing mount
                _make_folder(self._root / _TEMPORARY)
            opened = _LocalWriter(self, organization_id, temporary, limit)
        with opened as writer:
            yield writer

    def open(self, organization_id: str, address: str) -> BinaryIO:
        """Open the file of a blob, and check it unless that was done."""
        path = self._file(organization_id, _digest(address))
        with failures.files():
            try:
                file = path.open("rb")
            except FileNotFoundError as error:
                raise self._absent(address) from error
            try:
                if not self._checks.is_sound(file, path.name):
                    raise _damaged(address)
            except BaseException:
                file.close()
                raise
            return file

    def read(
        self, organization_id: str, address: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        """Return a range of the file of a blob."""
        with failures.files(), self.open(organization_id, address) as file:
            file.seek(offset)
            return file.read(-1 if length is None else length)

    def view(self, organization_id: str, address: str) -> BlobView:
        """Map the file of a blob."""
        with failures.files(), self.open(organization_id, address) as file:
            try:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):  # nothing can be mapped of an empty file
                return file.read()

    def size(self, organization_id: str, address: str) -> int:
        """Return the size of the file of a blob."""
        return self._found(organization_id, address).stat().st_size

    def path(self, organization_id: str, address: str) -> Path:
        """Return the file of a blob."""
        return self._found(organization_id, address)

    def verify(self, organization_id: str, address: str) -> None:
        """Hash the file again."""
        with failures.files(), self._found(organization_id, address).open("rb") as file:
            if hash_of(file) != _digest(address):
                raise _damaged(address)

    def check(self) -> None:
        """Write a temporary file."""
        with self.put_stream("check", limit=failures.CHECK_BYTES) as writer:
            writer.write(bytes(failures.CHECK_BYTES))

    def draft(self) -> LocalDraft:
        """Return the same folder, which remembers what it made."""
        return LocalDraft(self._root, self._checks)

    def discard(self, marks: Iterable[BlobMark]) -> None:
        """Delete files that are as a draft left them."""
        for mark in marks:
            # Whoever puts the same bytes gives the file another time, or another number.
            with suppress(OSError), self._lock(fcntl.LOCK_EX):
                if _mark(mark.path) == mark:
                    mark.path.unlink()

    def _found(self, organization_id: str, address: str) -> Path:
        path = self._file(organization_id, _digest(address))
        with failures.files():
            if not path.exists():
                raise self._absent(address)
        return path

    def _absent(self, address: str) -> AssayError:
        """Return the refusal for a blob that is not there: it alone, or all of the storage."""
        if not (self._root / _TEMPORARY).is_dir():
            return failures.storage_failure(failures.AWAY)
        return DataMissing(
            f"Stored data are missing: the blob {address} is gone. Put it back from a backup of the "
            "blobs, or store the data again.",
            metadata={"blob": address},
        )

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
                if path not in kept and path.name not in _OWN_NAMES:
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
        """Make a file that exists count as new; return whether it exists, undamaged."""
        path = self._file(organization_id, digest)
        try:
            with failures.files(), path.open("rb") as file:
                if not self._checks.is_sound(file, path.name):
                    return False
                with self._lock(fcntl.LOCK_SH):
                    now = time.time_ns()  # finer than what the kernel would write by itself
                    os.utime(path, ns=(now, now))
                    self._checks.wrote(path, digest)
        except (FileNotFoundError, StorageUnavailable):
            return False
        # Whoever renamed it may not have synced the folder yet.
        with failures.files():
            _sync_folder(path.parent)
        return True

    def keep(self, organization_id: str, temporary: Path, digest: str) -> None:
        """Give a synced temporary file its name."""
        path = self._file(organization_id, digest)
        _make_folder(path.parent)
        with self._lock(fcntl.LOCK_EX):
            is_new = not path.exists()
            temporary.replace(path)
            self._checks.wrote(path, digest)
        if is_new:
            self._made_file(path)
        _sync_folder(path.parent)

    def _made_file(self, path: Path) -> None:
        """Hear of a file that was not there before."""

    def _file(self, organization_id: str, digest: str) -> Path:
        return self._root / _folder_name(organization_id) / digest[:2] / digest

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        with (self._root / _TEMPORARY / _LOCK_NAME).open("ab") as file:
            fcntl.flock(file, kind)
            yield


_LOCK_NAME = "lock"
_OWN_NAMES = (_LOCK_NAME, CHECKS_NAME)


class LocalDraft(LocalBlobs):
    """A folder of blobs that remembers which files it made."""

    def __init__(self, root: Path, checks: BlobChecks) -> None:
        self._root = root
        self._checks = checks
        self._made: list[BlobMark] = []

    @property
    def made(self) -> tuple[BlobMark, ...]:
        """Return the files that it made."""
        return tuple(self._made)

    def take_back(self) -> None:
        """Delete the files that it made and that are as it left them."""
        made, self._made = self._made, []
        self.discard(made)

    def _made_file(self, path: Path) -> None:
        with suppress(OSError):
            self._made.append(_mark(path))


def _mark(path: Path) -> BlobMark:
    found = path.stat()
    return BlobMark(path, found.st_ino, found.st_mtime_ns)


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
        with failures.files():
            self._file: io.BufferedWriter = self._temporary.open("xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The name first: on a full disk closing writes what is left, and fails.
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)
        with suppress(OSError):
            self._file.close()

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
        with failures.files():
            self._file.write(data)
        self._size += len(data)

    def finish(self) -> str:
        """Sync the file and give it its name."""
        if self._finished is None:
            digest = self._hash.hexdigest()
            with failures.files():
                self._file.flush()
                os.fsync(self._file.fileno())
                self._blobs.keep(self._organization_id, self._temporary, digest)
            self._finished = f"sha256:{digest}"
        return self._finished


def _damaged(address: str) -> DataDamaged:
    return DataDamaged(
        f"Stored data are damaged: the blob {address} is not what was stored. Restore it from a "
        "backup of the blobs, or store the data again.",
        metadata={"blob": address},
    )


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
