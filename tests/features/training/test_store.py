"""Jobs of models: what their store promises."""

from __future__ import annotations

import pytest

from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.training.model import (
    KINDS,
    Facts,
    JobType,
    ModelJob,
    NewModelJob,
    Setting,
    Split,
)
from assay.features.training.store import ModelJobs
from assay.kernel.errors import NotFound, ResourceInUse
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, VersionStatus
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace
from tests.support.store_rows import ORG, add_model

FACTS = Facts(platform_version="1", learning_version="1", train=Split(total=3), test=Split())


def add(
    uow: UnitOfWork, model_id: str, version_id: str, wanted: JobType = JobType.TRAINING
) -> ModelJob:
    """Store a job of a version, and its job in the ledger."""
    job = uow[Jobs].submit(ORG, NewJob(kind=KINDS[wanted], spec=b"{}"))
    new = NewModelJob(
        job_type=wanted,
        model_id=model_id,
        dataset_id="dst-1",
        dataset_revision=2,
        version_id=version_id,
        source_version_id=None if wanted is JobType.TRAINING else version_id,
        facts=FACTS,
        created_by="ann",
    )
    return uow[ModelJobs].create(ORG, job.job_id, new)


@pytest.fixture
def pair(store: Store) -> tuple[str, str]:
    """A model with a path, and a version of it that is in training."""
    with store.write() as uow:
        model_id = add_model(uow, project_path="a path").model_id
        new = NewVersion(status=VersionStatus.TRAINING)
        return model_id, uow[Versions].create(ORG, model_id, new).version_id


def test_a_job_has_the_state_of_its_job_and_the_path_of_its_model(store, pair, runner):
    """State, times and error are those of the ledger, and the path is the model's own."""
    with store.write() as uow:
        made = add(uow, *pair)
        assert (made.state, made.model_project_path) == (JobState.QUEUED, "a path")
        assert (made.status, made.phase, made.started_at) == ("OK", "PENDING", None)
        job = uow[Jobs].claim(runner, 60.0, list(KINDS.values()))
        assert job is not None
        uow[Jobs].end(ORG, job.job_id, job.epoch, JobState.CANCELED)
        ended = uow[ModelJobs].get(ORG, made.job_id)
    assert (ended.state, ended.status, ended.phase) == (JobState.CANCELED, "ERROR", "DONE")
    assert ended.error is not None
    assert ended.started_at is not None
    assert ended.facts == FACTS


def test_an_absent_job_is_not_found(store):
    """A job that is none of a model is absent here."""
    with store.write() as uow:
        other = uow[Jobs].submit(ORG, NewJob(kind="x", spec=b"{}"))
        for job_id in ("none", other.job_id):
            with pytest.raises(NotFound):
                uow[ModelJobs].get(ORG, job_id)


def test_jobs_are_listed_newest_first(store, pair, clock):
    """A listing is of one model and one type where these are given, and goes on after a cursor."""
    with store.write() as uow:
        made = []
        for wanted in (JobType.TRAINING, JobType.EVALUATION):
            made.append(add(uow, *pair, wanted))
            clock.advance(1)
        another = add_model(uow).model_id
        add(uow, another, "v")
    with store.read() as uow:
        page = uow[ModelJobs].list(ORG, limit=1, model_id=pair[0])
        assert [one.job_id for one in page.items] == [made[1].job_id]
        rest = uow[ModelJobs].list(ORG, limit=1, model_id=pair[0], after=page.next)
        assert [one.job_id for one in rest.items] == [made[0].job_id]
        assert rest.next is None
        listed = uow[ModelJobs].list(ORG, limit=9, job_type=JobType.EVALUATION)
        assert [one.job_id for one in listed.items] == [made[1].job_id]


def test_facts_are_replaced(store, pair):
    """What became known of a job is told from then on."""
    known = replace(FACTS, settings=(Setting(name="seed", value=[1, {"a": None}]),))
    with store.write() as uow:
        made = add(uow, *pair)
        uow[ModelJobs].set_facts(ORG, made.job_id, known)
        assert uow[ModelJobs].get(ORG, made.job_id).facts == known


def test_a_version_stays_while_its_job_runs(store, pair):
    """Neither version nor model is deleted while a job of it has not ended."""
    with store.write() as uow:
        made = add(uow, *pair)
    with store.write() as uow, pytest.raises(ResourceInUse, match=made.job_id):
        uow[Versions].delete(ORG, *pair)
    with store.write() as uow, pytest.raises(ResourceInUse, match=made.job_id):
        uow[Models].delete(ORG, pair[0])
    with store.write() as uow:
        uow[Jobs].request_cancel(ORG, made.job_id)
    with store.write() as uow:
        uow[Versions].delete(ORG, *pair)
        uow[Models].delete(ORG, pair[0])
        with pytest.raises(NotFound):
            uow[ModelJobs].get(ORG, made.job_id)


def test_a_cancel_before_the_job_runs_fails_its_version(store, pair):
    """A version whose training never ran is failed; one that was to be evaluated is left alone."""
    with store.write() as uow:
        for wanted, status in (
            (JobType.EVALUATION, VersionStatus.TRAINING),
            (JobType.TRAINING, VersionStatus.FAILED),
        ):
            uow[Jobs].request_cancel(ORG, add(uow, *pair, wanted).job_id)
            assert uow[Versions].get(ORG, *pair).status is status
