"""Engines: how many are asked for, and what they do."""

from __future__ import annotations

from datetime import timedelta

from assay.features.artifacts.model import ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.card import StoredCard
from assay.features.catalogue.engine import EngineCounts, WantedEngines
from assay.features.catalogue.engine_keeper import SILENT_SECONDS
from assay.features.catalogue.engines_store import Engines
from assay.features.models.model import Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import FailedPrecondition, InvalidArgument, NotFound, VersionNotReady
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.kernel import Kernel, Limits
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, replace

MINIMUM, MAXIMUM = "minimumParallelCapacity", "maximumParallelCapacity"


class VersionEngines(Record):
    """The engines of a version."""

    model_id: str
    model_name: str
    version: str  # as the catalogue shows it
    version_id: str
    minimum: int
    counts: EngineCounts


class EngineReader:
    """The engines of an organization."""

    def __init__(self, kernel: Kernel) -> None:
        self._store, self._clock = kernel.store, kernel.clock

    def list(self, organization_id: str) -> list[VersionEngines]:
        """Return the engines of each version that has some or is to have some."""
        alive = self._clock.now() - timedelta(seconds=SILENT_SECONDS)
        with self._store.read() as uow:
            counts: dict[tuple[str, ...], EngineCounts] = {}
            for host in uow[Engines].hosts_of(organization_id):
                if host.updated_at >= alive:
                    counts[host.key] = counts.get(host.key, EngineCounts()) + host.counts
            wanted = {
                one.key: one
                for one in uow[Engines].wanted()
                if one.organization_id == organization_id
            }
            keys = list(dict.fromkeys([*wanted, *counts]))
            return [
                found
                for key in keys
                if (found := _engines(uow, key, wanted.get(key), counts.get(key)))
            ]

    def minimum_sum(self, organization_id: str) -> int:
        """Return how many engines are to be kept for the organization."""
        with self._store.read() as uow:
            wanted = uow[Engines].wanted()
        return sum(one.minimum for one in wanted if one.organization_id == organization_id)


def changed_engines(
    uow: UnitOfWork,
    version: Version,
    card: StoredCard,
    *,
    minimum: int | None,
    maximum: int | None,
    limits: Limits,
) -> StoredCard:
    """Return the card of a version with other numbers of engines.

    Raises:
        InvalidArgument: the minimum is above the maximum, or cannot be reached.
        VersionNotReady: engines are asked for, and the version is not ready.
        FailedPrecondition: it runs nothing here, or too many are kept for others.
    """
    least = card.minimum_engines if minimum is None else minimum
    most = card.maximum_engines if maximum is None else maximum
    if most is not None and least > most:
        raise InvalidArgument.of(MINIMUM, f"{least} is more than the {MAXIMUM}, which is {most}")
    if least > limits.max_engines:
        raise InvalidArgument.of(
            MINIMUM,
            f"{least} cannot be reached: at most {limits.max_engines} engines are kept, as "
            "ASSAY_MAX_ENGINES says",
        )
    if least > 0:
        _check_can_run(uow, version)
        free = limits.max_engines - uow[Engines].total() + card.minimum_engines
        if least > free:
            raise FailedPrecondition(
                f"{MINIMUM} {least} cannot be reached: {max(0, free)} of {limits.max_engines} "
                "engines are free. Lower that of other versions first.",
                metadata={"free": max(0, free), "limit": limits.max_engines},
            )
    return replace(card, minimum_engines=least, maximum_engines=most)


def maximum_of(card: StoredCard, limits: Limits) -> int:
    """Return how many engines may work on a version: its own, or those that serve everybody."""
    if card.maximum_engines is not None:
        return card.maximum_engines
    return max(card.minimum_engines, limits.worker_count)


def _check_can_run(uow: UnitOfWork, version: Version) -> None:
    if version.status is not VersionStatus.READY:
        raise VersionNotReady(
            f"The version '{version.version_id}' is {version.status}; engines are kept for ready "
            "versions only.",
            metadata={"version_id": version.version_id, "status": version.status},
        )
    key = version.organization_id, version.model_id, version.version_id
    found = uow[VersionArtifacts].find(*key)
    if found is None or found.artifact.kind is ArtifactKind.REMOTE:
        where = "runs nothing here" if found is None else "is served elsewhere"
        raise FailedPrecondition(
            f"The version '{version.version_id}' {where}, so that no engine can be kept for it.",
            metadata={"version_id": version.version_id},
        )


def _engines(
    uow: UnitOfWork,
    key: tuple[str, ...],
    wanted: WantedEngines | None,
    counts: EngineCounts | None,
) -> VersionEngines | None:
    organization_id, model_id, version_id = key
    try:
        known = uow[Models].get(organization_id, model_id)
        version = uow[Versions].get(organization_id, model_id, version_id)
    except NotFound:
        return None  # deleted meanwhile: its last processes end
    return VersionEngines(
        model_id=model_id,
        model_name=known.name,
        version=version.shown,
        version_id=version_id,
        minimum=0 if wanted is None else wanted.minimum,
        counts=counts or EngineCounts(),
    )
