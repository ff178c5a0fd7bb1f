"""Every metric against scikit-learn, or against exact rational arithmetic, along a stream."""

import warnings
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.metrics.arithmetic.exact_sum import rounded_sqrt
from assay.metrics.classification_report import class_report
from assay.metrics.registry import METRICS
from assay.metrics.spec import Task
from assay.metrics.statistics import ClassificationStatistic
from tests.support.metric_rows import STREAMS, UNWEIGHTED, Rows, measure, merged

PREFIXES = (1, 2, 3, 5, 8, 13, 40, 150, 1000)


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """What a metric must be. `bits`: equal to the bit; else within 1e-12 relative."""

    value: object  # (Rows) -> float
    bits: bool = False
    exact: object = None  # (Rows) -> float, correctly rounded; must be equal to the bit


def names(rows: Rows, codes: np.ndarray) -> np.ndarray:
    return np.array(rows.spec.labels)[codes]


def averaged(score):
    def value(rows: Rows) -> float:
        positive = rows.spec.positive_label
        how = {"average": "weighted", "labels": rows.spec.labels}
        if positive is not None:
            how = {"average": "binary", "pos_label": positive}
        true, predicted = names(rows, rows.true), names(rows, rows.predicted)
        return score(true, predicted, zero_division=0, **how)

    return value


def of_labels(score, **options):
    return lambda rows: score(names(rows, rows.true), names(rows, rows.predicted), **options)


def kappa(rows: Rows) -> float:
    true, predicted = names(rows, rows.true), names(rows, rows.predicted)
    return sk.cohen_kappa_score(true, predicted, labels=rows.spec.labels)


def hot(rows: Rows) -> np.ndarray:
    return np.eye(len(rows.spec.labels))[rows.true]


def auc(rows: Rows) -> float:
    if rows.lone:
        return sk.roc_auc_score(rows.true, rows.scores[0])
    areas = [
        sk.roc_auc_score(hot(rows)[:, c], rows.scores[c])
        for c in range(len(rows.scores))
        if 0 < hot(rows)[:, c].sum() < len(rows)
    ]
    return float(np.mean(areas))


def average_precision(rows: Rows) -> float:
    if rows.lone:
        return sk.average_precision_score(rows.true, rows.scores[0])
    values = [
        sk.average_precision_score(hot(rows)[:, c], rows.scores[c])
        for c in range(len(rows.scores))
        if hot(rows)[:, c].sum()
    ]
    return float(np.mean(values))


def truth_probability(rows: Rows) -> np.ndarray:
    if rows.lone:
        return np.where(rows.true == 1, rows.scores[0], 1 - rows.scores[0])
    return rows.scores[rows.true, np.arange(len(rows))]


def log_loss(rows: Rows) -> float:
    scores = rows.scores.T if not rows.lone else np.stack([1 - rows.scores[0], rows.scores[0]], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rounded scores do not sum to 1: known
        return sk.log_loss(rows.true, scores, labels=range(len(rows.spec.labels)))


def exact_log_loss(rows: Rows) -> float:
    logs = -np.log(np.clip(truth_probability(rows), 2.0**-52, 1 - 2.0**-52))
    return float(sum(map(Fraction, logs.tolist())) / len(rows))


def exact_brier(rows: Rows) -> float:
    columns = zip(rows.scores, [rows.true == 1] if rows.lone else hot(rows).T, strict=True)
    total = sum(
        (Fraction(float(p)) - int(y)) ** 2
        for ps, ys in columns
        for p, y in zip(ps, ys, strict=True)
    )
    return float(total / len(rows))


def errors(rows: Rows) -> list[Fraction]:
    return [Fraction(y) - Fraction(p) for y, p in zip(rows.true, rows.predicted, strict=True)]


def exact_mae(rows: Rows) -> float:
    return float(sum(map(abs, errors(rows))) / len(rows))


def exact_mse(rows: Rows) -> Fraction:
    return sum(e * e for e in errors(rows)) / len(rows)


def exact_mape(rows: Rows) -> float:
    shares = np.abs(rows.predicted - rows.true) / np.abs(rows.true)
    return float(sum(map(Fraction, shares)) / len(rows))


def spread(values) -> Fraction:
    values = [Fraction(value) for value in values]
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def bins(rows: Rows) -> list[tuple[int, Fraction, int]]:
    """Count, sum of confidences and hits per bin, (lo, hi], row by row."""
    if rows.lone:
        confidence, hit = rows.scores[0], rows.true == 1
    else:
        confidence, hit = rows.scores.max(axis=0), rows.scores.argmax(axis=0) == rows.true
    found: dict[int, list] = {}
    for p, right in zip(confidence.tolist(), hit.tolist(), strict=True):
        place = max(0, sum(p > edge / 15 for edge in range(15)) - 1)
        found.setdefault(place, []).append((Fraction(p), right))
    return [(len(v), sum(p for p, _ in v), sum(right for _, right in v)) for v in found.values()]


def exact_ece(rows: Rows) -> float:
    return float(sum(abs(total - hits) for _, total, hits in bins(rows)) / len(rows))


def exact_mce(rows: Rows) -> float:
    return float(max(abs(total - hits) / count for count, total, hits in bins(rows)))


def exact_signed(rows: Rows) -> float:
    return float(sum(total - hits for _, total, hits in bins(rows)) / len(rows))


def top(k: int) -> Oracle:
    def value(rows: Rows) -> float:
        # Of equal scores scikit-learn takes the last label first, Assay the first: turn the order.
        labels = range(len(rows.spec.labels))
        true = len(labels) - 1 - rows.true.astype(int)
        return sk.top_k_accuracy_score(true, rows.scores[::-1].T, k=k, labels=labels)

    return Oracle(value=value, bits=True)


ORACLES = {
    "accuracy": Oracle(value=of_labels(sk.accuracy_score), bits=True),
    "balanced_accuracy": Oracle(value=of_labels(sk.balanced_accuracy_score), bits=True),
    "precision": Oracle(value=averaged(sk.precision_score), bits=True),
    "recall": Oracle(value=averaged(sk.recall_score), bits=True),
    "f1_score": Oracle(value=averaged(sk.f1_score), bits=True),
    "mcc": Oracle(value=of_labels(sk.matthews_corrcoef), bits=True),
    "kappa": Oracle(value=kappa, bits=True),
    "roc_auc": Oracle(value=auc),
    "average_precision": Oracle(value=average_precision),
    "log_loss": Oracle(value=log_loss, exact=exact_log_loss),
    "brier": Oracle(value=exact_brier, exact=exact_brier),
    "ece": Oracle(value=exact_ece, exact=exact_ece),
    "mce": Oracle(value=exact_mce, exact=exact_mce),
    "ece_signed": Oracle(value=exact_signed, exact=exact_signed),
    "top_1_accuracy": top(1),
    "top_3_accuracy": top(3),
    "top_5_accuracy": top(5),
    "mae": Oracle(value=lambda r: sk.mean_absolute_error(r.true, r.predicted), exact=exact_mae),
    "mse": Oracle(
        value=lambda r: sk.mean_squared_error(r.true, r.predicted),
        exact=lambda r: float(exact_mse(r)),
    ),
    "rmse": Oracle(
        value=lambda r: sk.root_mean_squared_error(r.true, r.predicted),
        exact=lambda r: rounded_sqrt(exact_mse(r)),
    ),
    "median_absolute_error": Oracle(
        value=lambda r: sk.median_absolute_error(r.true, r.predicted), bits=True
    ),
    "max_error": Oracle(value=lambda r: sk.max_error(r.true, r.predicted), bits=True),
    "mape": Oracle(
        value=lambda r: sk.mean_absolute_percentage_error(r.true, r.predicted), exact=exact_mape
    ),
    "r2": Oracle(
        value=lambda r: sk.r2_score(r.true, r.predicted),
        exact=lambda r: float(1 - exact_mse(r) * len(r) / spread(r.true)),
    ),
    "explained_variance": Oracle(
        value=lambda r: sk.explained_variance_score(r.true, r.predicted),
        exact=lambda r: float(1 - spread(errors(r)) / spread(r.true)),
    ),
}


def test_no_metric_is_without_an_oracle():
    """Every registered metric has exactly one oracle."""
    assert set(ORACLES) == {metric.name for metric in METRICS}
    assert len(METRICS) == len(ORACLES)


@pytest.mark.parametrize("stream", UNWEIGHTED)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.filterwarnings("ignore")  # scikit-learn warns where Assay gives a reason
def test_every_defined_metric_equals_its_oracle_at_every_prefix(stream, prefix):
    """Along a stream each metric is scikit-learn's to the bit, or to 1e-12 and exactly rounded."""
    rows = STREAMS[stream](np.random.default_rng(prefix), prefix)
    measures = measure(rows, np.random.default_rng(prefix))
    assert measures.metrics
    for name, value in measures.metrics.items():
        oracle = ORACLES[name]
        if oracle.exact is not None and prefix <= 150:
            assert value == oracle.exact(rows), name
        if oracle.bits:
            assert value == oracle.value(rows), name
        elif stream != "regression_offset":  # there scikit-learn's own rounding is what differs
            assert value == pytest.approx(oracle.value(rows), rel=1e-12, abs=1e-15), name


def test_brier_is_scikit_learns_on_probabilities_that_sum_to_one():
    """Binary Brier is the positive class's, multi-class Brier the sum over classes."""
    rng = np.random.default_rng(5)
    rows = STREAMS["binary"](rng, 500)
    expected = sk.brier_score_loss(rows.true, rows.scores[0])
    assert measure(rows).metrics["brier"] == pytest.approx(expected, rel=1e-12)
    rows = STREAMS["multiclass"](rng, 500)
    expected = sk.brier_score_loss(rows.true, rows.scores.T, labels=range(4))
    assert measure(rows).metrics["brier"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3, 20])
@pytest.mark.filterwarnings("ignore")  # scikit-learn warns where Assay gives a reason
def test_report_equals_scikit_learns_to_the_bit(k):
    """Per class and averaged, the report is scikit-learn's on 300 random small streams."""
    rng = np.random.default_rng(k)
    for _ in range(100):
        n = int(rng.integers(1, 60))
        rows = STREAMS["labels_only"](rng, n)
        labels = tuple(f"{c:03}" for c in range(k))
        true = rng.integers(0, k, n).astype(np.uint16)
        predicted = np.where(rng.random(n) < 0.5, true, rng.integers(0, k, n)).astype(np.uint16)
        rows = replace(
            rows,
            spec=replace(rows.spec, labels=labels, task=Task.MULTICLASS),
            true=true,
            predicted=predicted,
        )
        statistic = merged(rows, rng)
        assert isinstance(statistic, ClassificationStatistic)
        report = class_report(statistic.confusion, rows.spec)
        pair = names(rows, true), names(rows, predicted)
        each = sk.precision_recall_fscore_support(*pair, labels=labels, zero_division=0)
        ours = [(r.precision, r.recall, r.f1_score, r.support) for r in report.per_class]
        assert ours == list(zip(*(column.tolist() for column in each), strict=True))
        for average, row in report.averages.items():
            theirs = sk.precision_recall_fscore_support(
                *pair, labels=labels, average=average, zero_division=0
            )
            assert (row.precision, row.recall, row.f1_score) == theirs[:3]
        assert np.array_equal(statistic.confusion.matrix, sk.confusion_matrix(*pair, labels=labels))


def test_absent_classes_are_averaged_as_zero():
    """The macro F1 of the reference example is 0.444, a class in neither column counting as 0."""
    rows = STREAMS["labels_only"](np.random.default_rng(0), 3)
    spec = replace(rows.spec, labels=("a", "b", "c"))
    rows = replace(rows, spec=spec, true=np.array([0, 0, 1]), predicted=np.array([0, 1, 1]))
    confusion = merged(rows).confusion
    macro = class_report(confusion, spec).averages["macro"].f1_score
    assert macro == pytest.approx(4 / 9)


def test_roc_auc_averages_equal_scikit_learns():
    """Macro, weighted and micro one-vs-rest areas and precisions agree with scikit-learn's."""
    rows = STREAMS["multiclass"](np.random.default_rng(6), 2000)
    measures = measure(rows, np.random.default_rng(6))
    ranking, precisions = measures.ranking, measures.average_precision
    assert ranking is not None
    assert precisions is not None
    assert ranking.defined_classes == 4
    for average in ("macro", "weighted", "micro"):
        theirs = sk.roc_auc_score(hot(rows), rows.scores.T, average=average)
        assert getattr(ranking, average) == pytest.approx(theirs, rel=1e-12)
        theirs = sk.average_precision_score(hot(rows), rows.scores.T, average=average)
        assert getattr(precisions, average) == pytest.approx(theirs, rel=1e-12)


def test_r2_survives_an_offset_of_a_billion():
    """R² of y ≈ 1e9 ± 1 is that of the same numbers without the offset, to float spacing."""
    rng = np.random.default_rng(9)
    true = np.round(rng.normal(size=1000), 6)
    rows = STREAMS["regression"](rng, 1000)
    near = replace(rows, true=true, predicted=np.round(true + rng.normal(size=1000) / 2, 6))
    far = replace(near, true=near.true + 1e9, predicted=near.predicted + 1e9)
    expected = measure(near).metrics["r2"]
    assert measure(far).metrics["r2"] == pytest.approx(expected, rel=1e-6)
