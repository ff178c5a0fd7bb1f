"""Evaluations: what ports.Evaluations promises."""

from __future__ import annotations

import pytest

from assay.features.evaluations.model import NewEvaluation
from assay.features.evaluations.store import Evaluations
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import AlreadyExists, NotFound
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.records import encode, replace
from tests.support.store_rows import (
    ORG,
    SPEC,
    add_evaluation,
    add_job,
    add_model,
    add_version,
    claimed,
    finish,
    result_with,
)
from tests.support.threads import together


@pytest.fixture
def pair(store):
    """A model id and the id of a version of it."""
    with store.write() as uow:
        model = add_model(uow)
        return model.model_id, add_version(uow, model.model_id).version_id


def test_revisions_count_from_one_for_each_split(store, pair):
    """The first evaluation of a version and split is revision 1, the next one 2."""
    with store.write() as uow:
        found = [add_evaluation(uow, *pair, split).revision for split in ("test", "test", "train")]
    assert found == [1, 2, 1]


def test_concurrent_evaluations_get_different_revisions(store, pair, open_another):
    """Evaluations of one version and split at the same time get revisions without a gap."""
    stores = [store, open_another()]

    def create(index: int) -> int:
        with stores[index % 2].write() as uow:
            return add_evaluation(uow, *pair).revision

    assert sorted(together(create, 8)) == list(range(1, 9))


def test_state_and_error_are_those_of_the_job(store, pair, runner):
    """An evaluation is queued, running and failed as its job is, with the job's error."""
    error = JobError(reason="BAD_PREDICTIONS", message="row 3")
    with store.write() as uow:
        made = add_evaluation(uow, *pair)
        assert made.state is JobState.QUEUED
        job = claimed(uow, runner)
        assert uow[Evaluations].get(ORG, made.evaluation_id).state is JobState.RUNNING
        uow[Jobs].end(ORG, job.job_id, job.epoch, JobState.FAILED, error=error)
        failed = uow[Evaluations].get(ORG, made.evaluation_id)
    assert failed == replace(made, state=JobState.FAILED, error=error)


def test_a_result_reads_back_as_it_was_stored(store, pair, runner):
    """A finished evaluation holds the very result that was stored, and its headline."""
    with store.write() as uow:
        done = finish(uow, runner, add_evaluation(uow, *pair), 0.5)
    assert done.result == result_with(0.5)
    assert encode(done.result) == encode(result_with(0.5))
    assert (done.state, done.is_current) == (JobState.SUCCEEDED, True)
    assert done.metrics == {"accuracy": 0.5, "f1_score": 0.1 + 0.2}


def test_the_old_revision_serves_until_the_new_one_succeeds(store, pair, runner):
    """While a newer revision waits, or when it fails, the older one is current."""
    error = JobError(reason="BAD_FILE", message="no")
    with store.write() as uow:
        assert uow[Evaluations].current(ORG, *pair, "test") is None
        first = finish(uow, runner, add_evaluation(uow, *pair), 0.5)
        add_evaluation(uow, *pair)
        assert uow[Evaluations].current(ORG, *pair, "test") == first
        job = claimed(uow, runner)
        uow[Jobs].end(ORG, job.job_id, job.epoch, JobState.FAILED, error=error)
        assert uow[Evaluations].current(ORG, *pair, "test") == first
        third = finish(uow, runner, add_evaluation(uow, *pair), 0.6)
        assert uow[Evaluations].current(ORG, *pair, "test") == third
        assert uow[Evaluations].get(ORG, first.evaluation_id).is_current is False
    assert third.revision == 3


def test_an_older_revision_that_finishes_late_does_not_serve(store, pair):
    """A revision that succeeds after a newer one did keeps its result and is not current."""
    with store.write() as uow:
        old, new = add_evaluation(uow, *pair), add_evaluation(uow, *pair)
        uow[Evaluations].finish(ORG, new.evaluation_id, result_with(0.9))
        late = uow[Evaluations].finish(ORG, old.evaluation_id, result_with(0.1))
        assert (late.is_current, late.result) == (False, result_with(0.1))
        assert uow[Evaluations].current(ORG, *pair, "test").evaluation_id == new.evaluation_id


def test_finishing_twice_with_one_result_changes_nothing(store, pair, runner, clock):
    """The same result stored once more leaves the evaluation as it was."""
    with store.write() as uow:
        done = finish(uow, runner, add_evaluation(uow, *pair), 0.5)
        clock.advance(9)
        assert uow[Evaluations].finish(ORG, done.evaluation_id, result_with(0.5)) == done


def test_serving_resolves_model_version_and_evaluation(store, pair, runner):
    """One read resolves the promoted or named version of a model and what is served of it."""
    with store.write() as uow:
        done = finish(uow, runner, add_evaluation(uow, *pair), 0.5)
        other = add_version(uow, pair[0])
        stranger = add_version(uow, add_model(uow).model_id)

        def serving(version: str | None, split: str = "test"):
            return uow[Evaluations].serving(ORG, pair[0], version, split)

        assert serving(None).version is None
        version = uow[Versions].mark_ready(ORG, *pair)
        version = uow[Versions].promote(ORG, pair[0], pair[1], promoted_by="x")
        found = serving(None)
        assert found == serving(pair[1])
        assert found.model == uow[Models].get(ORG, pair[0])
        assert (found.version, found.evaluation) == (version, done)
        assert serving(None, "train").version == version
        assert serving(None, "train").evaluation is None
        named = serving(other.version_id)
        assert (named.model, named.version) == (found.model, other)
        assert named.evaluation is None
        assert serving(stranger.version_id).version is None
        with pytest.raises(NotFound):
            uow[Evaluations].serving(ORG, "mdl-none", None, "test")


def test_splits_evaluated_are_in_the_order_of_the_splits(store, pair, runner):
    """The splits with a current evaluation are named: train, validation, test, in this order."""
    with store.write() as uow:
        assert uow[Evaluations].splits_evaluated(ORG, *pair) == ()
        for split in ("test", "train"):
            finish(uow, runner, add_evaluation(uow, *pair, split), 0.5)
        add_evaluation(uow, *pair, "validation")
        assert uow[Evaluations].splits_evaluated(ORG, *pair) == ("train", "test")


def test_listing_is_newest_first_without_results(store, pair, runner, clock):
    """Evaluations are listed newest first, by version and split, with metrics alone."""
    with store.write() as uow:
        done = finish(uow, runner, add_evaluation(uow, *pair), 0.5)
        clock.advance(1)
        train = add_evaluation(uow, *pair, "train")
        clock.advance(1)
        other = add_version(uow, pair[0]).version_id
        elsewhere = add_evaluation(uow, pair[0], other)
        slim = replace(done, result=None)
        listed = uow[Evaluations].list(ORG, pair[0], limit=2)
        rest = uow[Evaluations].list(ORG, pair[0], limit=2, after=listed.next)
        assert listed.items + rest.items == (elsewhere, train, slim)
        of_version = uow[Evaluations].list(ORG, pair[0], limit=9, version_id=pair[1])
        assert of_version.items == (train, slim)
        of_split = uow[Evaluations].list(ORG, pair[0], limit=9, dataset_split="train")
        assert of_split.items == (train,)
        with pytest.raises(NotFound):
            uow[Evaluations].list(ORG, "mdl-none", limit=1)


def test_an_evaluation_needs_its_models_version_and_a_free_id(store, pair):
    """An evaluation of an absent or another model's version, or with a taken id, is refused."""
    with store.write() as uow:
        other = add_model(uow).model_id
        job = add_job(uow)
        new = NewEvaluation(
            model_id=pair[0],
            version_id=pair[1],
            dataset_split="test",
            job_id=job.job_id,
            spec=SPEC,
            evaluation_id="e",
        )
        with pytest.raises(NotFound):
            uow[Evaluations].create(ORG, replace(new, model_id=other))
        with pytest.raises(NotFound):
            uow[Evaluations].create(ORG, replace(new, version_id="ver-none"))
        with pytest.raises(NotFound):
            uow[Evaluations].finish(ORG, "e", result_with(1.0))
        uow[Evaluations].create(ORG, new)
        with pytest.raises(AlreadyExists):
            uow[Evaluations].create(ORG, replace(new, job_id=add_job(uow).job_id))
