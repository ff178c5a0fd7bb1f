"""One running service for the drawer; every test has organizations of its own in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from assay.app import Backend, RunnerProcess
from assay.settings import prepare_compute_environment
from tests.rpc import world
from tests.rpc.world import Caller, LoopThread, Running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """The event loop of all servers; that it has nothing to complain of is checked at the end."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def rpc(tmp_path_factory: pytest.TempPathFactory, loop_thread: LoopThread) -> Iterator[Running]:
    """Server and runner on a fresh folder, stopped at the end."""
    prepare_compute_environment()
    backend = Backend(world.settings(tmp_path_factory.mktemp("rpc")), upgrade=True)
    backend.bootstrap_key()
    runner = RunnerProcess(backend)
    running = world.serve(loop_thread, backend)
    runner.start()
    yield running
    runner.stop()
    running.stop()
    backend.close()


@pytest.fixture
def organization(rpc: Running) -> Callable[..., Caller]:
    """Return what makes a caller of a new organization, with these permissions."""
    return lambda *permissions: rpc.organization(f"org-{next(_numbers)}", permissions or ("admin",))


@pytest.fixture
def me(organization: Callable[..., Caller]) -> Caller:
    """A caller with an admin key of an organization that holds nothing."""
    return organization()


@pytest.fixture
def other(organization: Callable[..., Caller]) -> Caller:
    """A caller with an admin key of another organization."""
    return organization()
