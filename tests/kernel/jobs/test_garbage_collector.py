"""The garbage collector forgets what is old and keeps everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.clock import Clock
from assay.kernel.errors import DataMissing
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.garbage_collector import CollectionStats, GarbageCollector
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.store import open_store

ORG = "org"


class LaterClock(Clock):
    """A clock that stands still, some time after now."""

    def __init__(self, later: timedelta) -> None:
        self._now = datetime.now(UTC) + later

    def now(self) -> datetime:
        """Return the time at which it stands."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never grow."""
        return 0.0


def test_a_round_forgets_only_what_is_old_and_named_by_nothing(tmp_path: Path) -> None:
    """Orphaned blobs, old requests and old logs go; what a row names or is young stays."""
    store = open_store(f"sqlite:///{tmp_path / 'assay.db'}", upgrade=True)
    blobs = open_blobs(tmp_path / "blobs")
    orphan, named = blobs.put(ORG, b"orphan"), blobs.put(ORG, b"named")
    with store.write() as uow:
        old = uow[Jobs].submit(ORG, NewJob(kind="test", spec=b"{}", blobs=(orphan,)))
        uow[Jobs].request_cancel(ORG, old.job_id)
        waiting = uow[Jobs].submit(ORG, NewJob(kind="test", spec=b"{}", blobs=(named,)))
        uow[Requests].record(ORG, "Create", "one", body_hash="0" * 64, resource_id="x")

    def collector(later: timedelta) -> GarbageCollector:
        return GarbageCollector(store, blobs, clock=LaterClock(later), event_age=timedelta(days=30))

    assert collector(timedelta(hours=1)).collect() == CollectionStats(logs=0, requests=0, blobs=0)
    assert collector(timedelta(days=40)).collect() == CollectionStats(logs=1, requests=1, blobs=1)

    assert blobs.read(ORG, named) == b"named"
    with store.read() as uow:
        assert [event.data["to"] for event in uow[Events].after(ORG, old.job_id, 1)] == ["CANCELED"]
        assert [event.data["to"] for event in uow[Events].after(ORG, waiting.job_id, 0)] == [
            "QUEUED"
        ]
    store.close()
    with pytest.raises(DataMissing):
        blobs.read(ORG, orphan)


def test_a_blob_that_another_features_row_names_alone_stays(tmp_path: Path) -> None:
    """A blob that only a version names survives until the version's reference is removed."""
    store = open_store(f"sqlite:///{tmp_path / 'assay.db'}", upgrade=True)
    blobs = open_blobs(tmp_path / "blobs")
    artifact = blobs.put(ORG, b"weights")
    with store.write() as uow:
        uow[BlobReferences].add(ORG, "version/ver-1", [artifact])
        uow[BlobReferences].add(ORG, "version/ver-2", [artifact])
    later = LaterClock(timedelta(days=40))
    collector = GarbageCollector(store, blobs, clock=later, event_age=timedelta(days=30))
    for owner in ("version/ver-1", "version/ver-2"):
        assert collector.collect().blobs == 0
        assert blobs.read(ORG, artifact) == b"weights"
        with store.write() as uow:
            uow[BlobReferences].remove(ORG, owner)
    assert collector.collect().blobs == 1
    store.close()
