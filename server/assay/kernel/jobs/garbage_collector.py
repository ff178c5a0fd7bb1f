"""Garbage collection: event logs, answered requests and blobs that nobody will ask for again.

Logs of jobs that ended long ago are trimmed, answered requests are forgotten, and blobs that no
row names are deleted after a day. Any number of collectors may run; each step is safe to repeat.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

from assay.kernel.clock import Clock
from assay.kernel.jobs.events import Events
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.store import Store

log = logging.getLogger(__name__)

ROUND_SECONDS = 3600.0
REQUEST_AGE = timedelta(days=7)  # how long a repeated request finds its first answer
TRIM_JOBS = 100  # logs trimmed in one commit, so that writers wait but a moment


@dataclass(frozen=True, kw_only=True)
class CollectionStats:
    """What one round forgot."""

    logs: int  # jobs whose events were trimmed
    requests: int
    blobs: int


class GarbageCollector:
    """One round at the start and one each hour, on a thread of its own."""

    def __init__(
        self, store: Store, blobs: BlobStore, *, clock: Clock, event_age: timedelta
    ) -> None:
        self._store, self._blobs = store, blobs
        self._clock, self._event_age = clock, event_age
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name="assay-collector", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stopping.set()
        self._thread.join()

    def collect(self) -> CollectionStats:
        """Do one round and return what it forgot."""
        now = self._clock.now()
        logs = trimmed = self._trim_logs()
        while trimmed == TRIM_JOBS and not self._stopping.is_set():
            trimmed = self._trim_logs()
            logs += trimmed
        with self._store.write() as uow:
            requests = uow[Requests].trim(now - REQUEST_AGE)
        with self._store.read() as uow:
            referenced = uow[BlobReferences].every()
        return CollectionStats(
            logs=logs, requests=requests, blobs=self._blobs.collect(referenced, now)
        )

    def _trim_logs(self) -> int:
        with self._store.write() as uow:
            return uow[Events].trim(self._clock.now() - self._event_age, limit=TRIM_JOBS)

    def _rounds(self) -> None:
        while True:
            try:
                stats = self.collect()
                if stats != CollectionStats(logs=0, requests=0, blobs=0):
                    log.info("collected %s", stats)
            except Exception:
                log.exception("garbage collection could not finish its round; it tries again")
            if self._stopping.wait(ROUND_SECONDS):
                return
