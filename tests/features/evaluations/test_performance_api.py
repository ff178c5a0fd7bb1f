"""The performance routes: documents 001 and 002 field by field, and every refusal of theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.protobuf import json_format
from sklearn import metrics as oracle

from assay.features.evaluations.performance_service import MAX_QUICK_LABELS, PerformanceReader
from assay.features.evaluations.rest import PerformanceRestService
from assay.features.models.versions_store import Versions
from assay.kernel.identity import Principal
from assay.kernel.rpc.call import Call
from assay.metrics.registry import METRIC_BY_NAME
from tests.support.rpc_service import CALLS, Caller, Running, binary, csv, message

DATA = binary(140)
SUMMARY_METRICS = {"accuracy", "precision", "recall", "f1_score", "roc_auc", "log_loss"}
ROUTES = (
    "GetPerformanceSummary", "GetClassificationReport", "GetConfusionMatrix",
    "PerformanceRest.GetClassificationReport", "PerformanceRest.GetConfusionMatrix",
)  # fmt: skip  # a table
CLASSIFIERS = ROUTES[1:]


def as_json(message: Any) -> dict[str, Any]:
    """Return a message as the gateway prints it: snake_case, plain zeros kept."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def shown(me: Caller, route: str, **fields: Any) -> dict[str, Any]:
    """Call a route; return its view, or its message as JSON."""
    return me.view(route, **fields) if "Rest." in route else as_json(me(route, **fields))


def test_the_summary_has_the_documented_fields(me: Caller):
    """Document 001's example holds: its keys, types, formats and nothing of another meaning."""
    model_id, version_id = me.ready(DATA.csv, positive_label="yes")
    shown = as_json(me("GetPerformanceSummary", model_id=model_id))
    assert (shown["model_id"], shown["version_id"]) == (model_id, version_id)
    assert (shown["task_type"], shown["dataset_split"]) == ("classification", "test")
    assert set(shown["metrics"]) >= SUMMARY_METRICS
    assert all(isinstance(value, float) for value in shown["metrics"].values())
    assert shown["evaluated_at"][10] == "T"
    assert shown["evaluated_at"].endswith("Z")
    assert "." not in shown["evaluated_at"]
    assert (shown["averaging"], shown["positive_label"]) == ("positive_class", "yes")
    assert shown["rows"] == 140
    assert shown["undefined"] == []
    assert len(shown["metric_spec_hash"]) == 64


def test_what_a_class_lacks_is_listed(me: Caller):
    """An area that one class does not have is absent from its scores and listed with the reason."""
    model_id, _ = me.ready(DATA.csv, labels=["no", "yes"], positive_label="yes")
    report = me("GetClassificationReport", model_id=model_id)
    assert not report.per_class["no"].HasField("average_precision")
    assert [(one.metric, one.reason) for one in report.undefined] == [
        ("average_precision:no", "NO_SCORES")
    ]
    rows = b"y_true,y_pred,score:a,score:b,score:c\na,a,0.9,0.1,0\nb,a,0.6,0.4,0\nb,b,0.1,0.9,0\n"
    model_id, _ = me.ready(rows, labels=["a", "b", "c"])
    listed = {
        one.metric: one.reason
        for one in me("GetClassificationReport", model_id=model_id).undefined
        if ":" in one.metric
    }
    assert listed == {"roc_auc:c": "NO_POSITIVES", "average_precision:c": "NO_POSITIVES"}


def test_the_report_has_the_documented_fields(me: Caller):
    """Document 002's example holds: scores and support by label, and the overall block."""
    model_id, version_id = me.ready(DATA.csv, labels=["no", "yes"])
    shown = as_json(me("GetClassificationReport", model_id=model_id))
    assert (shown["model_id"], shown["version_id"]) == (model_id, version_id)
    assert shown["dataset_split"] == "test"
    assert set(shown["per_class"]) == {"no", "yes"}
    for label, scores in shown["per_class"].items():
        assert set(scores) >= {"precision", "recall", "f1_score", "support"}
        assert scores["support"] == DATA.true.count(label)
        assert isinstance(scores["support"], int)
    assert set(shown["overall"]) == {"accuracy", "precision", "recall", "f1_score", "average"}
    assert shown["overall"]["average"] == "weighted"
    assert shown["labels"] == ["no", "yes"]


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_averages_are_those_of_scikit_learn(me: Caller, average: str):
    """Each average of precision, recall and F1 equals scikit-learn's to the last bits."""
    model_id, _ = me.ready(DATA.csv, labels=["no", "yes"])
    overall = me("GetClassificationReport", model_id=model_id, average=average).overall
    expected = oracle.precision_recall_fscore_support(DATA.true, DATA.pred, average=average)
    found = (overall.precision, overall.recall, overall.f1_score)
    assert found == pytest.approx(expected[:3], rel=1e-15)
    assert overall.accuracy == oracle.accuracy_score(DATA.true, DATA.pred)
    assert overall.average == average


def test_confusion_matrix_and_table_agree(me: Caller):
    """The packed matrix, its rows and the four binary counts are scikit-learn's."""
    model_id, _ = me.ready(DATA.csv, labels=["no", "yes"], positive_label="yes")
    expected = oracle.confusion_matrix(DATA.true, DATA.pred, labels=["no", "yes"])
    packed = me("GetConfusionMatrix", model_id=model_id)
    assert list(packed.counts) == expected.ravel().tolist()
    table = me.view("PerformanceRest.GetConfusionMatrix", model_id=model_id)
    assert table["matrix"] == expected.tolist()
    assert table["labels"] == list(packed.labels) == ["no", "yes"]
    counts = ("true_negative", "false_positive", "false_negative", "true_positive")
    assert [table["binary"][name] for name in counts] == expected.ravel().tolist()


def test_a_normalized_matrix_has_shares_of_each_true_label(me: Caller):
    """With normalize each row sums to 1, and a label without records has nulls, not zeros."""
    data = csv(y_true=list("aaab"), y_pred=list("aabb"))
    model_id, _ = me.ready(data, labels=["a", "b", "unseen"])
    packed = me("GetConfusionMatrix", model_id=model_id, normalize=True)
    assert list(packed.counts) == [2, 1, 0, 0, 1, 0, 0, 0, 0]
    assert [list(row.shares) for row in packed.shares] == [[2 / 3, 1 / 3, 0.0], [0.0, 1.0, 0.0], []]
    table = me.view("PerformanceRest.GetConfusionMatrix", model_id=model_id, normalize=True)
    assert table["normalized"]
    assert table["matrix"] == [
        [2 / 3, 1 / 3, 0.0],
        [0.0, 1.0, 0.0],
        [None, None, None],
    ]
    assert not me("GetConfusionMatrix", model_id=model_id).shares
    assert not me.view("PerformanceRest.GetConfusionMatrix", model_id=model_id)["normalized"]


def test_three_classes_have_no_binary_counts(me: Caller):
    """Of more than two classes the summary is weighted and the table has no positive label."""
    data = csv(y_true=list("abcabc"), y_pred=list("abcaac"))
    model_id, _ = me.ready(data)
    summary = me("GetPerformanceSummary", model_id=model_id)
    assert summary.averaging == "weighted"
    assert summary.label_set_inferred
    assert not summary.HasField("positive_label")
    table = me.view("PerformanceRest.GetConfusionMatrix", model_id=model_id)
    assert "binary" not in table
    assert len(table["matrix"]) == 3
    expected = oracle.f1_score(list("abcabc"), list("abcaac"), average="weighted")
    assert summary.metrics["f1_score"] == pytest.approx(expected, rel=1e-15)


def test_regression_has_its_own_metrics(me: Caller):
    """A regression summary holds errors and r2, no class scores and no averaging."""
    true, pred = [1.0, 2.0, 3.5, 9.0], [1.5, 2.0, 3.0, 8.0]
    model_id, _ = me.ready(csv(y_true=true, y_pred=pred), task_type="regression")
    summary = me("GetPerformanceSummary", model_id=model_id)
    assert summary.task_type == "regression"
    assert summary.metrics["mae"] == oracle.mean_absolute_error(true, pred)
    assert summary.metrics["rmse"] == pytest.approx(oracle.root_mean_squared_error(true, pred))
    assert summary.metrics["r2"] == pytest.approx(oracle.r2_score(true, pred))
    assert "accuracy" not in summary.metrics
    assert not summary.HasField("averaging")


def test_an_undefined_metric_is_absent_and_has_a_reason(me: Caller):
    """Without scores, or with one class alone, AUC is absent and its reason is listed."""
    labels_only, _ = me.ready(csv(y_true=list("abab"), y_pred=list("abbb")))
    single, _ = me.ready(
        csv(y_true=["yes"] * 4, y_pred=["yes"] * 4, score=[0.5, 0.6, 0.7, 0.8]),
        labels=["no", "yes"], positive_label="yes",
    )  # fmt: skip  # one call
    for model_id in (labels_only, single):
        summary = me("GetPerformanceSummary", model_id=model_id)
        reasons = {one.metric: one.reason for one in summary.undefined}
        assert "roc_auc" not in summary.metrics
        assert reasons["roc_auc"]
    assert reasons["roc_auc"] == "SINGLE_CLASS"
    constant, _ = me.ready(csv(y_true=[2.0, 2.0], y_pred=[1.0, 3.0]), task_type="regression")
    summary = me("GetPerformanceSummary", model_id=constant)
    assert "r2" not in summary.metrics
    assert "r2" in {one.metric for one in summary.undefined}


@pytest.mark.parametrize("route", ROUTES)
def test_wrong_words_are_400_and_what_is_allowed_is_named(me: Caller, route: str):
    """An unknown dataset_split is refused, on every route, with the words allowed."""
    for split in ("dev", "TEST", "test "):
        refused = me.rest().refused(route, model_id="m", dataset_split=split)
        assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
        assert refused.body["statusCode"] == 400
        assert all(word in refused.message for word in ("train", "validation", "test"))


def test_an_unknown_average_is_400(me: Caller):
    """An unknown average is refused with the three allowed."""
    refused = me.refused("GetClassificationReport", model_id="m", average="samples")
    assert refused.violations[0][0] == "average"
    assert "micro, macro, weighted" in refused.message


@pytest.mark.parametrize("route", ROUTES)
def test_absent_models_and_versions_are_404(me: Caller, route: str):
    """An absent model, an absent version and another model's version are 404."""
    model_id, _ = me.ready()
    _, elsewhere = me.ready()
    for fields in (
        {"model_id": "mdl-absent"},
        {"model_id": model_id, "version_id": "ver-absent"},
        {"model_id": model_id, "version_id": elsewhere},
        {"model_id": "mdl-absent", "version_id": elsewhere},
    ):
        assert me.rest().refused(route, **fields).body["statusCode"] == 404


@pytest.mark.parametrize("route", ROUTES)
def test_a_model_without_trained_versions_is_422(me: Caller, route: str):
    """A draft model, with or without draft versions, holds nothing to serve: 422."""
    empty = me.model().model_id
    draft, _ = me.pair()
    for model_id in (empty, draft):
        refused = me.rest().refused(route, model_id=model_id)
        assert refused.told == ("FAILED_PRECONDITION", "NO_TRAINED_VERSION")
        assert refused.body["statusCode"] == 422
        assert refused.body["status"] == "UNPROCESSABLE_ENTITY"
        assert "promote" in refused.message


@pytest.mark.parametrize("route", ROUTES)
def test_ready_versions_without_a_promoted_one_are_named(me: Caller, route: str):
    """When nothing is promoted the ready versions are named, and none of them is served."""
    model_id, version_id = me.pair()
    me.measure(model_id, version_id, DATA.csv)
    refused = me.rest().refused(route, model_id=model_id)
    assert refused.told == ("FAILED_PRECONDITION", "NO_PROMOTED_VERSION")
    assert refused.body["statusCode"] == 422
    assert refused.metadata["ready_versions"] == version_id
    assert "version_id" in refused.message
    assert shown(me, route, model_id=model_id, version_id=version_id)["version_id"] == version_id


@pytest.mark.parametrize("route", ROUTES)
def test_a_split_that_was_not_evaluated_is_never_replaced(me: Caller, route: str):
    """A split without an evaluation is 422, and the splits that are stored are named."""
    model_id, version_id = me.ready()
    me.measure(model_id, version_id, DATA.csv, split="train")
    for fields in ({}, {"version_id": version_id}):
        refused = me.rest().refused(route, model_id=model_id, dataset_split="validation", **fields)
        assert refused.told == ("FAILED_PRECONDITION", "SPLIT_NOT_EVALUATED")
        assert refused.metadata["stored_splits"] == "train, test"
    assert shown(me, route, model_id=model_id, dataset_split="train")["dataset_split"] == "train"


def test_a_draft_version_that_is_named_is_422(me: Caller):
    """A version that is named but not ready is refused beside a promoted one, never replaced."""
    model_id, _ = me.ready()
    draft = me.version(model_id).version_id
    for route in ROUTES:
        refused = me.refused(route, model_id=model_id, version_id=draft)
        assert refused.told == ("FAILED_PRECONDITION", "VERSION_NOT_READY")


@pytest.mark.parametrize("route", CLASSIFIERS)
def test_class_routes_refuse_other_task_types(me: Caller, route: str):
    """Reports and matrices of regression models are 422, measured or not."""
    measured, version_id = me.ready(
        csv(y_true=[1.0, 2.0], y_pred=[1.0, 2.5]), task_type="regression"
    )
    me("GetPerformanceSummary", model_id=measured)  # what it leaves in memory changes nothing
    empty = me.model(task_type="regression").model_id
    extraction = me.model(task_type="extraction").model_id
    for fields in (
        {"model_id": measured},
        {"model_id": measured, "version_id": version_id},
        {"model_id": empty},
        {"model_id": extraction},
    ):
        refused = me.rest().refused(route, **fields)
        assert refused.told == ("FAILED_PRECONDITION", "WRONG_TASK_TYPE")
        assert refused.body["statusCode"] == 422
        assert refused.metadata["task_type"] in refused.message


def test_a_model_in_training_serves_its_promoted_version(me: Caller, rpc):
    """While a newer version trains, the promoted one is served."""
    model_id, version_id = me.ready()
    newer = me.version(model_id).version_id
    with rpc.backend.store.write() as uow:
        uow[Versions].mark_training(me.organization, model_id, newer)
    assert me("GetModel", model_id=model_id).status == "training"
    assert me("GetPerformanceSummary", model_id=model_id).version_id == version_id


def test_a_model_that_trains_its_first_version_is_422(me: Caller, rpc):
    """A model in training without a completed version is refused as document 001 says."""
    model_id, version_id = me.pair()
    with rpc.backend.store.write() as uow:
        uow[Versions].mark_training(me.organization, model_id, version_id)
    refused = me.refused("GetPerformanceSummary", model_id=model_id)
    assert refused.reason == "NO_TRAINED_VERSION"


def test_what_changes_is_served_at_once(me: Caller):
    """After a promotion, a new revision or a deletion no route serves what was before."""
    model_id, first = me.ready(binary(30, seed=1).csv)
    second = me.version(model_id).version_id
    me.measure(model_id, second, binary(30, seed=2).csv)
    assert me("GetPerformanceSummary", model_id=model_id).version_id == first
    me("PromoteVersion", model_id=model_id, version_id=second)
    assert me("GetPerformanceSummary", model_id=model_id).version_id == second
    newer = me.measure(model_id, second, binary(30, seed=3).csv, replace=True)
    for route in ROUTES[:1]:
        assert me(route, model_id=model_id).evaluation_id == newer.evaluation_id
    packed = me("GetConfusionMatrix", model_id=model_id)
    assert sum(packed.counts) == 30
    me("DeleteModel", model_id=model_id)
    for route in ROUTES:
        assert me.refused(route, model_id=model_id).code == "NOT_FOUND"


def test_the_permission_of_the_documents_is_enough(organization, rpc):
    """model:read, and organization:viewer, may read every performance route."""
    owner = organization()
    model_id, _ = owner.ready()
    for word in ("model:read", "organization:viewer"):
        reader = rpc.organization(owner.organization, (word,))
        for route in ROUTES:
            assert shown(reader, route, model_id=model_id)["model_id"] == model_id


def test_documents_name_no_field_that_is_missing():
    """Every key of the two documents' examples is a field of the message that answers."""
    from assay.v1 import metric_pb2, performance_pb2

    folder = Path(__file__).parent
    examples = json.loads((folder / "documented.json").read_text())
    messages = {
        "summary": performance_pb2.PerformanceSummary,
        "report": performance_pb2.ClassificationReport,
        "report.per_class": metric_pb2.ClassScores,
        "report.overall": performance_pb2.OverallScores,
    }
    assert set(examples["summary.metrics"]) <= set(METRIC_BY_NAME)
    for name, answer in messages.items():
        assert set(examples[name]) <= set(answer.DESCRIPTOR.fields_by_name), name


def test_a_large_matrix_is_made_beside_the_event_loop(rpc: Running, me: Caller):
    """The view of many labels is built in a thread, that of a few where the call is."""
    service = PerformanceRestService(PerformanceReader(rpc.backend.store))
    name = "PerformanceRest.GetConfusionMatrix"
    for count, threads in ((MAX_QUICK_LABELS, 0), (MAX_QUICK_LABELS + 1, 1)):
        labels = [f"c{number:04d}" for number in range(count)]
        model_id, _ = me.ready(csv(y_true=labels, y_pred=labels[1:] + labels[:1]), labels=labels)
        built: list[bytes] = []

        async def run_in_thread(make: Callable[[], Any], built: list[bytes] = built) -> Any:
            built.append(await asyncio.to_thread(make))
            return built[-1]

        call = Call(
            method=CALLS[name][0],
            metadata={},
            started=0.0,
            threads=run_in_thread,
            run_inline=True,
            principal=Principal(
                organization_id=me.organization, subject="s", permissions=frozenset()
            ),
        )
        reply = asyncio.run(service.GetConfusionMatrix(message(name, model_id=model_id), call))
        assert built == [reply] * threads
        body = httpbody_pb2.HttpBody.FromString(reply)
        assert len(json.loads(body.data)["matrix"]) == count
