"""The fixtures of all tests, by plugin, and the marks that leave tests out."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support import commands

pytest_plugins = [
    "tests.fixtures.service",
    "tests.fixtures.storage",
    "tests.fixtures.jobs",
    "tests.fixtures.rpc",
    "tests.fixtures.gateway",
    "tests.fixtures.client",
    "tests.fixtures.object_storage",
]

# How long an example takes says what else the machine does, not what the product does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> None:
    """The process of which compute processes and commands are forks: it imports while tests begin."""
    commands.start_fork_server()


PURE = ("tests/metrics/", "tests/extraction/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests of pure packages out unless marks are asked for: they take minutes."""
    if config.option.markexpr:
        return
    slow = [one for one in items if one.nodeid.startswith(PURE) and one.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
