"""Versions: what ports.Versions promises."""

from __future__ import annotations

import pytest

from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import (
    AlreadyExists,
    FailedPrecondition,
    NotFound,
    VersionNotReady,
)
from assay.kernel.jobs.states import ModelStatus, VersionStatus, model_status
from assay.kernel.storage.keyset import PAGE_BYTES
from assay.records import replace
from tests.support.store_rows import (
    ORG,
    OTHER,
    add_evaluation,
    add_model,
    add_ready_version,
    add_version,
    finish,
)
from tests.support.threads import together


@pytest.fixture
def model(store):
    with store.write() as uow:
        return add_model(uow)


def test_versions_are_numbered_from_one(store, model):
    """The first version of a model is number 1, and each next one is one more."""
    with store.write() as uow:
        numbers = [add_version(uow, model.model_id).version_number for _ in range(3)]
        other = add_model(uow)
        assert add_version(uow, other.model_id).version_number == 1
    assert numbers == [1, 2, 3]


def test_a_version_is_stored_as_it_was_given(store, model):
    """A created version reads back with every field that was given."""
    new = NewVersion(
        version_id="v-1",
        label="2.1.0",
        status=VersionStatus.TRAINING,
        algorithm="random_forest",
        hyperparameters={"n_estimators": 10, "nested": {"a": [1, None]}},
        created_by="ci",
    )
    with store.write() as uow:
        made = uow[Versions].create(ORG, model.model_id, new)
    with store.read() as uow:
        assert uow[Versions].get(ORG, model.model_id, "v-1") == made
    assert (made.label, made.status, made.algorithm) == ("2.1.0", new.status, "random_forest")
    assert made.hyperparameters == new.hyperparameters
    assert (made.is_promoted, made.trained_at, made.metrics) == (False, None, {})


def test_numbers_have_no_gap_under_concurrent_writers(store, model, open_another):
    """Writers at the same time get the numbers 1, 2, 3, … without a gap or a repeat."""
    stores = [store, open_another()]

    def create(index: int) -> int:
        with stores[index % 2].write() as uow:
            return add_version(uow, model.model_id).version_number

    assert sorted(together(create, 12)) == list(range(1, 13))


def test_a_refused_version_leaves_no_gap(store, model):
    """A version id can be had once, and a refused creation uses up no number."""
    with store.write() as uow:
        uow[Versions].create(ORG, model.model_id, NewVersion(version_id="v"))
    with pytest.raises(AlreadyExists), store.write() as uow:
        uow[Versions].create(ORG, model.model_id, NewVersion(version_id="v"))
    with store.write() as uow:
        assert add_version(uow, model.model_id).version_number == 2


def test_a_version_of_an_absent_model_is_refused(store):
    """A version cannot be created, listed or promoted for a model that does not exist."""
    with store.write() as uow:
        for refused in (
            lambda: add_version(uow, "mdl-none"),
            lambda: uow[Versions].list(ORG, "mdl-none", limit=1),
            lambda: uow[Versions].promote(ORG, "mdl-none", "v", promoted_by="x"),
        ):
            with pytest.raises(NotFound):
                refused()


def test_two_models_may_have_versions_of_one_id(store, model):
    """A version id is free in every other model, and each model's version stands by itself."""
    new = NewVersion(version_id="v1")
    with store.write() as uow:
        other = add_model(uow)
        first = uow[Versions].create(ORG, model.model_id, new)
        second = uow[Versions].create(ORG, other.model_id, replace(new, label="other"))
        uow[Versions].mark_ready(ORG, other.model_id, "v1")
        promoted = uow[Versions].promote(ORG, other.model_id, "v1", promoted_by="x")
        uow[Versions].set_metrics(ORG, other.model_id, "v1", {"accuracy": 1.0})
        assert uow[Versions].get(ORG, model.model_id, "v1") == first
        assert (first.label, second.label, promoted.is_promoted) == (None, "other", True)
        assert uow[Versions].get(ORG, other.model_id, "v1").metrics == {"accuracy": 1.0}


def test_a_version_keeps_what_it_was_trained_with_in_the_end(store, model):
    """Hyperparameters are replaced by those that a search chose; an absent version is refused."""
    with store.write() as uow:
        made = add_version(uow, model.model_id)
        key = {"model_id": model.model_id, "version_id": made.version_id}
        uow[Versions].set_hyperparameters(ORG, **key, values={"seed": 3})
        assert uow[Versions].get(ORG, **key) == replace(made, hyperparameters={"seed": 3})
        with pytest.raises(NotFound):
            uow[Versions].set_hyperparameters(ORG, model.model_id, "none", {})


def test_a_version_of_another_model_is_not_this_models(store, model):
    """A version asked for under another model is refused with that model's name."""
    with store.write() as uow:
        version_id = add_version(uow, add_model(uow).model_id).version_id
        said = f"The model '{model.model_id}' has no version '{version_id}'."
        for refused in (
            lambda: uow[Versions].get(ORG, model.model_id, version_id),
            lambda: uow[Versions].promote(ORG, model.model_id, version_id, promoted_by="x"),
        ):
            with pytest.raises(NotFound, match=f"^{said}$"):
                refused()


def test_listing_goes_by_falling_number(store, model):
    """Versions are listed newest number first, page by page, and may be of one status."""
    with store.write() as uow:
        made = [add_version(uow, model.model_id) for _ in range(5)]
        ready = uow[Versions].mark_ready(ORG, model.model_id, made[1].version_id)
        pages, after = [], None
        while True:
            page = uow[Versions].list(ORG, model.model_id, limit=2, after=after)
            pages.append([version.version_number for version in page.items])
            after = page.next
            if after is None:
                break
        only = uow[Versions].list(ORG, model.model_id, limit=9, status=VersionStatus.READY)
    assert pages == [[5, 4], [3, 2], [1]]
    assert only.items == (ready,)


def test_counts_tell_the_status_of_models(store, model):
    """Counts by status come for many models at once, and the model's status follows."""
    with store.write() as uow:
        second, third = add_model(uow), add_model(uow)
        add_ready_version(uow, model.model_id)
        add_version(uow, model.model_id)
        training = NewVersion(status=VersionStatus.TRAINING)
        add_ready_version(uow, second.model_id)
        uow[Versions].create(ORG, second.model_id, training)
        ids = [model.model_id, second.model_id, third.model_id]
        counts = uow[Versions].counts(ORG, ids)
        assert uow[Versions].counts(OTHER, ids[:1]) == {ids[0]: {}}
    assert counts[ids[0]] == {VersionStatus.READY: 1, VersionStatus.DRAFT: 1}
    assert [model_status(counts[one]) for one in ids] == [
        ModelStatus.READY,
        ModelStatus.TRAINING,
        ModelStatus.DRAFT,
    ]


def test_marking_follows_the_table_of_statuses(store, model, clock):
    """A version becomes ready from any status, sets its time once, and then stays ready."""
    with store.write() as uow:
        one = (model.model_id, add_version(uow, model.model_id).version_id)
        assert uow[Versions].mark_training(ORG, *one).status is VersionStatus.TRAINING
        assert uow[Versions].mark_failed(ORG, *one).status is VersionStatus.FAILED
        assert uow[Versions].mark_training(ORG, *one).status is VersionStatus.TRAINING
        ready = uow[Versions].mark_ready(ORG, *one)
        assert (ready.status, ready.trained_at) == (VersionStatus.READY, clock.now())
        clock.advance(9)
        assert uow[Versions].mark_ready(ORG, *one) == ready
        for refused in (uow[Versions].mark_failed, uow[Versions].mark_training):
            with pytest.raises(FailedPrecondition):
                refused(ORG, *one)


def test_promote_demotes_the_former(store, model, clock):
    """Promoting a ready version demotes the former one and says who did it and when."""
    with store.write() as uow:
        first = add_ready_version(uow, model.model_id)
        second = add_ready_version(uow, model.model_id)
        uow[Versions].promote(ORG, model.model_id, first.version_id, promoted_by="ann")
        clock.advance(1)
        promoted = uow[Versions].promote(ORG, model.model_id, second.version_id, promoted_by="bob")
        assert promoted == replace(
            second, is_promoted=True, promoted_by="bob", promoted_at=clock.now()
        )
        assert uow[Versions].get(ORG, model.model_id, first.version_id).is_promoted is False
        assert uow[Models].get(ORG, model.model_id).promoted_version_id == second.version_id
        clock.advance(1)
        again = uow[Versions].promote(ORG, model.model_id, second.version_id, promoted_by="eve")
        assert again == promoted


def test_only_a_ready_version_is_promoted(store, model):
    """A draft version is refused with its status, and the promoted one stays."""
    with store.write() as uow:
        ready = add_ready_version(uow, model.model_id)
        draft = add_version(uow, model.model_id)
        uow[Versions].promote(ORG, model.model_id, ready.version_id, promoted_by="x")
    with pytest.raises(VersionNotReady, match="draft"), store.write() as uow:
        uow[Versions].promote(ORG, model.model_id, draft.version_id, promoted_by="x")
    with store.read() as uow:
        assert uow[Models].get(ORG, model.model_id).promoted_version_id == ready.version_id


def test_concurrent_promotes_leave_exactly_one(store, model, open_another):
    """Of promotions at the same time exactly one version is left promoted."""
    stores = [store, open_another()]
    with store.write() as uow:
        ids = [add_ready_version(uow, model.model_id).version_id for _ in range(6)]

    def promote(index: int) -> None:
        with stores[index % 2].write() as uow:
            uow[Versions].promote(ORG, model.model_id, ids[index], promoted_by=str(index))

    together(promote, len(ids))
    with store.read() as uow:
        page = uow[Versions].list(ORG, model.model_id, limit=10)
        promoted = [version.version_id for version in page.items if version.is_promoted]
        assert promoted == [uow[Models].get(ORG, model.model_id).promoted_version_id]


def test_a_version_shows_the_metrics_of_its_current_test_evaluation(store, model, runner):
    """A version carries the headline of its newest finished test evaluation, and no other's."""
    with store.write() as uow:
        version = add_version(uow, model.model_id)
        for split, accuracy in (("train", 0.9), ("test", 0.7), ("test", 0.8)):
            evaluation = add_evaluation(uow, model.model_id, version.version_id, split)
            finish(uow, runner, evaluation, accuracy)
        add_evaluation(uow, model.model_id, version.version_id)
        assert uow[Versions].get(ORG, model.model_id, version.version_id).metrics["accuracy"] == 0.8


def test_a_page_of_large_settings_is_shorter_and_leads_on(store, model):
    """Versions whose settings are over the bytes of a page come in several, the newest first."""
    settings = {"table": "x" * 60_000}
    with store.write() as uow:
        for _ in range(40):
            new = NewVersion(hyperparameters=settings)
            uow[Versions].create(ORG, model.model_id, new)
    with store.read() as uow:
        first = uow[Versions].list(ORG, model.model_id, limit=500)
        rest = uow[Versions].list(ORG, model.model_id, limit=500, after=first.next)
    assert len(first.items) == PAGE_BYTES // 60_012
    numbers = [one.version_number for one in (*first.items, *rest.items)]
    assert numbers == list(range(40, 0, -1))
    assert rest.next is None
