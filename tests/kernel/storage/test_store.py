"""Transactions, snapshots and what a process learns of commits: what Store promises."""

from __future__ import annotations

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import sqlalchemy

from assay.features.models.store import Models
from assay.kernel.errors import Internal, InvalidArgument, NotFound, Unavailable
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage import engine as engines
from assay.kernel.storage.store import open_store
from tests.support.store_rows import ORG, add_job, add_model


def test_a_write_block_that_raises_leaves_nothing(store):
    """Whatever a write block did is gone when it raises, and the next block starts clean."""
    heard = []
    store.on_commit(heard.append)
    with suppress(RuntimeError), store.write() as uow:
        add_model(uow)
        add_job(uow)
        raise RuntimeError
    with store.read() as uow:
        assert uow[Models].count(ORG) == 0
        assert uow[Jobs].list(ORG, limit=1).items == ()
    assert heard == []


def test_a_committed_write_is_seen_by_every_store(store, open_another):
    """What one store committed, another store on the same database reads at once."""
    with store.write() as uow:
        model = add_model(uow)
    with open_another().read() as uow:
        assert uow[Models].get(ORG, model.model_id) == model


def test_a_read_block_sees_one_snapshot(store, open_another):
    """A read block does not see what is committed after its first read."""
    with store.read() as uow:
        assert uow[Models].count(ORG) == 0
        with open_another().write() as other:
            add_model(other)
        assert uow[Models].count(ORG) == 0
        with store.read() as inner:
            assert inner[Models].count(ORG) <= 1
    with store.read() as uow:
        assert uow[Models].count(ORG) == 1


def test_a_read_block_cannot_write(store):
    """A write in a read block is refused by the database itself."""
    with pytest.raises((Unavailable, sqlalchemy.exc.SQLAlchemyError)), store.read() as uow:
        add_model(uow)
    with store.read() as uow:
        assert uow[Models].count(ORG) == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_write_block_inside_another_is_refused(store):
    """A thread that opens a write block inside its own is told, and does not wait for itself."""
    with store.write() as uow:
        model = add_model(uow)
        with pytest.raises(Internal), store.write():
            pass
    with store.read() as uow:
        assert uow[Models].get(ORG, model.model_id) == model


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_busy_database_is_unavailable(store, open_another, monkeypatch):
    """A database that cannot be written to in time is unavailable, with a time to come back."""
    other = open_another()
    with other.write() as uow:
        uow.driver.execute("PRAGMA busy_timeout=10")
    with store.write(), pytest.raises(Unavailable) as refusal, other.write():
        pass
    assert refusal.value.retry_after == 1
    with other.write() as uow:
        add_model(uow)


def test_no_text_breaks_a_read(store):
    """An id that no row can have, whatever its characters, is absent or refused, not an error."""
    for text in ("", "'", "\x00", "a\x00b", "%s", ":org", "é" * 5000):
        with pytest.raises((NotFound, InvalidArgument)), store.read() as uow:
            uow[Models].get(ORG, text)


def test_many_threads_write_and_read_at_once(store):
    """Threads of one process share a store without losing a write."""

    def work(_: int) -> None:
        with store.write() as uow:
            add_model(uow)
        with store.read() as uow:
            assert uow[Models].count(ORG) >= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    with store.read() as uow:
        assert uow[Models].count(ORG) == 40


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_threads_connection_goes_with_it(store):
    """Threads that have ended leave no read connection behind."""

    def read() -> None:
        with store.read() as uow:
            uow[Models].count(ORG)

    for _ in range(5):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    gc.collect()
    assert len(store._readers) == 0


def test_commits_are_told_with_the_jobs_they_changed(store):
    """A listener hears of each commit of its process, with the jobs changed, until it stops."""
    heard = []
    stop = store.on_commit(heard.append)
    with store.write() as uow:
        job = add_job(uow)
    with store.write() as uow:
        add_model(uow)
    stop()
    with store.write() as uow:
        add_job(uow)
    assert heard == [{(ORG, job.job_id)}, frozenset()]


def test_the_token_changes_with_every_commit(store, open_another):
    """The token stays while nothing is committed, and differs after any process commits."""
    other = open_another()
    first = store.changes.token()
    assert store.changes.token() == first
    with store.write() as uow:
        add_model(uow)
    second = store.changes.token()
    assert second != first
    with other.write() as uow:
        add_model(uow)
    wait = threading.Event()
    for _ in range(2000):
        if store.changes.token() != second:
            break
        wait.wait(0.005)  # PostgreSQL's notification travels on its own
    assert store.changes.token() != second


@pytest.mark.parametrize("engine", ["postgresql"])
def test_without_notifications_no_two_tokens_are_equal(store, postgres):
    """While PostgreSQL's notifications cannot arrive, every token differs from the last."""
    with store.read() as uow:
        name = uow.select(sqlalchemy.text("SELECT current_database()"))[0][0]
    before = store.changes.token()
    changed = threading.Event()
    postgres.lock(name)
    try:
        while store.changes._listening:
            changed.wait(0.005)
        assert len({store.changes.token() for _ in range(3)} | {before}) == 4
    finally:
        postgres.unlock(name)
    while not store.changes._listening:
        changed.wait(0.01)
    assert store.changes.token() == store.changes.token() != before


@pytest.mark.parametrize("engine", ["postgresql"])
def test_notifications_arrive_on_a_descriptor_above_1023(store, open_another):
    """A process with a thousand subscribers still learns of other processes' commits."""
    with ExitStack() as held:
        while held.enter_context(Path(os.devnull).open("rb")).fileno() < 1024:
            pass
        listener = open_another()
        before = listener.changes.token()
        assert listener.changes.token() == before
        with store.write() as uow:
            add_model(uow)
        wait = threading.Event()
        for _ in range(2000):
            if listener.changes.token() != before:
                break
            wait.wait(0.005)  # PostgreSQL's notification travels on its own
        after = listener.changes.token()
        assert before != after == listener.changes.token()


def test_only_the_two_engines_are_opened(tmp_path):
    """A store URL of another engine, or a SQLite one without a file, is refused by name."""
    for url in ("mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"):
        with pytest.raises(InvalidArgument, match="store_url"):
            open_store(url)
    assert engines.sqlite_url(tmp_path) == f"sqlite:///{tmp_path.resolve()}/assay.db"
