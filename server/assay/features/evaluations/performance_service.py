"""Stored quality numbers: which evaluation serves a request, and why none does.

Never a silent fallback: a request that cannot be served says what could be.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.features.datasets.model import check_split
from assay.features.evaluations.model import Evaluation, EvaluationResult
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import Model, TaskType, Version
from assay.features.models.versions_store import Versions, no_version
from assay.kernel.errors import (
    InvalidArgument,
    NoPromotedVersion,
    NoTrainedVersion,
    SplitNotEvaluated,
    VersionNotReady,
    WrongTaskType,
    clip,
)
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork

DEFAULT_SPLIT = "test"
AVERAGES = ("micro", "macro", "weighted")
DEFAULT_AVERAGE = "weighted"
MAX_QUICK_LABELS = 64
MAX_NAMED = 10  # versions that a refusal names


@dataclass(frozen=True, kw_only=True)
class EvaluationKey:
    """Which evaluation is asked about."""

    organization_id: str
    model_id: str
    version_id: str  # empty: the promoted one
    dataset_split: str  # empty: test


@dataclass(frozen=True, kw_only=True)
class Performance:
    """The evaluation that serves a request."""

    model: Model
    evaluation: Evaluation
    result: EvaluationResult

    @property
    def is_large(self) -> bool:
        """True when a matrix of its labels takes milliseconds to build."""
        return len(self.result.labels) > MAX_QUICK_LABELS


def check_average(sent: str) -> str:
    """Return the average asked for, the default when none is; raises InvalidArgument."""
    average = sent or DEFAULT_AVERAGE
    if average not in AVERAGES:
        raise InvalidArgument.of(
            "average", f"'{clip(average)}' was sent; {', '.join(AVERAGES)} are allowed"
        )
    return average


class PerformanceReader:
    """Reads stored evaluations; computes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, key: EvaluationKey, task: TaskType | None = None) -> Performance:
        """Return an evaluation of a model of `task` (None: of any).

        Raises:
            InvalidArgument: dataset_split is not one of the splits.
            NotFound: no such model or version.
            WrongTaskType: the model is of another task type.
            NoTrainedVersion, NoPromotedVersion, VersionNotReady: nothing can be served.
            SplitNotEvaluated: the version was not evaluated on the split.
        """
        split = check_split("dataset_split", key.dataset_split or DEFAULT_SPLIT)
        model_id, version_id = key.model_id, key.version_id
        with self._store.read() as uow:
            serving = uow[Evaluations].serving(
                key.organization_id, model_id, version_id or None, split
            )
            model, version, evaluation = serving.model, serving.version, serving.evaluation
            if version is None and version_id:
                raise no_version(model_id, version_id)
            if task is not None:
                _require(model, task)
            if version is None:
                raise _nothing_promoted(uow, model)
            if evaluation is None or evaluation.result is None:
                raise _not_evaluated(uow, version, split)
        return Performance(model=model, evaluation=evaluation, result=evaluation.result)


def _require(model: Model, task: TaskType) -> None:
    if model.task_type is not task:
        raise WrongTaskType(
            f"The model '{model.model_id}' is a {model.task_type} model; this route serves "
            f"{task} models only. See its performance summary instead.",
            metadata={"model_id": model.model_id, "task_type": model.task_type},
        )


def _nothing_promoted(uow: UnitOfWork, model: Model) -> NoTrainedVersion | NoPromotedVersion:
    ready = _ready_versions(uow, model)
    if not ready:
        return NoTrainedVersion(
            f"The model '{model.model_id}' holds no fully trained version. "
            "Evaluate a version, then promote it.",
            metadata={"model_id": model.model_id},
        )
    names = ", ".join(version.version_id for version in ready[:MAX_NAMED])
    return NoPromotedVersion(
        f"No version of the model '{model.model_id}' is promoted; ready: {names}. "
        "Promote one, or send version_id.",
        metadata={"model_id": model.model_id, "ready_versions": names},
    )


def _ready_versions(uow: UnitOfWork, model: Model) -> list[Version]:
    page = uow[Versions].list(
        model.organization_id, model.model_id, limit=MAX_NAMED, status=VersionStatus.READY
    )
    return list(page.items)


def _not_evaluated(
    uow: UnitOfWork, version: Version, split: str
) -> SplitNotEvaluated | VersionNotReady:
    stored = uow[Evaluations].splits_evaluated(
        version.organization_id, version.model_id, version.version_id
    )
    if not stored and version.status is not VersionStatus.READY:
        return VersionNotReady(
            f"The version '{version.version_id}' is {version.status} and holds no evaluation. "
            "Evaluate it first.",
            metadata={"version_id": version.version_id, "status": version.status},
        )
    names = ", ".join(stored) or "none"
    return SplitNotEvaluated(
        f"The version '{version.version_id}' has no evaluation of the split '{split}'; stored: "
        f"{names}. Ask for one of those, or evaluate the split.",
        metadata={
            "version_id": version.version_id,
            "dataset_split": split,
            "stored_splits": names,
        },
    )
