"""Engines: processes that are kept for one version, with what it runs loaded."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from datetime import datetime

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.predictors import open_predictor
from assay.kernel.jobs.kind import ComputeContext
from assay.records import Record


class EngineCounts(Record):
    """What the engines of a version do at one moment."""

    ready: int = 0  # that have loaded what it runs, idle or not
    running: int = 0  # that work
    queued: int = 0  # tasks that wait for one
    failed: int = 0  # starts in a row that failed
    spinning_up: int = 0
    spinning_down: int = 0

    def __add__(self, other: EngineCounts) -> EngineCounts:
        return EngineCounts(
            ready=self.ready + other.ready,
            running=self.running + other.running,
            queued=self.queued + other.queued,
            failed=self.failed + other.failed,
            spinning_up=self.spinning_up + other.spinning_up,
            spinning_down=self.spinning_down + other.spinning_down,
        )


class WantedEngines(Record):
    """The engines that are to be kept for a version."""

    organization_id: str
    model_id: str
    version_id: str
    minimum: int
    maximum: int | None  # None: nothing was said
    artifact: Artifact

    @property
    def key(self) -> tuple[str, ...]:
        """Under which a runner keeps them."""
        return engine_key(self.organization_id, self.model_id, self.version_id)


class EngineHost(Record):
    """The engines that one runner keeps for a version."""

    organization_id: str
    model_id: str
    version_id: str
    host: str  # the runner
    since: datetime  # when it began; who began first keeps engines first
    target: int  # how many it keeps
    counts: EngineCounts
    updated_at: datetime  # when it last told so

    @property
    def key(self) -> tuple[str, ...]:
        """Under which it keeps them."""
        return engine_key(self.organization_id, self.model_id, self.version_id)


def engine_key(organization_id: str, model_id: str, version_id: str) -> tuple[str, ...]:
    """Return the key of the engines of a version."""
    return organization_id, model_id, version_id


def warming(context: ComputeContext, artifact: Artifact) -> bytes:
    """Return the call by which a new process loads what a version runs."""
    return pickle.dumps((_load, context, artifact))


def _load(context: ComputeContext, artifact: Artifact) -> None:
    open_predictor(artifact, context)


def share(minimum: int, before: Iterable[EngineHost], free: int) -> int:
    """Return how many engines a runner keeps of those that none before it does."""
    return max(0, min(free, minimum - sum(one.target for one in before)))
