"""Notes of which blobs' files were found undamaged, shared by all processes that use a folder.

Hashing what is read is dearer than reading it, and rows that were just uploaded are read by several
processes. So whoever wrote or hashed a file notes how the file was then; others believe the note
for as long as the file is as noted, and for a day at most. A change within one tick of the file
system's clock after the note is not seen: it leaves the times as they were.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SLOTS = 16_384  # files noted; two that share a slot are hashed in turn
NOTE_BYTES = 16
CHECKS_NAME = "checks"
DAY_NS = 86_400 * 10**9
TICK_NS = 20_000_000  # two ticks of the slowest clock that file systems go by


class BlobChecks:
    """Notes of files in one file of `folder`; in one of this process where none can be made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None  # opened at the first note

    def __reduce__(self) -> tuple[type[BlobChecks], tuple[Path]]:
        """Send the folder alone to other processes: each opens the file for itself."""
        return type(self), (self._folder,)

    def is_sound(self, file: io.BufferedReader, digest: str) -> bool:
        """Return whether an open file has the content of `digest`; it is left at its start."""
        status = os.fstat(file.fileno())
        if self._is_noted(digest, status):
            return True
        if hash_of(file) != digest:
            return False
        file.seek(0)
        # What changes twice within a tick bears one time.
        if time.time_ns() - status.st_ctime_ns > TICK_NS:
            self._note(digest, status)
        return True

    def wrote(self, path: Path, digest: str) -> None:
        """Note a file that was hashed as it was written."""
        with suppress(OSError):
            self._note(digest, path.stat())

    def _is_noted(self, digest: str, status: os.stat_result) -> bool:
        file = self._opened()
        if file is None:
            return False
        try:
            return os.pread(file, NOTE_BYTES, _offset(digest)) == _note_of(digest, status)
        except OSError:
            return False

    def _note(self, digest: str, status: os.stat_result) -> None:
        file = self._opened()
        if file is not None:
            with suppress(OSError):
                os.pwrite(file, _note_of(digest, status), _offset(digest))

    def _opened(self) -> int | None:
        if self._file is None:
            try:
                self._file = _open(self._folder / CHECKS_NAME)
            except OSError:  # full, read-only or away
                with suppress(OSError), tempfile.TemporaryFile() as file:
                    self._file = os.dup(_filled(file.fileno()))
        return self._file

    def __del__(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)


def hash_of(file: io.BufferedReader) -> str:
    """Return the SHA-256 of an open file in hex; it is left at its end."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return _filled(file)
    except BaseException:
        os.close(file)
        raise


def _filled(file: int) -> int:
    """Give the file its whole size now, so that notes need no space on a disk that is full."""
    missing = SLOTS * NOTE_BYTES - os.fstat(file).st_size
    if missing > 0:
        os.pwrite(file, bytes(missing), SLOTS * NOTE_BYTES - missing)
    return file


def _offset(digest: str) -> int:
    return int(digest[:8], 16) % SLOTS * NOTE_BYTES


def _note_of(digest: str, status: os.stat_result) -> bytes:
    file = f"{status.st_dev} {status.st_ino} {status.st_ctime_ns} {status.st_size}"
    known = f"{digest} {file} {_today()}"
    return hashlib.blake2b(known.encode(), digest_size=NOTE_BYTES).digest()


def _today() -> int:
    return time.time_ns() // DAY_NS
