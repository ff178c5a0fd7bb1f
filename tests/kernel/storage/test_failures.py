"""Storage that fails: what a database says, and that all goes on when it is back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy

from assay.kernel.errors import DataDamaged, StorageUnavailable, Unavailable
from assay.kernel.storage.engine import make_engine
from assay.kernel.storage.installation import Installation

LONG = "x" * 300_000  # more than the pages that are free


def keep(store, name, value=LONG):
    with store.write() as uow:
        uow[Installation].add(name, value)


def kept(store, name):
    with store.read() as uow:
        return uow[Installation].find(name)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_commit_that_found_no_room_leaves_a_usable_connection(store, tmp_path, file_limit):
    """While the disk is full each write is refused as such and reads go on; with space all goes on."""
    keep(store, "before")
    with file_limit((tmp_path / "assay.db-wal").stat().st_size):
        for number in range(3):
            with pytest.raises(StorageUnavailable) as refused:
                keep(store, f"full-{number}")
            assert refused.value.retry_after
            assert kept(store, "before") == LONG
    for number in range(3):
        assert kept(store, f"full-{number}") is None
        keep(store, f"full-{number}")
        assert kept(store, f"full-{number}") == LONG


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_statement_that_found_no_room_leaves_a_usable_connection(store):
    """A database that may not grow refuses what does not fit, and takes it when it may."""
    with store.write() as uow:
        pages = uow.driver.execute("PRAGMA page_count").fetchone()[0]
        uow.driver.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="full") as refused:
            keep(store, "long")
        assert refused.value.metadata == {"cause": "full"}
    with store.write() as uow:
        uow.driver.execute("PRAGMA max_page_count=1000000")
    keep(store, "long")
    assert kept(store, "long") == LONG


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_database_that_cannot_be_opened_is_away(store, tmp_path, url):
    """A thread that has no connection yet is refused as for a storage that is away."""
    folder = tmp_path.rename(tmp_path.with_name("elsewhere"))
    refused = []

    def read() -> None:
        try:
            kept(store, "a")
        except StorageUnavailable as error:
            refused.append(error.metadata)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    folder.rename(tmp_path)
    assert refused == [{"cause": "away"}]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_damaged_database_is_said_to_be(store, url, tmp_path, open_another):
    """Pages that are no pages are told as damage, which no retry mends."""
    keep(store, "long")
    with store.write() as uow:
        uow.driver.execute("PRAGMA user_version=1")
    with sqlalchemy.create_engine(url).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    path = Path(tmp_path / "assay.db")
    data = bytearray(path.read_bytes())
    size = 4096
    for at in range(size, len(data), size):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(DataDamaged, match="Restore a backup"):
        open_another()


@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize("writes", [False, True])
def test_a_connection_that_is_cut_is_unavailable(store, url, writes):
    """Whatever a driver says of a server that ended a connection, callers may try again."""
    plain = make_engine(url)
    block = store.write if writes else store.read
    for _ in range(3):
        with pytest.raises(Unavailable), block() as uow:
            uow[Installation].find("a")
            with plain.connect() as other:
                other.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            uow[Installation].find("a")
            pytest.fail("the connection was not cut")
    plain.dispose()
    keep(store, "a", "b")
    assert kept(store, "a") == "b"
