"""The refusals that failures of disks and databases become, wherever they are met.

A storage that is full, cannot be written to or is away says nothing of the request: the same one
succeeds when the storage is back. Data that are not what was stored are a loss, and are said to be.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc

from assay.kernel.errors import (
    Conflict,
    DataDamaged,
    InvalidArgument,
    StorageUnavailable,
    Unavailable,
)

CHECK_BYTES = 64 * 1024  # that must find space where the storage is said to be well
RETRY_SECONDS = 5.0  # in which somebody, or the collector, may have made space

FULL = "full"
READ_ONLY = "read_only"
AWAY = "away"
_TEXTS = {
    FULL: "The service's storage is full; nothing was stored. Try again when there is space.",
    READ_ONLY: "The service's storage cannot be written to now; nothing was stored. Try again later.",
    AWAY: "The service's storage cannot be reached now. Try again later.",
}
_ERRNOS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,  # the process, or the file system, allows no larger file
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: AWAY,
    errno.ENOENT: AWAY,
    errno.ENOTDIR: AWAY,
    errno.ENODEV: AWAY,
    errno.ENXIO: AWAY,
    errno.ESTALE: AWAY,
    errno.ENOTCONN: AWAY,
    errno.EHOSTDOWN: AWAY,
    errno.ETIMEDOUT: AWAY,
    errno.EMFILE: AWAY,
    errno.ENFILE: AWAY,
}
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_IOERR: AWAY,
    sqlite3.SQLITE_CANTOPEN: AWAY,
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_POSTGRESQL = {"53100": FULL, "25006": READ_ONLY}  # disk_full, read_only_sql_transaction
_LOST = (
    sqlite3.OperationalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,  # the connection was closed under a statement
    exc.TimeoutError,
    exc.PendingRollbackError,  # and then what follows it in the same block
    exc.ResourceClosedError,
)


def storage_failure(cause: str) -> StorageUnavailable:
    """Return the refusal for a storage that is FULL, READ_ONLY or AWAY."""
    return StorageUnavailable(_TEXTS[cause], metadata={"cause": cause}, retry_after=RETRY_SECONDS)


def of_file(error: OSError) -> StorageUnavailable | None:
    """Return the refusal for an error of a file system; None when it is none of the storage."""
    cause = _ERRNOS.get(error.errno or 0)
    return None if cause is None else storage_failure(cause)


def of_disk(error: BaseException) -> StorageUnavailable | None:
    """Return the refusal for an error that only a disk has, whoever met it; else None."""
    return of_file(error) if isinstance(error, OSError) and error.errno in _DISK else None


@contextmanager
def files() -> Iterator[None]:
    """Have errors of the file system inside the block raised as StorageUnavailable."""
    try:
        yield
    except OSError as error:
        refusal = of_file(error)
        if refusal is None:
            raise
        try:
            raise refusal from error
        finally:
            # A frame that names its own error keeps alive what its callers hold, such as the data
            # that are put, until the next collection of garbage.
            del refusal


@contextmanager
def data_of(kind: str, key: str) -> Iterator[None]:
    """Have blobs that are damaged or gone inside the block told as data of one resource."""
    try:
        yield
    except DataDamaged as error:
        raise error.of(kind, key) from error


def raise_refusal(error: BaseException) -> None:
    """Raise our own error for one of a database's driver; return for all others."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, psycopg.DataError):
        # SQLite finds nothing for such a text; PostgreSQL cannot even be asked for it.
        raise InvalidArgument("A text holds the character U+0000, which is not allowed.") from error
    if isinstance(cause, psycopg.errors.UniqueViolation):
        raise Conflict("Another request changed the same thing. Try again.") from error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without what extends it
        if code in _DAMAGED:
            raise DataDamaged("The service's database is damaged. Restore a backup.") from error
        if code in _SQLITE:
            raise storage_failure(_SQLITE[code]) from error
    if isinstance(cause, psycopg.Error) and cause.sqlstate in _POSTGRESQL:
        raise storage_failure(_POSTGRESQL[cause.sqlstate]) from error
    if isinstance(cause, _LOST) or (
        isinstance(error, exc.DBAPIError) and error.connection_invalidated
    ):
        raise Unavailable("The store cannot answer now. Try again.", retry_after=1) from error
