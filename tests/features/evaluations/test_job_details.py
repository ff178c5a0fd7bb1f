"""The details of an evaluation: written once, named by the result, equal to scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from assay.features.evaluations.ingest import rows_to_chunk
from assay.features.evaluations.job import EvaluationKind
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import TaskType
from assay.kernel.errors import BadPredictions
from assay.kernel.storage.blob_references import BlobReferences
from assay.tabular.opening import CSV
from tests.features.evaluations.test_job import (
    CANCER,
    CLASSES,
    VALUES,
    cancer,
    cut,
    diabetes,
    digits,
    weighted,
)
from tests.fixtures.jobs import JobHarness
from tests.support.evaluation_in_process import InProcess, result
from tests.support.file_formats import FORMATS, written


def test_curves_are_scikit_learns(tmp_path: Path) -> None:
    """On breast cancer the kept ROC points lie on scikit-learn's curve, and AP equals its own."""
    run = InProcess(tmp_path)
    data = run.chunks(CANCER, cut(cancer(), [100, 101]))
    details = run.details(data)
    true = np.array(cancer()["y_true"]) == "malignant"
    score = np.array(cancer()["score"])
    fpr, tpr, _ = metrics.roc_curve(true, score, drop_intermediate=False)
    curve = details.curves["malignant"]
    assert {point[:2] for point in curve.roc()} <= set(zip(fpr, tpr, strict=True))
    assert details.average_precision is not None
    expected = metrics.average_precision_score(true, score)
    assert result(data).metrics["average_precision"] == pytest.approx(expected, rel=1e-12)
    assert details.average_precision.per_class["malignant"] == pytest.approx(expected, rel=1e-12)


def test_areas_by_class_are_scikit_learns(tmp_path: Path) -> None:
    """On digits every class has a curve, and ROC AUC is averaged in three ways as scikit-learn's."""
    run = InProcess(tmp_path)
    details = run.details(run.chunks(CLASSES, cut(digits(), [500])))
    true = np.array(digits()["y_true"])
    scores = np.column_stack([np.array(digits()[f"score:{label}"]) for label in range(10)])
    assert sorted(details.curves) == [str(label) for label in range(10)]
    areas = details.roc_auc
    assert areas is not None
    for average in ("macro", "weighted", "micro"):
        expected = metrics.roc_auc_score(true, scores, multi_class="ovr", average=average)
        assert getattr(areas, average) == pytest.approx(expected, rel=1e-12)


def test_calibration_covers_all_rows(tmp_path: Path) -> None:
    """The bins of the headline and of every class hold each row once."""
    run = InProcess(tmp_path)
    details = run.details(run.chunks(CLASSES, cut(digits(), [])))
    assert details.calibration is not None
    tables = [details.calibration.headline, *details.calibration.per_class.values()]
    assert len(tables) == 11
    assert {sum(one.count for one in table.bins) for table in tables} == {digits().num_rows}


def test_what_does_not_apply_is_absent(tmp_path: Path) -> None:
    """Labels alone have no calibration and no curves; a regression has neither."""
    run = InProcess(tmp_path)
    plain = pa.table({"y_true": ["a", "b"], "y_pred": ["a", "a"]})
    details = run.details(run.chunks(CLASSES, cut(plain, [])))
    assert (details.calibration, details.curves, details.roc_auc) == (None, {}, None)


def test_details_are_not_collected(harness: JobHarness) -> None:
    """The details of a stored result are among the blobs that rows name, which garbage collection keeps."""
    asked = harness.evaluation(CANCER)
    harness.runner()
    harness.upload(asked, cut(cancer(), [300]))
    job = harness.job_of(asked)
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        found = uow[Evaluations].get(job.organization_id, asked.evaluation_id).result
        referenced = uow[BlobReferences].every()
    assert found is not None
    assert found.details is not None
    assert (job.organization_id, found.details) in referenced
    assert harness.blobs.read(job.organization_id, found.details)


def test_residuals_are_numpys(tmp_path: Path) -> None:
    """On diabetes the quantiles of true - predicted are numpy's, whatever the memory given."""
    true, predicted = (np.array(diabetes()[name]) for name in ("y_true", "y_pred"))
    run = InProcess(tmp_path, EvaluationKind(max_rows=20))
    data = run.chunks(VALUES, cut(diabetes(), [60, 200]))
    residuals = run.details(data).residuals
    assert residuals is not None
    for name, value in residuals.quantiles.items():
        expected = np.quantile(true - predicted, float(name))
        assert value == pytest.approx(expected, rel=1e-12)
    assert sum(residuals.counts) == diabetes().num_rows
    median = metrics.median_absolute_error(true, predicted)
    assert result(data).metrics["median_absolute_error"] == pytest.approx(median, rel=1e-12)


def test_slices_are_measured_alone(tmp_path: Path) -> None:
    """Each value of a slice column has the numbers that its rows have by themselves."""
    hospital = np.array(["north", "south", "west"])[np.arange(cancer().num_rows) % 3]
    table = cancer().append_column("slice:hospital", pa.array(hospital).dictionary_encode())
    run = InProcess(tmp_path)
    [slices] = run.details(run.chunks(CANCER, cut(table, [100, 250]))).slices.values()
    assert [one.value for one in slices] == ["north", "south", "west"]
    for one in slices:
        alone = result(
            run.chunks(CANCER, cut(cancer().filter(pa.array(hospital == one.value)), []))
        )
        assert one.rows == alone.rows
        assert one.metrics == alone.metrics
        assert one.undefined == alone.undefined
        assert {"accuracy", "f1_score", "log_loss", "ece", "roc_auc"} <= set(one.metrics)


@pytest.mark.parametrize("name", ["digits", "diabetes", "weighted", "plain"])
def test_slices_have_every_metric(name: str, tmp_path: Path) -> None:
    """Whatever is measured, each slice has all numbers of its rows alone, in any tasks."""
    spec, table = {
        "digits": (CLASSES, digits()),
        "diabetes": (VALUES, diabetes()),
        "weighted": (CANCER, weighted("cancer")),
        "plain": (CLASSES, pa.table({"y_true": ["1", "2"] * 200, "y_pred": ["1"] * 400})),
    }[name]
    values = np.array(["a", None, "b"], object)[np.arange(table.num_rows) ** 2 % 3]
    parts = table.append_column("slice:x", pa.array(values))
    parts = parts.append_column("slice:y", pa.array(np.arange(table.num_rows) % 2))
    run = InProcess(tmp_path)
    data = run.chunks(spec, cut(parts, [100, 101, 300]))
    slices = run.details(data).slices
    assert [key for key in run.tasks if key.startswith("areas-")] or name == "plain"
    for one in slices["x"]:
        mask = pa.array([value == one.value for value in values])
        alone = result(InProcess(tmp_path).chunks(spec, cut(table.filter(mask), [])))
        assert (one.metrics, one.undefined) == (alone.metrics, alone.undefined)
    small = InProcess(tmp_path, EvaluationKind(slice_task_cells=3 * table.num_rows))
    assert small.details(small.chunks(spec, cut(parts, []))).slices == slices
    bound = InProcess(tmp_path, EvaluationKind(slice_cells=1))
    few = bound.details(bound.chunks(spec, cut(parts, []))).slices["x"][0]
    ranked = "median_absolute_error" if name == "diabetes" else "roc_auc"
    assert few.undefined[ranked] == ("NO_SCORES" if name == "plain" else "TOO_MANY_ROWS")


@pytest.mark.parametrize("source", [*FORMATS, "rows", "chunks"])
def test_rows_without_a_value_are_a_slice(source: str, tmp_path: Path) -> None:
    """Null in a slice column is the value "no value", in every format, and is measured alone."""
    rows = cancer().num_rows
    sites = np.array(["north", None, "south"], object)[np.arange(rows) % 3]
    table = cancer().append_column("slice:site", pa.array(sites))
    table = table.append_column("slice:none", pa.nulls(rows))
    run = InProcess(tmp_path)
    if source == "rows":
        data = run.chunks(CANCER, [rows_to_chunk(CANCER, table.to_pydict())])
    elif source == "chunks":  # codes, a null behind a code, and plain values
        coded = table.set_column(
            table.column_names.index("slice:site"),
            "slice:site",
            pa.DictionaryArray.from_arrays(
                pa.array(np.arange(rows) % 3, pa.int8()), pa.array(["north", None, "south"])
            ),
        )
        parts = [coded.slice(0, 100), table.slice(100, 200).combine_chunks()]
        data = run.chunks(CANCER, [*(cut(part, [])[0] for part in parts), *cut(table[300:], [])])
    else:
        data = run.file(CANCER, source, written(table, source))
    slices = run.details(data).slices
    [none] = slices["none"]
    assert (none.value, none.rows) == (None, rows)
    assert [one.value for one in slices["site"]] == [None, "north", "south"]
    missing = slices["site"][0]
    mask = pa.array([site is None for site in sites])
    alone = result(InProcess(tmp_path).chunks(CANCER, cut(cancer().filter(mask), [])))
    assert missing.rows == alone.rows
    assert missing.metrics == {name: alone.metrics[name] for name in missing.metrics}


def test_the_empty_text_of_a_csv_is_a_slice_of_its_own(tmp_path: Path) -> None:
    """In CSV a slice field of two quotes is the empty text, and one without a character no value."""
    lines = b'y_true,y_pred,slice:x,feature:y\na,a,"",\na,b,,\nb,b,z,""\n'
    run = InProcess(tmp_path)
    [slices] = run.details(run.file(CLASSES, CSV, lines)).slices.values()
    assert [(one.value, one.rows) for one in slices] == [(None, 1), ("", 1), ("z", 1)]


def test_slices_of_too_many_values_fail(tmp_path: Path) -> None:
    """A slice column of more than 200 values fails the evaluation with the way out, however cut."""
    values = [f"v{row}" for row in range(cancer().num_rows)]
    table = cancer().append_column("slice:patient", pa.array(values))
    for edges in ([], [150, 300, 450]):
        with pytest.raises(BadPredictions, match=r"column slice:patient: .* at most 200"):
            InProcess(tmp_path).chunks(CANCER, cut(table, edges))


def test_mistakes_bear_their_rows(tmp_path: Path) -> None:
    """Each mistake names its row, id and features; the most confident of a cell come first."""
    rows = cancer().num_rows
    table = cancer()
    table = table.append_column("row_id", pa.array([f"patient {row}" for row in range(rows)]))
    table = table.append_column("feature:age", pa.array([row % 90 for row in range(rows)]))
    table = table.append_column(
        "feature:ward", pa.array([None, "é", "b", "c"] * rows).slice(0, rows)
    )
    run = InProcess(tmp_path)
    data = run.chunks(CANCER, cut(table, [100, 101, 400]))
    cells = run.details(data).mistakes
    assert cells is not None
    confusion = result(data).confusion
    assert confusion is not None
    assert {(c.true_label, c.predicted_label): c.total for c in cells} == {
        ("malignant", "benign"): confusion[0][1], ("benign", "malignant"): confusion[1][0]
    }  # fmt: skip  # one mapping
    for cell in cells:
        sure = [one.confidence or 0.0 for one in cell.kept]
        assert sure == sorted(sure, reverse=True)
        for one in cell.kept:
            score = table["score"][one.row].as_py()
            assert table["y_true"][one.row].as_py() == cell.true_label
            assert one.row_id == f"patient {one.row}"
            assert one.confidence == (score if cell.predicted_label == "malignant" else 1 - score)
            assert json.loads(one.features) == {
                "age": one.row % 90, "ward": [None, "é", "b", "c"][one.row % 4]
            }  # fmt: skip  # one mapping


def test_intervals_have_the_method_that_fits(tmp_path: Path) -> None:
    """Shares have Wilson's interval, AUC DeLong's, and the rest the bootstrap's."""
    run = InProcess(tmp_path)
    data = run.chunks(CANCER, cut(cancer(), [100]))
    found = run.details(data).intervals
    methods = {name: found[name].method for name in ("accuracy", "recall", "roc_auc", "log_loss")}
    assert list(methods.values()) == ["wilson", "wilson", "delong", "bootstrap"]
    for name, one in found.items():
        assert one.low <= result(data).metrics[name] <= one.high


def told(run: InProcess, data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the methods of metrics with an interval, and the reasons of all others."""
    details = run.details(data)
    found = {name: one.method for name, one in details.intervals.items()}
    metrics = {*result(data).metrics, *result(data).undefined}
    assert found.keys() | details.without_interval.keys() == metrics
    assert not found.keys() & details.without_interval.keys()
    return found, dict(details.without_interval)


def test_every_metric_has_an_interval_or_a_reason(tmp_path: Path) -> None:
    """Clusters and weights leave the bootstrap alone; what no method fits says so."""
    run = InProcess(tmp_path)
    plain, reasons = told(run, run.chunks(CANCER, cut(cancer(), [100])))
    assert reasons == dict.fromkeys(["average_precision", "ece", "ece_signed", "mce"], "NO_METHOD")
    clustered = cancer().append_column("cluster_id", pa.array(np.arange(cancer().num_rows) // 9))
    for table, reason in (
        (clustered, "CLUSTERED_ROWS"),
        (weighted("cancer"), "WEIGHTED_ROWS"),
    ):
        found, others = told(run, run.chunks(CANCER, cut(table, [100])))
        assert set(found.values()) == {"bootstrap"}
        assert found.keys() == plain.keys() - {"roc_auc"}
        assert others == {**reasons, "roc_auc": reason}
    found, reasons = told(run, run.chunks(VALUES, cut(diabetes(), [])))
    assert found.keys() == {"mae", "mse", "rmse", "r2", "explained_variance"}
    assert set(reasons.values()) == {"NO_METHOD"}


def test_what_is_undefined_gives_its_own_reason(tmp_path: Path) -> None:
    """A metric without a value, or whose 0 stands for a division by zero, has no interval."""
    table = pa.table({"y_true": ["no", "no", "yes"], "y_pred": ["no"] * 3})
    run = InProcess(tmp_path)
    plain = EvaluationSpec(task_type=TaskType.CLASSIFICATION)
    _, reasons = told(run, run.chunks(plain, cut(table, [])))
    assert reasons["precision"] == "NO_PREDICTED"
    assert (reasons["mcc"], reasons["log_loss"]) == ("SINGLE_CLASS", "NO_SCORES")
    scored = pa.table({"y_true": ["no", "no", "yes"], "score": [0.2, 0.4, 0.6]})
    _, reasons = told(run, run.chunks(plain, cut(scored, [])))
    assert reasons["roc_auc"] == "TOO_FEW_ROWS"
    assert reasons["kappa"] == "UNDEFINED_REPLICATE"  # some replicate holds one class alone


def test_many_rows_have_intervals_from_their_counts(tmp_path: Path) -> None:
    """Above 50 000 rows counts are resampled by cell, the same however cut; sums say why not."""
    rng = np.random.default_rng(5)
    rows = 60_000
    true = rng.random(rows) < 0.4
    score = np.round(np.clip(true * 0.3 + rng.random(rows) * 0.7, 0, 1), 3)
    table = pa.table({"y_true": pa.array(true), "score": score})
    plain = EvaluationSpec(task_type=TaskType.CLASSIFICATION)
    run = InProcess(tmp_path)
    data = run.chunks(plain, cut(table, [20_000]))
    found, reasons = told(run, data)
    assert found["f1_score"] == found["kappa"] == "bootstrap"
    assert (found["accuracy"], found["roc_auc"]) == ("wilson", "delong")
    assert (reasons["log_loss"], reasons["brier"]) == ("TOO_MANY_ROWS", "TOO_MANY_ROWS")
    order = np.random.default_rng(6).permutation(rows)
    other = run.chunks(plain, cut(table.take(pa.array(order)), [1, 30_000]))
    assert run.details(other).intervals == run.details(data).intervals
    for name, one in run.details(data).intervals.items():
        assert one.low <= result(data).metrics[name] <= one.high
    clustered = table.append_column("cluster_id", pa.array(np.arange(rows) // 9))
    found, reasons = told(run, run.chunks(plain, cut(clustered, [])))
    assert found == {}
    assert reasons["accuracy"] == "TOO_MANY_ROWS"


def test_clusters_are_resampled_together(tmp_path: Path) -> None:
    """Rows that are all doubled have the intervals of single rows if a cluster says so."""
    rows = cancer().num_rows
    single = cancer().append_column("cluster_id", pa.array(range(rows)))
    run = InProcess(tmp_path)
    once = run.details(run.chunks(CANCER, cut(single, []))).intervals
    twice = run.details(run.chunks(CANCER, cut(pa.concat_tables([single] * 2), [700]))).intervals
    assert once == twice


@pytest.mark.parametrize("column", ["cluster_id", "slice:x"])
def test_chunks_without_a_slice_or_cluster_fail(column: str, tmp_path: Path) -> None:
    """A slice or cluster column that only some chunks have fails the evaluation."""
    some = cancer().append_column(column, pa.array(["a"] * cancer().num_rows))
    with pytest.raises(BadPredictions, match=r"The chunk at row 569 has .* no "):
        InProcess(tmp_path).chunks(CANCER, [*cut(some, []), *cut(cancer(), [])])


def test_a_large_regression_is_not_looked_at_again(tmp_path: Path) -> None:
    """A regression of too many rows to be resampled, without slices, has no tasks that look."""
    values = np.random.default_rng(1).random(60_000)
    table = pa.table({"y_true": values, "y_pred": values + 0.5})
    run = InProcess(tmp_path)
    details = run.details(run.chunks(VALUES, cut(table, [30_000])))
    assert details.intervals == {}
    assert details.without_interval["mae"] == "TOO_MANY_ROWS"
    assert not [key for key in run.tasks if key.startswith("second-pass-")]
