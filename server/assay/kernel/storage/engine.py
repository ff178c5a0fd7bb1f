"""Connections: how SQLite and PostgreSQL are opened, alike for every process."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from assay.kernel.errors import InvalidArgument, SchemaMismatch
from assay.kernel.storage.sql import POSTGRESQL, SQLITE

BUSY_SECONDS = 30.0


def sqlite_url(data_dir: Path) -> str:
    """Return the store URL of a data folder."""
    return f"sqlite:///{Path(data_dir).resolve() / 'assay.db'}"


def engine_name(url: str) -> str:
    """Return SQLITE or POSTGRESQL; InvalidArgument for any other URL."""
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        return SQLITE
    if scheme in ("postgresql", "postgres"):
        return POSTGRESQL
    raise InvalidArgument.of(
        "store_url", "a store is sqlite:///<path> or postgresql://<user>@<host>/<database>"
    )


def make_engine(url: str) -> Engine:
    """Return an engine; a SQLite file is created, in WAL mode, when it is not there."""
    if engine_name(url) == SQLITE:
        return _sqlite_engine(database_path(url))
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(
        parsed, pool_size=8, max_overflow=32, pool_timeout=BUSY_SECONDS, pool_use_lifo=True
    )


def database_path(url: str) -> Path:
    """Return the file of a SQLite URL; InvalidArgument for one without a file."""
    name = make_url(url).database
    if not name or name == ":memory:":
        raise InvalidArgument.of("store_url", "a SQLite store is a file: sqlite:///<path>")
    return Path(name)


@contextmanager
def start_lock(path: Path) -> Iterator[None]:
    """Hold the lock under which one process at a time sets up the SQLite file at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sqlite_engine(path: Path) -> Engine:
    with start_lock(path):
        _check_is_ours(path)
        _set_wal(path)
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,  # connections are held by their owners, not passed around
        connect_args={
            "timeout": BUSY_SECONDS,
            "check_same_thread": False,
            "isolation_level": None,  # BEGIN is ours: deferred to read, IMMEDIATE to write
        },
    )
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _check_is_ours(path: Path) -> None:
    """Raise SchemaMismatch for a file that another program made, or that has lost its content."""
    if not path.exists() or path.stat().st_size == 0:
        if _is_lost(path):
            raise SchemaMismatch(
                f"The database {path} is {'empty' if path.exists() else 'missing'}, and yet its "
                "folder holds data of an installation. Put the database back from a backup; to "
                "begin anew, choose another folder or remove what this one holds."
            )
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        tables = {"no database at all"}
    if tables and not tables >= _OURS:
        raise SchemaMismatch(
            f"The file {path} is no database of Assay; nothing was changed in it. Choose another "
            "data folder, or another ASSAY_DATABASE_URL."
        )


_OURS = {"installation", "blob_references"}  # tables that every database of Assay has


def _is_lost(path: Path) -> bool:
    """Return whether a database without content had some: something else of it is there."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        return True
    if path.exists():  # the first thing that is made in a folder, beside its own lock
        return any(not one.name.startswith(path.name) for one in path.parent.iterdir())
    blobs = path.with_name("blobs")
    return blobs.is_dir() and any(not one.name.startswith("~tmp") for one in blobs.iterdir())


def _set_wal(path: Path) -> None:
    """Switch the file to WAL.

    SQLite's busy handler does not cover this switch: of 60 starts of several processes
    at once, 10 failed. Hence the lock around it, and the retry for tools that ignore it.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        while True:
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    # FULL: what was acknowledged survives a power cut, not only a crash.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
