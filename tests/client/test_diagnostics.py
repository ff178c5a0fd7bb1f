"""What lies behind the headline numbers, by the Python client."""

import numpy as np
import pytest
from sklearn import metrics

from assay.client import BadInput, FailedPrecondition, InvalidRequest

LABELS = ["no", "yes"]


def binary(count=400, seed=3):
    """Random truths over LABELS, and scores of "yes" that know something of them."""
    made = np.random.default_rng(seed)
    truth = made.integers(0, 2, count)
    score = np.clip(0.5 + (truth - 0.5) * 0.3 + made.normal(0, 0.25, count), 0, 1)
    return np.array(LABELS)[truth], score


@pytest.fixture
def measured(client, fresh):
    """A binary version with scores, ids and a slice column; returns its rows too."""
    truth, score = binary()
    model, version = fresh(labels=LABELS, positive_label="yes")
    region = ["north" if number % 4 else "south" for number in range(len(truth))]
    client.evaluate(
        model, version, y_true=truth, scores=score,
        row_id=[f"r{number}" for number in range(len(truth))], slices={"region": region},
    )  # fmt: skip
    return model, version, truth, score, np.array(region)


def test_a_roc_curve_has_the_exact_area_and_true_points(client, measured):
    """The area is scikit-learn's at any resolution, and each point is what its threshold gives."""
    model, version, truth, score, _ = measured
    curve = client.diagnostics.roc_curve(model, version, resolution=9)
    assert (curve.class_label, curve.averaging) == ("yes", "one_vs_rest")
    assert curve.roc_auc == pytest.approx(metrics.roc_auc_score(truth == "yes", score), rel=1e-12)
    assert 2 <= len(curve.points) <= 9
    assert (curve.points[0].fpr, curve.points[0].tpr, curve.points[0].threshold) == (0, 0, None)
    for point in curve.points[1:]:
        assert point.tpr == np.mean(score[truth == "yes"] >= point.threshold)
        assert point.fpr == np.mean(score[truth == "no"] >= point.threshold)


def test_a_pr_curve_has_the_exact_area(client, measured):
    """Average precision is scikit-learn's, and the curve begins above every score."""
    model, version, truth, score, _ = measured
    curve = client.diagnostics.pr_curve(model, version)
    expected = metrics.average_precision_score(truth == "yes", score)
    assert curve.average_precision == pytest.approx(expected, rel=1e-12)
    assert (curve.points[0].recall, curve.points[0].precision) == (0, 1)
    assert curve.points[-1].recall == 1


def test_thresholds_name_the_best_ones(client, measured):
    """The best F1 is the greatest of all thresholds, and a cost chooses its own."""
    model, version, truth, score, _ = measured
    table = client.diagnostics.thresholds(model, version, resolution=20)
    best = max(metrics.f1_score(truth == "yes", score >= at) for at in score)
    assert table.best_f1.f1_score == pytest.approx(best, rel=1e-12)
    assert table.best_cost is None
    priced = client.diagnostics.thresholds(
        model, version, false_positive_cost=1, false_negative_cost=5
    )
    is_yes = truth == "yes"
    costs = [sum(~is_yes & (score >= at)) + 5 * sum(is_yes & (score < at)) for at in score]
    assert priced.cost == min(costs)
    assert priced.best_cost.false_positive + 5 * priced.best_cost.false_negative == priced.cost


def test_calibration_counts_every_row_once(client, measured):
    """The bins hold all rows, an empty one has no mean, and the headline's error is the metric."""
    model, version, truth, *_ = measured
    found = client.diagnostics.calibration(model, version)
    assert found.target == "positive"
    assert sum(one.count for one in found.headline.bins) == len(truth)
    summary = client.performance.summary(model, version).metrics
    assert found.headline.ece == summary["ece"]
    brier = found.headline.brier
    taken_apart = brier.reliability - brier.resolution + brier.uncertainty + brier.within_bin
    assert taken_apart == pytest.approx(summary["brier"], rel=1e-9)
    assert set(found.per_class) == set(LABELS)


def test_slices_and_intervals_go_with_the_headline(client, measured):
    """A slice has the metrics of its rows alone, and an interval encloses its metric."""
    model, version, truth, score, region = measured
    slices = client.diagnostics.slices(model, version, column="region").columns["region"]
    assert {one.value for one in slices} == {"north", "south"}
    for one in slices:
        inside = region == one.value
        expected = metrics.accuracy_score(truth[inside] == "yes", score[inside] >= 0.5)
        assert (one.rows, one.metrics["accuracy"]) == (inside.sum(), expected)
        area = metrics.roc_auc_score(truth[inside] == "yes", score[inside])
        assert one.metrics["roc_auc"] == pytest.approx(area, rel=1e-12)
    found = client.diagnostics.intervals(model, version)
    intervals = found.intervals
    assert found.undefined["ece"] == "NO_METHOD"
    summary = client.performance.summary(model, version).metrics
    assert intervals["accuracy"].low < summary["accuracy"] < intervals["accuracy"].high
    assert found.undefined.keys() | intervals.keys() == summary.keys()
    assert (intervals["accuracy"].value, intervals["accuracy"].level) == (
        summary["accuracy"], 0.95,
    )  # fmt: skip


def test_the_most_confident_mistakes_come_first(client, measured):
    """Mistakes are listed by falling confidence with their ids, and filters narrow them."""
    model, version, truth, score, _ = measured
    found = client.diagnostics.misclassification_errors(model, version, limit=5)
    wrong = (truth == "yes") != (score >= 0.5)
    assert found.total == wrong.sum()
    confidence = [one.confidence for one in found.errors]
    assert confidence == sorted(confidence, reverse=True)
    assert [one.row_id for one in found.errors] == [f"r{one.row}" for one in found.errors]
    only = client.diagnostics.misclassification_errors(
        model, version, true_label="no", min_confidence=0.6
    )
    assert {one.true_label for one in only.errors} == {"no"}
    assert min(one.confidence for one in only.errors) >= 0.6


def test_residuals_are_true_less_predicted(client, fresh):
    """A regression's residuals have numpy's quantiles and a histogram of all rows."""
    model, version = fresh("regression")
    made = np.random.default_rng(5)
    truth = made.normal(0, 10, 300)
    pred = truth + made.normal(1, 2, 300)
    client.evaluate(model, version, y_true=truth, y_pred=pred)
    found = client.diagnostics.residuals(model, version)
    assert (found.minimum, found.maximum) == ((truth - pred).min(), (truth - pred).max())
    assert found.quantiles[0.5] == pytest.approx(np.median(truth - pred), rel=1e-9)
    assert list(found.quantiles) == sorted(found.quantiles)
    assert sum(one.count for one in found.bins) == found.rows == 300
    with pytest.raises(FailedPrecondition):
        client.diagnostics.roc_curve(model, version)


def test_a_few_rows_are_measured_in_one_request(client, fresh):
    """Typed rows with NumPy's scalars give the numbers of the same rows as columns."""
    truth, score = binary(50)
    model, version = fresh(labels=LABELS, positive_label="yes")
    rows = [
        {
            "y_true": one, "score": at, "row_id": f"r{number}", "slices": {"half": number % 2},
            "features": {"age": np.int64(number)},
        }
        for number, (one, at) in enumerate(zip(truth, score, strict=True))
    ]  # fmt: skip
    rows = [{**row, "slices": {"half": str(row["slices"]["half"])}} for row in rows]
    done = client.evaluate_rows(model, version, "test", rows)
    as_columns = client.evaluate(model, version, "train", y_true=truth, scores=score)
    assert (done.status, done.rows) == ("succeeded", 50)
    assert done.metrics == as_columns.metrics
    (mistake, *_) = client.diagnostics.misclassification_errors(model, version).errors
    assert mistake.features == {"age": mistake.row}


def test_rows_that_are_none_are_refused_by_number(client, fresh):
    """An unknown field is refused here with its row, a wrong value by the service."""
    model, version = fresh()
    with pytest.raises(BadInput, match=r"rows\[1\]: 'guess' is no part"):
        client.evaluate_rows(model, version, rows=[{"y_true": "a"}, {"y_true": "a", "guess": "b"}])
    with pytest.raises(InvalidRequest):
        client.evaluate_rows(model, version, rows=[{"y_true": "yes", "score": 1.5}])


def test_versions_are_compared_metric_by_metric(client, fresh):
    """A comparison has both sides, b - a of each metric, and the settings that differ."""
    model, first = fresh()
    second = client.versions.create(model, hyperparameters={"depth": 3}).version_id
    client.evaluate(model, first, y_true=["a", "b", "b"], y_pred=["a", "a", "a"])
    client.evaluate(model, second, y_true=["a", "b", "b"], y_pred=["a", "b", "a"])
    found = client.comparisons.get(model, first, second)
    assert found.comparable
    assert found.metric_deltas["accuracy"] == 2 / 3 - 1 / 3
    assert (found.config_diff["depth"].version_a, found.config_diff["depth"].version_b) == (None, 3)


def test_versions_are_tested_on_the_same_rows(client, fresh, measured):
    """Asked for, the paired tests are made and waited for; where there can be none it says why."""
    model, first, truth, score, region = measured
    second = client.versions.create(model).version_id
    better = np.where(truth == "yes", np.minimum(1, score + 0.2), score)
    ids = [f"r{number}" for number in range(len(truth))]
    client.evaluate(
        model, second, y_true=truth, scores=better, row_id=ids, slices={"region": region}
    )
    assert client.comparisons.get(model, first, second).paired_tests.status == "not_started"
    found = client.comparisons.paired(model, first, second)
    tests = found.paired_tests
    assert (tests.status, tests.rows) == ("done", len(truth))
    right = [(truth == "yes") == (one >= 0.5) for one in (score, better)]
    assert tests.mcnemar.only_a == sum(right[0] & ~right[1])
    assert tests.mcnemar.only_b == sum(right[1] & ~right[0])
    assert tests.roc_auc.low <= tests.roc_auc.difference <= tests.roc_auc.high
    accuracy = tests.differences["accuracy"]
    assert accuracy.low <= found.metric_deltas["accuracy"] == accuracy.value <= accuracy.high
    third = client.versions.create(model).version_id
    absent = client.comparisons.paired(model, first, third).paired_tests
    assert (absent.status, absent.reason) == ("impossible", "SPLIT_NOT_EVALUATED")
