"""Curves, tables and mistakes of stored evaluations, and every refusal of theirs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from assay import records
from assay.features.evaluations.details_artifact import (
    AreaDetails,
    EvaluationDetails,
    KeptMistakes,
    MistakeCell,
    SliceDetails,
)
from assay.features.evaluations.store import Evaluations
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import (
    BrierDecomposition,
    Calibration,
    ReliabilityBin,
    ReliabilityTable,
)
from tests.support import evaluation_details
from tests.support.rpc_service import Caller, Running, binary, csv

DATA = binary(140)
YES = [label == "yes" for label in DATA.true]
CURVE = evaluation_details.curve(YES, DATA.score)
AREA = float(oracle.roc_auc_score(YES, DATA.score))
PRECISION = float(oracle.average_precision_score(YES, DATA.score))
TABLE = ReliabilityTable(
    bins=(
        ReliabilityBin(low=0.0, high=0.5, count=2, mean_confidence=0.25, accuracy=0.5, gap=-0.25),
        ReliabilityBin(low=0.5, high=1.0, count=0, mean_confidence=None, accuracy=None, gap=None),
    ),
    ece=0.25,
    mce=0.25,
    ece_signed=-0.25,
    brier=BrierDecomposition(reliability=0.0, resolution=0.125, uncertainty=0.25, within_bin=0.5),
)
CELLS = (
    MistakeCell(
        true_label="no",
        predicted_label="yes",
        total=70,
        kept=KeptMistakes(
            rows=tuple(range(60)),
            row_ids=tuple(f"r{row}" for row in range(60)),
            confidence=tuple(0.9 - row / 1000 for row in range(60)),
            features=tuple(json.dumps({"age": row}) for row in range(60)),
        ),
    ),
    MistakeCell(
        true_label="yes",
        predicted_label="no",
        total=2,
        kept=KeptMistakes(rows=(99, 98), confidence=(0.95, 0.55)),
    ),
)
BINARY = EvaluationDetails(
    calibration=Calibration(target="positive", headline=TABLE, per_class={"yes": TABLE}),
    curves={"yes": CURVE},
    roc_auc=AreaDetails(per_class={"yes": AREA}, undefined={}, defined_classes=1),
    average_precision=AreaDetails(per_class={"yes": PRECISION}, undefined={}, defined_classes=1),
    slices={
        "land": (
            SliceDetails(value=None, rows=1, metrics={}, undefined={"mcc": "SINGLE_CLASS"}),
            SliceDetails(value="LV", rows=2, weight=0.5, metrics={"accuracy": 0.5}, undefined={}),
        ),
        "sex": (),
    },
    mistakes=CELLS,
    intervals={"accuracy": Interval(low=0.1, high=0.9, level=0.95, method="wilson")},
)
RESIDUALS = EvaluationDetails(
    residuals=ResidualSummary(
        quantiles={"0.5": 0.25}, minimum=-1.0, maximum=2.0, edges=(-1.0, 0.5, 2.0), counts=(1, 3)
    )
)
CLASSIFIERS = (
    "GetRocCurve", "GetPrCurve", "GetThresholds", "GetCalibration", "ListMisclassificationErrors",
)  # fmt: skip  # a table
ROUTES = (*CLASSIFIERS, "GetResiduals", "GetSlices", "GetIntervals")


@dataclass(frozen=True)
class Made:
    """A model whose promoted version has an evaluation with details."""

    caller: Caller
    model_id: str
    version_id: str

    def __call__(self, route: str, **fields: Any) -> Any:
        return self.caller(route, model_id=self.model_id, **fields)

    def refused(self, route: str, **fields: Any) -> Any:
        return self.caller.rest().refused(route, model_id=self.model_id, **fields)


@pytest.fixture(scope="module")
def owner(rpc: Running) -> Caller:
    return rpc.organization("org-diagnostics")


def made(
    rpc: Running, owner: Caller, details: EvaluationDetails, data: bytes, **model: Any
) -> Made:
    ids = owner.ready(data, **model)
    evaluation_details.store(rpc, owner, details, of=ids)
    return Made(owner, *ids)


@pytest.fixture(scope="module")
def churn(rpc: Running, owner: Caller) -> Made:
    return made(rpc, owner, BINARY, DATA.csv, labels=["no", "yes"], positive_label="yes")


@pytest.fixture(scope="module")
def regression(rpc: Running, owner: Caller) -> Made:
    data = csv(y_true=[1.0, 2.0], y_pred=[1.0, 2.5])
    return made(rpc, owner, RESIDUALS, data, task_type="regression")


@pytest.fixture(scope="module")
def digits(rpc: Running, owner: Caller) -> Made:
    """Three classes with scores; of the third no record is, so that it has no curve."""
    true = list("aababbabab")
    scores = np.linspace(0.05, 0.95, len(true)).round(2)
    curves = {
        "a": evaluation_details.curve([one == "a" for one in true], (1 - scores).tolist()),
        "b": evaluation_details.curve([one == "b" for one in true], scores.tolist()),
    }
    areas = AreaDetails(
        per_class={"a": 0.6, "b": 0.7}, undefined={"c": "NO_POSITIVES"}, defined_classes=2,
        macro=0.65,
    )  # fmt: skip  # one call
    details = EvaluationDetails(curves=curves, roc_auc=areas, average_precision=areas)
    data = csv(y_true=true, y_pred=list("ababababab"))
    return made(rpc, owner, details, data, labels=["a", "b", "c"])


def test_the_roc_curve_is_that_of_scikit_learn(churn: Made):
    """At full resolution the ROC curve has scikit-learn's points, and its exact area."""
    curve = churn("GetRocCurve", resolution=1000)
    false, true, thresholds = oracle.roc_curve(YES, DATA.score, drop_intermediate=False)
    assert [point.fpr for point in curve.points] == pytest.approx(false.tolist(), rel=1e-15)
    assert [point.tpr for point in curve.points] == pytest.approx(true.tolist(), rel=1e-15)
    assert not curve.points[0].HasField("threshold")
    assert [point.threshold for point in curve.points[1:]] == thresholds[1:].tolist()
    assert (curve.class_label, curve.averaging) == ("yes", "one_vs_rest")
    assert curve.roc_auc == AREA
    assert (curve.model_id, curve.version_id) == (churn.model_id, churn.version_id)
    assert curve.dataset_split == "test"
    assert len(curve.undefined) == 0


def test_the_pr_curve_is_that_of_scikit_learn(churn: Made):
    """At full resolution the precision-recall curve has scikit-learn's points and area."""
    curve = churn("GetPrCurve", resolution=500)
    precision, recall, _ = oracle.precision_recall_curve(YES, DATA.score)
    assert [point.recall for point in curve.points] == pytest.approx(recall[::-1].tolist())
    assert [point.precision for point in curve.points] == pytest.approx(precision[::-1].tolist())
    assert curve.average_precision == PRECISION
    assert curve.class_label == "yes"


@pytest.mark.parametrize("route", ["GetRocCurve", "GetPrCurve"])
def test_a_resolution_is_a_subsample_with_both_ends(churn: Made, route: str):
    """A resolution bounds the points, 100 by default; both ends and the area stay."""
    whole = churn(route, resolution=1_000_000)
    assert len(churn(route).points) <= 100
    for resolution in (2, 3, 50):
        curve = churn(route, resolution=resolution)
        assert len(curve.points) == resolution
        assert all(point in whole.points for point in curve.points)
        assert (curve.points[0], curve.points[-1]) == (whole.points[0], whole.points[-1])
    name = "roc_auc" if route == "GetRocCurve" else "average_precision"
    assert getattr(curve, name) == getattr(whole, name)


def test_resolutions_have_caps(rpc: Running, me: Caller):
    """More than 1000 points of a ROC curve, and 500 of a precision-recall curve, are not sent."""
    scores = np.arange(1001) / 1000
    positive = (np.arange(1001) % 3 == 0).tolist()
    details = records.replace(
        BINARY, curves={"yes": evaluation_details.curve(positive, scores.tolist())}
    )
    many = made(rpc, me, details, DATA.csv, labels=["no", "yes"], positive_label="yes")
    assert len(many("GetRocCurve", resolution=2_000_000_000).points) == 1000
    assert len(many("GetThresholds", resolution=2_000_000_000).rows) == 1000
    assert len(many("GetPrCurve", resolution=2_000_000_000).points) == 500


def test_more_classes_have_a_macro_average(digits: Made):
    """Without a label the ROC curve of more classes is the mean of the defined ones."""
    curve = digits("GetRocCurve", resolution=21)
    assert curve.averaging == "macro"
    assert not curve.HasField("class_label")
    assert curve.roc_auc == 0.65
    ends = [(point.fpr, point.tpr) for point in (curve.points[0], curve.points[-1])]
    assert ends == [(0.0, 0.0), (1.0, 1.0)]
    assert len(curve.points) == 21
    assert not any(point.HasField("threshold") for point in curve.points)
    both = [digits("GetRocCurve", class_label=label, resolution=1000) for label in "ab"]
    for point in curve.points[1:]:
        expected = np.mean(
            [np.interp(point.fpr, [p.fpr for p in one.points], [p.tpr for p in one.points])
             for one in both]
        )  # fmt: skip  # one expression
        assert point.tpr == pytest.approx(expected)
    assert len(digits("GetRocCurve", resolution=2).points) == 2


def test_a_class_without_records_has_a_reason_and_no_points(digits: Made):
    """A label without a positive record has an empty curve, and the reason for it."""
    for route in ("GetRocCurve", "GetPrCurve", "GetThresholds"):
        reply = digits(route, class_label="c")
        assert [one.reason for one in reply.undefined] == ["NO_POSITIVES"]
        assert len(reply.rows if route == "GetThresholds" else reply.points) == 0
    assert not digits("GetRocCurve", class_label="c").HasField("roc_auc")


@pytest.mark.parametrize("route", ["GetPrCurve", "GetThresholds"])
def test_a_label_is_mandatory_for_more_classes(digits: Made, route: str):
    """Without class_label more than two classes are refused, and the labels are named."""
    refused = digits.refused(route)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0] == "class_label"
    assert "a, b, c" in refused.message


@pytest.mark.parametrize("route", ["GetRocCurve", "GetPrCurve", "GetThresholds"])
def test_bad_labels_and_resolutions_are_400(churn: Made, route: str):
    """An unknown label is refused with those there are, a resolution below 2 with the limits."""
    refused = churn.refused(route, class_label="maybe")
    assert (refused.body["statusCode"], refused.violations[0][0]) == (400, "class_label")
    assert "no, yes" in refused.message
    for resolution in (1, 0, -5):
        refused = churn.refused(route, resolution=resolution)
        assert (refused.body["statusCode"], refused.violations[0][0]) == (400, "resolution")


def test_a_label_without_a_score_column_is_422(churn: Made):
    """Of a lone score column the other label has no curve, and the refusal says whose there is."""
    refused = churn.refused("GetRocCurve", class_label="no")
    assert refused.told == ("FAILED_PRECONDITION", "NO_SCORES")
    assert refused.metadata["scored_labels"] == "yes"


def test_thresholds_have_their_best_by_f1_and_by_cost(churn: Made):
    """The best thresholds are the best of all rows, and costs decide as they should."""
    table = churn("GetThresholds", resolution=1000, false_positive_cost=1, false_negative_cost=5)
    assert table.best_f1.f1_score == max(row.f1_score for row in table.rows)
    costs = [row.false_positive + 5 * row.false_negative for row in table.rows]
    assert table.cost == min(costs)
    assert table.best_cost == table.rows[costs.index(min(costs))]
    for row in table.rows[1:]:
        predicted = [score >= row.threshold for score in DATA.score]
        tn, fp, fn, tp = oracle.confusion_matrix(YES, predicted).ravel()
        found = (row.true_negative, row.false_positive, row.false_negative, row.true_positive)
        assert found == (tn, fp, fn, tp)
    assert not table.rows[0].HasField("precision")
    without = churn("GetThresholds")
    assert not without.HasField("best_cost")
    assert not without.HasField("cost")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"false_positive_cost": 1}, "false_negative_cost"),
        ({"false_negative_cost": 1}, "false_positive_cost"),
        ({"false_positive_cost": -1, "false_negative_cost": 1}, "false_positive_cost"),
        ({"false_positive_cost": 1, "false_negative_cost": math.nan}, "false_negative_cost"),
        ({"false_positive_cost": math.inf, "false_negative_cost": 1}, "false_positive_cost"),
        ({"false_positive_cost": 1e300, "false_negative_cost": 1}, "false_positive_cost"),
        ({"false_positive_cost": 0, "false_negative_cost": 0}, "false_positive_cost"),
    ],
)
def test_bad_costs_are_400(churn: Made, fields: dict[str, float], named: str):
    """One cost without the other, and costs that are no amounts, are refused by name."""
    refused = churn.refused("GetThresholds", **fields)
    assert (refused.body["statusCode"], refused.violations[0][0]) == (400, named)


def test_calibration_shows_its_tables(churn: Made):
    """The reliability table has its bins, errors and Brier parts; empty bins have no means."""
    report = churn("GetCalibration")
    assert report.target == "positive"
    first, second = report.headline.bins
    assert (first.low, first.high, first.count, first.gap) == (0.0, 0.5, 2, -0.25)
    assert not second.HasField("accuracy")
    assert (report.headline.ece, report.headline.ece_signed) == (0.25, -0.25)
    assert report.headline.brier.within_bin == 0.5
    assert set(report.per_class) == {"yes"}


def test_mistakes_come_most_confident_first(churn: Made):
    """Mistakes of all cells are merged by confidence, 50 of them unless a limit is sent."""
    found = churn("ListMisclassificationErrors")
    assert found.total == 72
    assert len(found.errors) == 50
    confidences = [one.confidence for one in found.errors]
    assert confidences == sorted(confidences, reverse=True)
    first, second = found.errors[:2]
    assert (first.row, first.true_label, first.predicted_label) == (99, "yes", "no")
    assert not first.HasField("row_id")
    assert (second.row_id, dict(second.features)) == ("r0", {"age": 0.0})
    assert len(churn("ListMisclassificationErrors", limit=3).errors) == 3
    assert len(churn("ListMisclassificationErrors", limit=2_000_000_000).errors) == 62


def test_mistakes_are_filtered(churn: Made):
    """Labels and a least confidence choose among the mistakes; the total is of the labels."""
    found = churn("ListMisclassificationErrors", true_label="yes")
    assert (found.total, len(found.errors)) == (2, 2)
    found = churn("ListMisclassificationErrors", predicted_label="no", min_confidence=0.6)
    assert (found.total, [one.row for one in found.errors]) == (2, [99])
    found = churn("ListMisclassificationErrors", true_label="no", predicted_label="no")
    assert (found.total, len(found.errors)) == (0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0}, {"limit": -1}, {"min_confidence": 1.5}, {"min_confidence": -0.1},
        {"min_confidence": math.nan}, {"true_label": "x"}, {"predicted_label": "x"},
    ],
)  # fmt: skip  # a table
def test_bad_filters_are_400(churn: Made, fields: dict[str, Any]):
    """A limit, confidence or label that is not allowed is refused by its name."""
    refused = churn.refused("ListMisclassificationErrors", **fields)
    assert (refused.body["statusCode"], refused.violations[0][0]) == (400, next(iter(fields)))


def test_mistakes_need_the_permission_to_read_data(churn: Made, rpc: Running):
    """Features are data: without dataset:read mistakes are refused, other routes are not."""
    reader = rpc.organization("org-diagnostics", ("model:read",))
    refused = reader.refused("ListMisclassificationErrors", model_id=churn.model_id)
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert "dataset:read" in refused.message
    assert reader("GetRocCurve", model_id=churn.model_id).points
    for words in (("model:read", "dataset:read"), ("organization:viewer",)):
        reader = rpc.organization("org-diagnostics", words)
        assert reader("ListMisclassificationErrors", model_id=churn.model_id).errors


def test_residuals_slices_and_intervals(churn: Made, regression: Made):
    """Residuals, slices and intervals show what is stored."""
    report = regression("GetResiduals")
    assert dict(report.quantiles) == {"0.5": 0.25}
    assert (report.minimum, report.maximum, report.rows) == (-1.0, 2.0, 2)
    assert [(b.low, b.high, b.count) for b in report.bins] == [(-1.0, 0.5, 1), (0.5, 2.0, 3)]
    land, sex = sorted(churn("GetSlices").columns, key=lambda column: column.name)
    assert (land.name, sex.name) == ("land", "sex")
    nothing, latvia = land.values
    assert not nothing.HasField("value")
    assert [one.metric for one in nothing.undefined] == ["mcc"]
    assert (latvia.value, latvia.rows, latvia.weight) == ("LV", 2, 0.5)
    assert latvia.metrics["accuracy"] == 0.5
    assert [one.name for one in churn("GetSlices", column="sex").columns] == ["sex"]
    assert "land, sex" in churn.refused("GetSlices", column="age").message
    assert len(regression("GetSlices").columns) == 0
    (one,) = churn("GetIntervals").intervals
    assert (one.metric, one.low, one.high, one.level, one.method) == (
        "accuracy", 0.1, 0.9, 0.95, "wilson",
    )  # fmt: skip  # a row
    assert one.value == churn("GetPerformanceSummary").metrics["accuracy"]


@pytest.mark.parametrize("route", CLASSIFIERS)
def test_routes_of_classifiers_refuse_regressions(regression: Made, route: str):
    """Curves and mistakes of a regression are 422, with their own reason."""
    refused = regression.refused(route)
    assert refused.told == ("FAILED_PRECONDITION", "WRONG_TASK_TYPE")
    assert refused.body["statusCode"] == 422


def test_residuals_of_a_classifier_are_422(churn: Made):
    """Residuals are for regression models only, and the refusal says so."""
    refused = churn.refused("GetResiduals")
    assert refused.told == ("FAILED_PRECONDITION", "WRONG_TASK_TYPE")
    assert "regression models only" in refused.message


@pytest.mark.parametrize("route", ["GetRocCurve", "GetPrCurve", "GetThresholds", "GetCalibration"])
def test_evaluations_of_labels_alone_are_422(rpc: Running, me: Caller, route: str):
    """What needs scores is refused with a reason of its own where there are none."""
    data = csv(y_true=list("abab"), y_pred=list("abbb"))
    plain = made(
        rpc, me, EvaluationDetails(mistakes=CELLS[1:]), data, labels=["yes", "no", "a", "b"]
    )
    refused = plain.refused(route, **({} if route == "GetCalibration" else {"class_label": "a"}))
    assert refused.told == ("FAILED_PRECONDITION", "NO_SCORES")
    assert refused.body["statusCode"] == 422
    assert "score columns" in refused.message
    assert len(plain("ListMisclassificationErrors").errors) == 2
    refused = plain.refused("ListMisclassificationErrors", min_confidence=0.5)
    assert refused.reason == "NO_SCORES"


@pytest.mark.parametrize("route", ROUTES)
def test_evaluations_of_before_are_422(rpc: Running, me: Caller, route: str):
    """An evaluation without stored details is refused with a reason of its own."""
    task = "regression" if route == "GetResiduals" else "classification"
    ids = me.pair(task_type=task)
    evaluation_details.store_bare(rpc, me, of=ids, task=task)
    me("PromoteVersion", model_id=ids[0], version_id=ids[1])
    refused = me.rest().refused(route, model_id=ids[0])
    assert refused.told == ("FAILED_PRECONDITION", "DETAILS_NOT_STORED")
    assert refused.body["statusCode"] == 422
    assert "Evaluate the split again" in refused.message


def test_details_without_mistakes_or_residuals_are_422(rpc: Running, me: Caller):
    """Details that were stored before mistakes or residuals were are refused, not shown as none."""
    plain = made(rpc, me, EvaluationDetails(), DATA.csv, labels=["no", "yes"], positive_label="yes")
    assert plain.refused("ListMisclassificationErrors").reason == "DETAILS_NOT_STORED"
    data = csv(y_true=[1.0, 2.0], y_pred=[1.0, 2.5])
    plain = made(rpc, me, EvaluationDetails(), data, task_type="regression")
    assert plain.refused("GetResiduals").reason == "DETAILS_NOT_STORED"


def test_lost_details_are_a_fault_of_the_service(
    rpc: Running, me: Caller, caplog: pytest.LogCaptureFixture
):
    """Details whose blob is gone are told as DATA_MISSING of the evaluation; the log has the blob."""
    details = records.replace(BINARY, intervals={})  # read by nobody else
    found = made(rpc, me, details, DATA.csv, labels=["no", "yes"], positive_label="yes")
    with rpc.backend.store.read() as uow:
        serving = uow[Evaluations].serving(me.organization, found.model_id, None, "test")
    assert serving.evaluation is not None
    assert serving.evaluation.result is not None
    path = rpc.backend.blobs.path(me.organization, serving.evaluation.result.details or "")
    assert path is not None
    path.unlink()
    refused = found.refused("GetRocCurve")
    assert refused.told == ("INTERNAL", "DATA_MISSING")
    evaluation_id = serving.evaluation.evaluation_id
    assert refused.metadata == {"resource_type": "evaluation", "resource_id": evaluation_id}
    assert f"Stored data of the evaluation '{evaluation_id}' are missing." in refused.message
    assert path.name not in refused.message
    assert any(path.name in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("route", ROUTES)
def test_the_refusals_of_the_family(me: Caller, other: Caller, route: str):
    """Bad splits are 400, absent and foreign things 404, models with nothing to serve 422."""
    task = "regression" if route == "GetResiduals" else "classification"
    model_id, version_id = me.pair(task_type=task)
    refused = me.rest().refused(route, model_id=model_id, dataset_split="dev")
    assert (refused.body["statusCode"], refused.violations[0][0]) == (400, "dataset_split")
    assert me.refused(route, model_id="mdl-absent").code == "NOT_FOUND"
    assert me.refused(route, model_id=model_id, version_id="ver-absent").code == "NOT_FOUND"
    assert other.refused(route, model_id=model_id).told == ("NOT_FOUND", "NOT_FOUND")
    assert me.refused(route, model_id=model_id).reason == "NO_TRAINED_VERSION"
    draft = me.refused(route, model_id=model_id, version_id=version_id)
    assert draft.reason == "VERSION_NOT_READY"
    assert me.with_credential(None).refused(route, model_id=model_id).code == "UNAUTHENTICATED"


def test_a_split_without_an_evaluation_names_those_stored(churn: Made):
    """A split that was not evaluated is never replaced by another one."""
    refused = churn.refused("GetRocCurve", dataset_split="train")
    assert (refused.reason, refused.metadata["stored_splits"]) == ("SPLIT_NOT_EVALUATED", "test")


def test_a_new_revision_is_served_at_once(rpc: Running, me: Caller):
    """After the split was evaluated again no old details are served."""
    found = made(rpc, me, BINARY, DATA.csv, labels=["no", "yes"], positive_label="yes")
    assert found("GetRocCurve").roc_auc == AREA
    areas = AreaDetails(per_class={"yes": 0.5}, undefined={}, defined_classes=1)
    newer = records.replace(BINARY, roc_auc=areas)
    evaluation_details.store(rpc, me, newer, of=(found.model_id, found.version_id))
    assert found("GetRocCurve").roc_auc == 0.5
