"""Fresh stores on both engines for every test of the shared suite."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.jobs.job import Owner
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.schema import HEAD, migrate
from assay.kernel.storage.store import Store, open_store
from assay.kernel.storage.tables import metadata
from tests.storage.postgres import Postgres, running_postgres

ENGINES = ("sqlite", "postgresql")


class HandClock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 13, 14, 22, 10, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class HandLeaseClock:
    """A boot clock that a test sets."""

    def __init__(self) -> None:
        self.boot = "boot-1"
        self.time = 1000.0

    def boot_id(self) -> str:
        return self.boot

    def seconds(self) -> float:
        return self.time


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    migrate(sqlite_url(folder))
    return folder / "assay.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str]:
    name = postgres.create()
    migrate(postgres.url(name))
    yield name
    postgres.drop(name)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "assay.db")
        yield sqlite_url(tmp_path)
        return
    server = request.getfixturevalue("postgres")
    name = server.borrow(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    children_first = [table.name for table in reversed(metadata.sorted_tables)]
    server.give_back(name, children_first, HEAD)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def lease_clock() -> HandLeaseClock:
    return HandLeaseClock()


@pytest.fixture
def open_another(
    url: str, clock: HandClock, lease_clock: HandLeaseClock
) -> Iterator[Callable[[], Store]]:
    """Opens further stores on the same database, as other processes would."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(open_store(url, clock=clock, leases=lease_clock))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Callable[[], Store]) -> Store:
    return open_another()


@pytest.fixture
def runner() -> Owner:
    return Owner(host="here", boot_id="boot-1", pid=1, started="1")


@pytest.fixture
def rival() -> Owner:
    return Owner(host="there", boot_id="boot-9", pid=2, started="2")
