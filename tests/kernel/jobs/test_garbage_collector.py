"""The garbage collector forgets what is old and keeps everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.kernel.errors import NotFound
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.garbage_collector import CollectionStats, GarbageCollector
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.store import open_store

ORG = "org"


class LaterClock:
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
        spec = b'{"blob":"' + named.encode() + b'"}'
        old = uow[Jobs].submit(ORG, NewJob(kind="test", spec=spec))
        uow[Jobs].request_cancel(ORG, old.job_id)
        waiting = uow[Jobs].submit(ORG, NewJob(kind="test", spec=b"{}"))
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
    with pytest.raises(NotFound):
        blobs.read(ORG, orphan)
