"""A feature: what one noun of the product adds to the kernel."""

from __future__ import annotations

from dataclasses import dataclass

from assay.kernel.jobs.events import Events, StatusUpdates
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.installation import Installation
from assay.kernel.storage.requests import Requests
from assay.kernel.storage.unit_of_work import SqlStore

# The stores that the kernel itself has.
KERNEL_STORES: tuple[type[SqlStore], ...] = (Installation, Requests, Jobs, Events, StatusUpdates)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One folder under features, as its `feature.py` declares it."""

    name: str  # of its folder
    stores: tuple[type[SqlStore], ...] = ()
