"""Change tokens: how a process learns that something was committed, here or elsewhere.

A token is a hint with one promise: it differs from an earlier one whenever a commit
came between them. Caches compare tokens, watchers re-read when one changes; what was
committed is always read from the tables.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import psycopg
from sqlalchemy import Connection

from assay.kernel.storage.failures import raise_refusal

CHANNEL = "assay_changes"
Listener = Callable[[frozenset[tuple[str, str]]], None]


class Changes(Protocol):
    """Tells whether anything was committed."""

    def token(self) -> Hashable:
        """Return a value that differs from every one returned before the latest commit.

        It is compared for equality only. Commits of this process count at once, and so
        do those of others on SQLite; on PostgreSQL they count as soon as their
        notification is here, and while none can arrive no two tokens are equal.
        """
        ...

    def committed(self) -> None:
        """Count a commit of this process."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class SqliteChanges:
    """Asks SQLite itself: PRAGMA data_version on a connection that never writes."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connection = connect()
        self._driver: Any = self._connection.connection.driver_connection
        self._lock = threading.Lock()
        self._own = 0

    def token(self) -> Hashable:
        """Return SQLite's data version and the number of own commits."""
        with self._lock:
            try:
                version = self._driver.execute("PRAGMA data_version").fetchone()[0]
            except Exception as error:
                raise_refusal(error)
                raise
            return (version, self._own)

    def committed(self) -> None:
        """Count a commit of this process."""
        with self._lock:
            self._own += 1

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


class PostgresChanges:
    """Counts the notifications that every committing process sends."""

    def __init__(self, conninfo: Callable[[], str]) -> None:
        self._conninfo = conninfo
        self._own = itertools.count(1)
        self._lonely = itertools.count(1)
        self._commits = 0
        self._heard = 0
        self._listening = False
        self._closed = threading.Event()
        self._ready = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._listen, name="assay-changes", daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def token(self) -> Hashable:
        """Return the counts of notifications and own commits."""
        if not self._listening:
            return ("deaf", next(self._lonely))
        return (self._heard, self._commits)

    def committed(self) -> None:
        """Count a commit of this process."""
        self._commits = next(self._own)

    def close(self) -> None:
        """Stop listening."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._connection is not None:
            # The listener waits without an end: it wakes up when its connection ends.
            with (
                contextlib.suppress(psycopg.Error, OSError),
                socket.socket(fileno=os.dup(self._connection.fileno())) as waiting,
            ):
                waiting.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen_once()
            except (psycopg.Error, OSError):
                self._closed.wait(0.5)
            finally:
                self._listening = False
                # What was missed meanwhile must not look like silence.
                self._heard += 1

    def _listen_once(self) -> None:
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._connection = connection
            self._listening = True
            self._ready.set()
            if not self._closed.is_set():
                for _ in connection.notifies():
                    self._heard += 1


class CommitListeners:
    """The functions that are called after each commit of this process."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Register `listener`; return what removes it again."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return remove

    def call(self, touched: frozenset[tuple[str, str]]) -> None:
        """Call every listener, in the committing thread; they must return at once."""
        for listener in self._listeners:
            listener(touched)
