"""A feature: what one noun of the product adds to the kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from assay.kernel.identity import ApiKey
from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.kind import JobKind, register_kinds
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.kernel import Companion, Kernel, RunnerParts
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.installation import Installation
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.tables import Tables
from assay.kernel.storage.unit_of_work import Hook, SqlStore
from assay.kernel.storage.usage import Usages

# The stores that the kernel itself has.
KERNEL_STORES: tuple[type[SqlStore], ...] = (
    Installation,
    Requests,
    BlobReferences,
    Usages,
    Jobs,
    Events,
    StatusUpdates,
)

FindKey = Callable[[str], Awaitable[ApiKey | None]]


def _no_services(_kernel: Kernel) -> Iterable[object]:
    return ()


def _no_companions(_parts: RunnerParts) -> Iterable[Companion]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One folder under features, as its `feature.py` declares it."""

    name: str  # of its folder
    tables: Tables = ()  # parts of the one MetaData
    stores: tuple[type[SqlStore], ...] = ()
    hooks: tuple[Hook, ...] = ()  # answers to what earlier features ask
    kinds: tuple[JobKind[Any, Any], ...] = ()  # of job, as runners know them
    # Makes its gRPC handlers: one instance a service, of the class named as the service.
    services: Callable[[Kernel], Iterable[object]] = _no_services
    # Makes what runs beside each runner.
    companions: Callable[[RunnerParts], Iterable[Companion]] = _no_companions
    # Modules that a compute child imports before its first task, beside those of the kinds.
    preload: tuple[str, ...] = ()
    # Finds an API key by its prefix; of the one feature that keeps keys.
    find_key: Callable[[Kernel], FindKey] | None = None


def hooks_of(features: Iterable[Feature]) -> tuple[Hook, ...]:
    """Return the hooks of these features in their order."""
    return tuple(hook for feature in features for hook in feature.hooks)


def kinds_of(features: Iterable[Feature]) -> dict[str, JobKind[Any, Any]]:
    """Return the kinds of job of these features by name."""
    return register_kinds(kind for feature in features for kind in feature.kinds)


def preload_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return the modules that a compute child of these features imports beforehand."""
    kinds = (type(kind).__module__ for feature in features for kind in feature.kinds)
    return (*kinds, *(name for feature in features for name in feature.preload))
