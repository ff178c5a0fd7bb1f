"""What is served of a version: measured again, held back, served again and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences
from tests.support.rpc_service import Caller, Running

GOOD = b"y_true,y_pred\nyes,yes\nno,no\nyes,yes\nno,yes\n"
SAME = b"y_true,y_pred\nno,yes\nyes,yes\nyes,yes\nno,no\n"  # in another order
BAD = b"y_true,y_pred\nyes,no\nno,yes\n"


def served(me: Caller, model_id: str, version_id: str = "") -> tuple[float, int]:
    """Return accuracy and rows of what dashboards read."""
    found = me("GetPerformanceSummary", model_id=model_id, version_id=version_id)
    return found.metrics["accuracy"], int(found.rows)


def test_a_failed_measurement_changes_nothing_that_is_served(me: Caller):
    """A promoted version whose requirement is not met keeps its numbers; the revision is stored."""
    model_id, version_id = me.ready(GOOD)
    before = me("GetVersion", model_id=model_id, version_id=version_id)
    failed = me.measure(model_id, version_id, SAME, require=["accuracy>=0.9", "f1_score>0.1"])
    assert (failed.status, failed.is_served, failed.revision) == ("succeeded", False, 2)
    assert failed.held_back == "REQUIREMENT_NOT_MET"
    assert [(one.requirement, one.met, one.value) for one in failed.requirements] == [
        ("accuracy>=0.9", False, 0.75),
        ("f1_score>0.1", True, failed.metrics["f1_score"]),
    ]
    assert served(me, model_id) == (0.75, 4)
    assert me("GetVersion", model_id=model_id, version_id=version_id) == before


def test_other_rows_of_a_promoted_version_are_held_back(me: Caller):
    """Other rows replace what a promoted version serves only when that is asked for."""
    model_id, version_id = me.ready(GOOD)
    other = me.measure(model_id, version_id, BAD)
    assert (other.is_served, other.held_back) == (False, "OTHER_ROWS")
    assert served(me, model_id) == (0.75, 4)
    replaced = me.measure(model_id, version_id, BAD, replace=True, require=["accuracy>=0.9"])
    assert (replaced.is_served, replaced.HasField("held_back")) == (True, False)
    assert served(me, model_id) == (0.0, 2)


def test_the_same_rows_are_served_anew(me: Caller):
    """The same rows of a promoted version, in any order, are served as the newest revision."""
    model_id, version_id = me.ready(GOOD)
    again = me.measure(model_id, version_id, SAME, require=["accuracy>=0.7"])
    assert (again.is_served, again.revision) == (True, 2)


def test_a_version_that_is_not_promoted_serves_its_newest(me: Caller):
    """Of a candidate the newest revision is served, whatever is required of it."""
    model_id, version_id = me.pair()
    me.measure(model_id, version_id, GOOD)
    failed = me.measure(model_id, version_id, BAD, require=["accuracy>=0.9"])
    assert (failed.is_served, failed.requirements[0].met) == (True, False)
    assert served(me, model_id, version_id) == (0.0, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("acuracy>=0.9", "did you mean 'accuracy'?"),
        ("rmse<=1", "is no metric of a classification model"),
        ("accuracy", "a metric, one of >= <= > < == and a number are needed"),
        ("accuracy>=nan", "a number are needed"),
    ],
)
def test_a_wrong_requirement_is_refused_before_rows_are_read(me: Caller, text: str, told: str):
    """A requirement of an unknown metric, or of another form, stores nothing."""
    model_id, version_id = me.pair()
    fields = {"model_id": model_id, "version_id": version_id, "dataset_split": "test"}
    refused = me.refused("CreateEvaluation", **fields, require=[text])
    assert refused.code == "INVALID_ARGUMENT"
    assert told in refused.message
    assert refused.message.startswith("require[0]: ")
    assert not me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations


def test_a_revision_is_read_by_number_and_served_again(me: Caller):
    """Revisions are listed and read by number, and an older one can be served once more."""
    model_id, version_id = me.ready(GOOD)
    me.measure(model_id, version_id, BAD, replace=True)
    listed = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations
    assert [(one.revision, one.is_served) for one in listed] == [(2, True), (1, False)]
    key: dict[str, Any] = {
        "model_id": model_id, "version_id": version_id, "dataset_split": "test",
    }  # fmt: skip
    first = me("GetEvaluationRevision", **key, revision=1)
    assert first.evaluation_id == listed[1].evaluation_id
    again = me("ServeEvaluation", evaluation_id=first.evaluation_id)
    assert again.is_served
    assert served(me, model_id) == (0.75, 4)
    version = me("GetVersion", model_id=model_id, version_id=version_id)
    assert version.metrics["accuracy"] == 0.75
    assert not me("GetEvaluationRevision", **key, revision=2).is_served
    assert me.refused("GetEvaluationRevision", **key, revision=3).code == "NOT_FOUND"
    opened = me("CreateEvaluation", **key)
    refused = me.refused("ServeEvaluation", evaluation_id=opened.evaluation_id)
    assert refused.code == "FAILED_PRECONDITION"


def test_an_evaluation_is_deleted_unless_it_is_needed(me: Caller, rpc: Running):
    """What a promoted version serves stays; what no version serves goes, and its blobs with it."""
    model_id, version_id = me.ready(GOOD)
    other = me.measure(model_id, version_id, BAD)
    key = {"model_id": model_id, "version_id": version_id}
    promoted = me("GetEvaluationRevision", **key, dataset_split="test", revision=1)
    refused = me.refused("DeleteEvaluation", evaluation_id=promoted.evaluation_id, cascade=True)
    assert refused.told == ("FAILED_PRECONDITION", "RESOURCE_IN_USE")
    assert version_id in refused.message
    opened = me("CreateEvaluation", **key, dataset_split="test")
    assert me.refused("DeleteEvaluation", evaluation_id=opened.evaluation_id).reason == (
        "RESOURCE_IN_USE"
    )
    with rpc.backend.store.read() as uow:
        before = {one for one in uow[BlobReferences].every() if one[0] == me.organization}
    me("DeleteEvaluation", evaluation_id=other.evaluation_id)
    assert me.refused("GetEvaluation", evaluation_id=other.evaluation_id).code == "NOT_FOUND"
    with rpc.backend.store.read() as uow:
        after = {one for one in uow[BlobReferences].every() if one[0] == me.organization}
        assert uow[Jobs].get(me.organization, other.job_id).state is JobState.SUCCEEDED
    assert after < before


def test_what_a_candidate_serves_is_deleted_when_told_to(me: Caller):
    """The served evaluation of a candidate goes with cascade alone, and its numbers with it."""
    model_id, version_id = me.pair()
    one = me.measure(model_id, version_id, GOOD)
    refused = me.refused("DeleteEvaluation", evaluation_id=one.evaluation_id)
    assert refused.reason == "RESOURCE_IN_USE"
    me("DeleteEvaluation", evaluation_id=one.evaluation_id, cascade=True)
    assert not me("GetVersion", model_id=model_id, version_id=version_id).metrics
    asked = {"model_id": model_id, "version_id": version_id}
    assert me.refused("GetPerformanceSummary", **asked).reason == "SPLIT_NOT_EVALUATED"


def test_a_version_is_deleted_unless_it_is_needed(me: Caller):
    """A promoted version stays, one with evaluations goes with cascade, and an empty one goes."""
    model_id, version_id = me.ready(GOOD)
    promoted = me.refused("DeleteVersion", model_id=model_id, version_id=version_id, cascade=True)
    assert promoted.told == ("FAILED_PRECONDITION", "RESOURCE_IN_USE")
    assert "promote another first" in promoted.message
    second = me.version(model_id).version_id
    one = me.measure(model_id, second, GOOD)
    named = me.refused("DeleteVersion", model_id=model_id, version_id=second)
    assert named.reason == "RESOURCE_IN_USE"
    assert one.evaluation_id in named.message
    running = me("CreateEvaluation", model_id=model_id, version_id=second, dataset_split="test")
    busy = me.refused("DeleteVersion", model_id=model_id, version_id=second, cascade=True)
    assert running.evaluation_id in busy.message
    me("CancelJob", job_id=running.job_id)
    me("DeleteVersion", model_id=model_id, version_id=second, cascade=True)
    for gone in (
        me.refused("GetVersion", model_id=model_id, version_id=second),
        me.refused("GetEvaluation", evaluation_id=one.evaluation_id),
        me.refused("DeleteVersion", model_id=model_id, version_id=second),
    ):
        assert gone.code == "NOT_FOUND"
    me("DeleteVersion", model_id=model_id, version_id=me.version(model_id).version_id)


def test_another_organization_serves_and_deletes_nothing(me: Caller, other: Caller):
    """Another organization's evaluations and versions are absent, whatever is asked of them."""
    model_id, version_id = me.ready(GOOD)
    key = {"model_id": model_id, "version_id": version_id}
    one = me("GetEvaluationRevision", **key, dataset_split="test", revision=1)
    for method, fields in (
        ("ServeEvaluation", {"evaluation_id": one.evaluation_id}),
        ("DeleteEvaluation", {"evaluation_id": one.evaluation_id}),
        ("DeleteVersion", key),
        ("GetEvaluationRevision", {**key, "dataset_split": "test", "revision": 1}),
    ):
        assert other.refused(method, **fields).told == ("NOT_FOUND", "NOT_FOUND")
