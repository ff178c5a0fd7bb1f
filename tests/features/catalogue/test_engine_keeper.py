"""Keepers of engines beside several runners."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from assay.features.catalogue.card import StoredCard
from assay.features.catalogue.engine_keeper import EngineKeeper
from assay.features.catalogue.engines_store import Engines
from assay.features.catalogue.store import Catalogue
from assay.kernel.clock import Clock
from assay.kernel.ids import Ids
from assay.kernel.jobs.executors.reserved_pools import ReservedPools
from assay.kernel.jobs.kind import ComputeSettings
from assay.kernel.kernel import RunnerParts
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.store_rows import ORG
from tests.support.trained_versions import put_version

PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class FewEngines:
    """Limits of one engine a runner."""

    max_attempts: int = 3
    max_chunk_bytes: int = 1
    max_file_bytes: int = 1
    max_body_bytes: int = 1
    max_engines: int = 1
    worker_count: int = 1


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


@pytest.mark.slow
def test_runners_share_what_is_asked(tmp_path):
    """What one runner cannot keep the next one does, and who remains takes over from who ends."""
    store = open_store(sqlite_url(tmp_path), upgrade=True)
    blobs = open_blobs(tmp_path / "blobs")
    version = put_version(store, blobs, ORG, TaskType.TEXT_CLASSIFICATION)
    card = StoredCard(model_id=version.model_id, version_id=version.version_id, minimum_engines=2)
    with store.write() as uow:
        uow[Catalogue].put_card(ORG, card)
    pools = [ReservedPools() for _ in range(3)]
    keepers = [
        EngineKeeper(
            RunnerParts(
                store=store,
                blobs=blobs,
                clock=Clock(),
                ids=Ids(),
                reserved=reserved,
                settings=ComputeSettings(),
                limits=FewEngines(),
            )
        )
        for reserved in pools
    ]

    def kept() -> list[int]:
        return [sum(one.pool.ready for one in reserved.counts().values()) for reserved in pools]

    def told() -> int:
        with store.read() as uow:
            return sum(one.counts.ready for one in uow[Engines].hosts())

    for number, keeper in enumerate(keepers[:2], start=1):
        keeper.start()
        until(lambda number=number: sum(kept()) == number)
    until(lambda: told() == 2)
    assert kept() == [1, 1, 0]
    keepers[2].start()
    keepers[0].stop()
    until(lambda: kept() == [0, 1, 1] and told() == 2)
    for keeper, reserved in zip(keepers[1:], pools[1:], strict=True):
        keeper.stop()
        reserved.close()
    pools[0].close()
    assert told() == 0
    store.close()
