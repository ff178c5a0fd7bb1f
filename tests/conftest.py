"""What tests of several drawers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.demo import service as services


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Service]:
    """The whole service on free ports, as `assay up` starts it; stopped at the end."""
    running = services.start(tmp_path_factory.mktemp("service"))
    assert running.process.stdout is not None
    with running.process.stdout:
        yield running
        assert running.stop() == []
