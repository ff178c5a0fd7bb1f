"""Comparisons of two versions on the same rows: asked for, made by a job, read back."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.features.comparisons.model import (
    COMPARISON_KIND,
    DIFFERENT_SPECS,
    ComparisonJob,
    PairedTests,
    Side,
    comparison_job_id,
)
from assay.features.evaluations.model import Evaluation
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import Version
from assay.features.models.versions_store import Versions
from assay.kernel.errors import FailedPrecondition, NotFound, SplitNotEvaluated
from assay.kernel.jobs.job import Job, NewJob, TaskRole
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode, encode

SPLIT = "test"  # the split that versions are compared by


@dataclass(frozen=True, kw_only=True)
class Paired:
    """How far the paired tests of two versions are."""

    job: Job | None = None  # None: nobody asked for them
    tests: PairedTests | None = None  # None: not made, or not yet
    reason: str | None = None  # why there can be none


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions of one model and how they differ."""

    version_a: Version  # the base
    version_b: Version  # what is compared with it
    metric_deltas: Mapping[str, float]  # b - a, for each metric that both have
    config_diff: Mapping[str, tuple[Any, Any]]  # setting → (in a, in b), where they differ
    comparable: bool  # False: measured by different metric definitions
    paired: Paired  # tests of the two on the same rows


class Comparisons:
    """Comparisons of two versions of one model, and their paired tests."""

    def __init__(self, store: Store, *, max_attempts: int = 3) -> None:
        self._store = store
        self._max_attempts = max_attempts

    def start(
        self,
        organization_id: str,
        model_id: str,
        version_a: str,
        version_b: str,
        *,
        created_by: str,
    ) -> Job:
        """Have two versions tested on their newest test evaluations.

        A repeat is the same job, unless that ended without a result: then it is a new one.

        Raises:
            NotFound: the model or a version is absent.
            SplitNotEvaluated: a version has no evaluation of the test split.
            FailedPrecondition: the two were measured by different metric definitions.
        """
        with self._store.write() as uow:
            versions = _versions(uow, organization_id, model_id, version_a, version_b)
            a, b = (_evaluated(uow, version) for version in versions)
            if not _alike(a, b):
                raise FailedPrecondition(
                    f"The versions '{version_a}' and '{version_b}' were measured by different "
                    "metric definitions, so that they cannot be compared. Evaluate one of them "
                    "again with the labels and columns of the other.",
                    metadata={"version_a": version_a, "version_b": version_b},
                )
            newest, attempt = _newest(uow, a, b)
            if newest is not None and not _is_lost(newest):
                return newest
            job_id = comparison_job_id(a.evaluation_id, b.evaluation_id, attempt)
            asked = _asked(uow, a, b)
            return uow[Jobs].submit(
                organization_id,
                NewJob(
                    kind=COMPARISON_KIND,
                    spec=encode(asked),
                    blobs=(*asked.a.blobs, *asked.b.blobs),
                    job_id=job_id,
                    request_id=f"{COMPARISON_KIND}/{job_id}",
                    max_attempts=self._max_attempts,
                    created_by=created_by,
                ),
            )

    def compare(
        self, organization_id: str, model_id: str, version_a: str, version_b: str
    ) -> Comparison:
        """Compare two versions by their newest test evaluations and their settings.

        Raises:
            NotFound: the model or a version is absent.
        """
        with self._store.read() as uow:
            a, b = _versions(uow, organization_id, model_id, version_a, version_b)
            tests = _paired(uow, a, b)
        return Comparison(
            version_a=a,
            version_b=b,
            metric_deltas={
                name: b.metrics[name] - value
                for name, value in a.metrics.items()
                if name in b.metrics
            },
            config_diff=_differences(a.hyperparameters, b.hyperparameters),
            comparable=tests.reason != DIFFERENT_SPECS,
            paired=tests,
        )


def _versions(
    uow: UnitOfWork, organization_id: str, model_id: str, *version_ids: str
) -> list[Version]:
    return [uow[Versions].get(organization_id, model_id, one) for one in version_ids]


def _paired(uow: UnitOfWork, a: Version, b: Version) -> Paired:
    """Return the paired tests of the newest test evaluations of two versions."""
    first, second = (_current(uow, version) for version in (a, b))
    if first is None or second is None:
        return Paired(reason="SPLIT_NOT_EVALUATED")
    if not _alike(first, second):
        return Paired(reason=DIFFERENT_SPECS)
    job, _ = _newest(uow, first, second)
    if job is None:
        return Paired()
    if job.state is not JobState.SUCCEEDED or job.result is None:
        return Paired(job=job)
    tests = decode(PairedTests, job.result)
    return Paired(job=job, tests=tests, reason=tests.reason)


def _newest(uow: UnitOfWork, a: Evaluation, b: Evaluation) -> tuple[Job | None, int]:
    """Return the last job that compares two evaluations, and how many of them were lost."""
    job: Job | None = None
    for attempt in itertools.count():
        job_id = comparison_job_id(a.evaluation_id, b.evaluation_id, attempt)
        try:
            job = uow[Jobs].get(a.organization_id, job_id)
        except NotFound:
            return job, attempt
        if not _is_lost(job):
            return job, attempt
    raise AssertionError("the count has no end")


def _is_lost(job: Job) -> bool:
    """Whether a job ended without a result."""
    return is_terminal(job.state) and job.state is not JobState.SUCCEEDED


def _current(uow: UnitOfWork, version: Version) -> Evaluation | None:
    return uow[Evaluations].current(
        version.organization_id, version.model_id, version.version_id, SPLIT
    )


def _evaluated(uow: UnitOfWork, version: Version) -> Evaluation:
    evaluation = _current(uow, version)
    if evaluation is None:
        raise SplitNotEvaluated(
            f"The version '{version.version_id}' has no evaluation of the split '{SPLIT}'. "
            "Evaluate it first.",
            metadata={"version_id": version.version_id, "dataset_split": SPLIT},
        )
    return evaluation


def _alike(a: Evaluation, b: Evaluation) -> bool:
    """Whether two evaluations were measured by one metric definition."""
    assert a.result is not None  # current evaluations have one
    assert b.result is not None
    return a.result.spec_hash == b.result.spec_hash


def _asked(uow: UnitOfWork, a: Evaluation, b: Evaluation) -> ComparisonJob:
    assert a.result is not None  # current evaluations have one
    return ComparisonJob(
        a=_side(uow, a),
        b=_side(uow, b),
        spec=a.spec,
        labels=a.result.labels,
        positive_label=a.result.positive_label,
    )


def _side(uow: UnitOfWork, evaluation: Evaluation) -> Side:
    records = uow[Jobs].tasks(evaluation.organization_id, evaluation.job_id)
    # In the order of their keys, which is that of their rows.
    batches = [one for one in records if one.role is TaskRole.BATCH and one.blob is not None]
    return Side(
        evaluation_id=evaluation.evaluation_id,
        blobs=tuple(one.blob or "" for one in batches),
        rows=tuple(one.rows or 0 for one in batches),
    )


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (a.get(name), b.get(name))
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name) or (name in a) != (name in b)
    }
