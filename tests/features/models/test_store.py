"""Models: what ports.Models promises."""

from __future__ import annotations

import pytest

from assay.features.evaluations.store import Evaluations
from assay.features.models.model import NewModel, TaskType
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import AlreadyExists, InvalidArgument, NotFound, ResourceInUse
from assay.kernel.ids import Ids
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.store import open_store
from assay.kernel.storage.unit_of_work import StoreContext
from assay.records import replace
from tests.support.store_rows import CHURN, ORG, OTHER, add_evaluation, add_model, add_version


def test_a_model_is_stored_as_it_was_given(store):
    """A created model reads back with every field that was given, and nothing promoted."""
    with store.write() as uow:
        made = uow[Models].create(ORG, replace(CHURN, project_path="a b/c d", description="x"))
    with store.read() as uow:
        found = uow[Models].get(ORG, made.model_id)
        assert found == made
    assert (found.name, found.labels, found.positive_label) == ("churn", ("no", "yes"), "yes")
    assert (found.task_type, found.promoted_version_id) == (TaskType.CLASSIFICATION, None)
    assert found.model_id.startswith("mdl-")
    assert len(found.model_id) == 14


def test_a_taken_id_or_path_is_refused(store):
    """An id or a project path can be had once in an organization, and again in another."""
    with store.write() as uow:
        add_model(uow, model_id="m", project_path="p")
    for again in (replace(CHURN, model_id="m"), replace(CHURN, project_path="p")):
        with pytest.raises(AlreadyExists), store.write() as uow:
            uow[Models].create(ORG, again)
    with store.write() as uow:
        add_model(uow, OTHER, model_id="m", project_path="p")


def test_a_model_is_found_by_its_project_path(store):
    """A project path finds the model that has exactly it, in its own organization alone."""
    path = "user1/my-repo/fs/Instabase Drive/PaystubClassifier"
    with store.write() as uow:
        add_model(uow, OTHER, project_path=path)
        mine = add_model(uow, project_path=path)
        add_model(uow, OTHER, project_path="only theirs")
    with store.read() as uow:
        assert uow[Models].by_path(ORG, path) == mine
        assert [
            one.model_id for one in uow[Models].list(ORG, limit=9, project_path=path).items
        ] == [mine.model_id]
        for absent in (path.lower(), path + "/", " " + path, "only theirs", ""):
            with pytest.raises(NotFound, match="model project"):
                uow[Models].by_path(ORG, absent)


def test_generated_ids_grow_when_they_are_taken(url, clock, lease_clock):
    """A generated id that is taken is generated anew, longer."""

    class SameIds(Ids):
        def new_model_id(self, attempt: int = 0) -> str:
            return "mdl-" + "0" * (10 + attempt)

        def new_version_id(self, attempt: int = 0) -> str:
            return "ver-" + "0" * (5 + attempt)

        def new_evaluation_id(self, attempt: int = 0) -> str:
            return "evl-" + "0" * (12 + attempt)

    store = open_store(url, StoreContext(clock=clock, ids=SameIds(), leases=lease_clock))
    with store.write() as uow:
        models = [add_model(uow).model_id for _ in range(3)]
        versions = [add_version(uow, models[0]).version_id for _ in range(2)]
        found = [add_evaluation(uow, models[0], versions[0]).evaluation_id for _ in range(2)]
    store.close()
    assert [len(one) for one in models] == [14, 15, 16]
    assert [len(one) for one in versions] == [9, 10]
    assert [len(one) for one in found] == [16, 17]


def test_listing_pages_are_stable(store, clock):
    """Pages repeat and skip nothing, although models come in between and share a time."""
    with store.write() as uow:
        made = [add_model(uow, name=f"m{number}").model_id for number in range(5)]
        clock.advance(1)
        made += [add_model(uow, name="later").model_id for _ in range(2)]
    seen, after = [], None
    for _ in range(10):
        with store.write() as uow:
            page = uow[Models].list(ORG, limit=2, after=after)
            clock.advance(1)
            add_model(uow, name="newest")
        seen += [model.model_id for model in page.items]
        after = page.next
        if after is None:
            break
    assert sorted(seen) == sorted(made)
    assert set(seen[:2]) == set(made[5:])


def test_a_listing_may_be_of_one_task_type(store):
    """A listing by task type holds the models of this type alone, and count holds all."""
    with store.write() as uow:
        add_model(uow)
        wanted = uow[Models].create(ORG, NewModel(name="r", task_type=TaskType.REGRESSION))
    with store.read() as uow:
        page = uow[Models].list(ORG, limit=10, task_type=TaskType.REGRESSION)
        assert uow[Models].count(ORG) == 2
        assert page.items == (wanted,)
        assert page.next is None


def test_update_changes_what_may_change(store, clock):
    """An update stores name, path, labels, positive label and description, and its time."""
    with store.write() as uow:
        model = add_model(uow)
    clock.advance(5)
    wanted = replace(
        model,
        name="new",
        project_path="p",
        labels=("a", "b"),
        positive_label="a",
        description="d",
        task_type=TaskType.REGRESSION,
    )
    with pytest.raises(InvalidArgument), store.write() as uow:
        uow[Models].update(ORG, wanted)
    with store.write() as uow:
        stored = uow[Models].update(ORG, replace(wanted, task_type=model.task_type))
    assert stored == replace(wanted, task_type=model.task_type, updated_at=clock.now())


def test_update_refuses_a_path_of_another_model(store):
    """An update to a project path that another model has is refused; its own is kept."""
    with store.write() as uow:
        add_model(uow, project_path="p")
        mine = add_model(uow, project_path="q")
        uow[Models].update(ORG, mine)
    with pytest.raises(AlreadyExists), store.write() as uow:
        uow[Models].update(ORG, replace(mine, project_path="p"))


def test_delete_takes_versions_and_evaluations_along(store):
    """A deleted model is gone with its versions and evaluations; its jobs stay."""
    with store.write() as uow:
        model = add_model(uow)
        version = add_version(uow, model.model_id)
        evaluation = add_evaluation(uow, model.model_id, version.version_id)
        uow[Jobs].request_cancel(ORG, evaluation.job_id)
    with store.write() as uow:
        uow[Models].delete(ORG, model.model_id)
    with store.read() as uow:
        for missing in (
            lambda: uow[Models].get(ORG, model.model_id),
            lambda: uow[Versions].get(ORG, model.model_id, version.version_id),
            lambda: uow[Evaluations].get(ORG, evaluation.evaluation_id),
        ):
            with pytest.raises(NotFound):
                missing()
        assert uow[Jobs].get(ORG, evaluation.job_id).state is JobState.CANCELED


def test_delete_is_refused_while_an_evaluation_runs(store):
    """A model with an evaluation that has not ended is not deleted, and nothing of it is."""
    with store.write() as uow:
        model = add_model(uow)
        version = add_version(uow, model.model_id)
        evaluation = add_evaluation(uow, model.model_id, version.version_id)
    with pytest.raises(ResourceInUse, match=evaluation.evaluation_id), store.write() as uow:
        uow[Models].delete(ORG, model.model_id)
    with store.read() as uow:
        assert uow[Evaluations].get(ORG, evaluation.evaluation_id) == evaluation


def test_get_many_returns_those_that_exist(store):
    """A read of many ids returns the models that exist here, by id."""
    with store.write() as uow:
        model = add_model(uow)
        hidden = add_model(uow, OTHER)
        job = uow[Jobs].submit(ORG, NewJob(kind="k", spec=b"{}"))
    with store.read() as uow:
        wanted = [model.model_id, hidden.model_id, "no"]
        assert uow[Models].get_many(ORG, wanted) == {model.model_id: model}
        assert uow[Jobs].get_many(ORG, [job.job_id, "no"]) == {job.job_id: job}


def test_a_page_of_many_long_labels_is_shorter_and_leads_on(store):
    """Models whose labels are over the bytes of a page come in several, the newest first."""
    labels = tuple(f"{'x' * 1000}{number}" for number in range(500))
    with store.write() as uow:
        made = [add_model(uow, labels=labels, positive_label=None).model_id for _ in range(9)]
    with store.read() as uow:
        first = uow[Models].list(ORG, limit=500)
        second = uow[Models].list(ORG, limit=500, after=first.next)
        third = uow[Models].list(ORG, limit=500, after=second.next)
    pages = [first, second, third]
    assert [len(page.items) for page in pages] == [4, 4, 1]
    assert {one.model_id for page in pages for one in page.items} == set(made)
    assert third.next is None
