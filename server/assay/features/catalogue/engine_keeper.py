"""The keeper of engines, beside each runner: keeps the processes that are wanted, and counts them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Mapping
from datetime import timedelta

from assay.features.catalogue.engine import EngineCounts, EngineHost, WantedEngines, share, warming
from assay.features.catalogue.engines_store import Engines
from assay.kernel.errors import Unavailable
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.executors.reserved_pools import Reservation, ReservedCounts
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.kernel import RunnerParts
from assay.records import replace

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25  # how soon a change of what is wanted, or of a process, is noticed
LOOK_SECONDS = 1.0  # how soon another runner's end is noticed
TELL_SECONDS = 2.0  # how often a runner says that it still keeps what it keeps
SILENT_SECONDS = 10.0  # after which a runner that says nothing keeps nothing


class EngineKeeper:
    """Keeps this runner's share of the engines of all versions, on a thread of its own."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._store, self._clock = parts.store, parts.clock
        self._host = parts.ids.new_uuid()
        self._told: dict[tuple[str, ...], EngineHost] = {}  # what this runner keeps
        self._written: dict[tuple[str, ...], tuple[int, EngineCounts]] = {}
        self._told_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-engines", daemon=True)

    def start(self) -> None:
        """Begin to keep."""
        self._thread.start()

    def stop(self) -> None:
        """End every engine after its current task."""
        self._stopping.set()
        self._thread.join()
        self._parts.reserved.keep({})
        try:
            with self._store.write() as uow:
                for host in self._told.values():
                    uow[Engines].remove(host)
        except Unavailable:
            log.info("the store cannot be told that engines end")

    def _run(self) -> None:
        seen: Hashable = None
        looked = 0.0
        while not self._stopping.wait(TICK_SECONDS):
            try:
                token, now = self._store.changes.token(), self._clock.monotonic()
                if token != seen or now - looked >= LOOK_SECONDS:
                    seen, looked = token, now
                    self._keep()
                self._tell()
            except Unavailable as error:
                log.warning("engines could not be looked after; tried again: %s", error)
            except Exception:
                log.exception("engines could not be looked after; tried again")

    def _keep(self) -> None:
        """Keep the share of this runner of all that is wanted."""
        with self._store.read() as uow:
            wanted = uow[Engines].wanted()
            hosts = uow[Engines].hosts() if wanted else []
        alive = self._clock.now() - timedelta(seconds=SILENT_SECONDS)
        others = [one for one in hosts if one.host != self._host and one.updated_at >= alive]
        free = self._parts.limits.max_engines
        shares: dict[tuple[str, ...], tuple[WantedEngines, int]] = {}
        for one in wanted:
            target = share(one.minimum, self._before(one, others), free)
            if target:
                free -= target
                shares[one.key] = (one, target)
        self._parts.reserved.keep(
            {key: self._reservation(one, target) for key, (one, target) in shares.items()}
        )
        self._note(shares)

    def _before(self, wanted: WantedEngines, others: list[EngineHost]) -> list[EngineHost]:
        """Return who keeps engines of a version and began to before this runner."""
        mine = self._told.get(wanted.key)
        return [
            one
            for one in others
            if one.key == wanted.key
            and (mine is None or (one.since, one.host) < (mine.since, mine.host))
        ]

    def _reservation(self, wanted: WantedEngines, target: int) -> Reservation:
        blobs = JobBlobs(self._parts.blobs, wanted.organization_id)
        context = ComputeContext(blobs=blobs, settings=self._parts.settings)
        limits = self._parts.limits
        most = limits.worker_count if wanted.maximum is None else wanted.maximum
        most = min(most - wanted.minimum + target, limits.max_engines)
        return Reservation(
            least=target, most=max(target, most), warm=warming(context, wanted.artifact)
        )

    def _note(self, shares: Mapping[tuple[str, ...], tuple[WantedEngines, int]]) -> None:
        """Remember what is kept from now on; what no longer is ends with its last process."""
        now = self._clock.now()
        for key, (wanted, target) in shares.items():
            told = self._told.get(key) or EngineHost(
                organization_id=wanted.organization_id,
                model_id=wanted.model_id,
                version_id=wanted.version_id,
                host=self._host,
                since=now,
                target=target,
                counts=EngineCounts(),
                updated_at=now,
            )
            self._told[key] = replace(told, target=target)
        for key in set(self._told) - set(shares):
            self._told[key] = replace(self._told[key], target=0)

    def _tell(self) -> None:
        """Store what the processes do now, where that changed or is due."""
        found = self._parts.reserved.counts()
        now, monotonic = self._clock.now(), self._clock.monotonic()
        is_due = monotonic - self._told_at >= TELL_SECONDS
        self._told = {
            key: replace(host, counts=_counts(found.get(key)), updated_at=now)
            for key, host in self._told.items()
        }
        gone = [host for key, host in self._told.items() if not host.target and key not in found]
        kept = [host for host in self._told.values() if host not in gone]
        states = {host.key: (host.target, host.counts) for host in kept}
        if states == self._written and not gone and not (kept and is_due):
            return
        with self._store.write() as uow:
            for host in kept:
                uow[Engines].put(host)
            for host in gone:
                uow[Engines].remove(host)
            uow[Engines].remove_old(now - timedelta(minutes=1))
        for host in gone:
            del self._told[host.key]
        self._written, self._told_at = states, monotonic


def _counts(found: ReservedCounts | None) -> EngineCounts:
    if found is None:
        return EngineCounts()
    return EngineCounts(
        ready=found.pool.ready,
        running=found.pool.running,
        queued=found.pool.queued,
        failed=found.pool.failed,
        spinning_up=found.pool.starting,
        spinning_down=found.stopping,
    )
