"""An evaluation has the numbers of scikit-learn, and the same bytes however its rows came."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import datasets, linear_model, metrics, model_selection, preprocessing

from assay import records
from assay.features.evaluations.ingest import count, ingest_chunk, row_hashes
from assay.features.evaluations.job import EvaluationKind
from assay.features.evaluations.job_results import live_state
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.partial_aggregate import PartialAggregate, merge
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import TaskType
from assay.features.models.versions_store import Versions
from assay.kernel.errors import BadPredictions, FailedPrecondition
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, VersionStatus
from assay.records import arrays, sha256_hex
from assay.records import encode as encode_record
from assay.tabular.arrow import encode, read_chunk
from assay.tabular.chunk import Rules
from assay.tabular.opening import CSV
from tests.fixtures.jobs import PATIENCE, JobHarness
from tests.support.colliding_ids import colliding_ids
from tests.support.evaluation_in_process import InProcess, asked_for, result, result_of
from tests.support.file_formats import FORMATS, written
from tests.support.remote_blobs import RemoteBlobs

CLASSES = EvaluationSpec(task_type=TaskType.CLASSIFICATION)
CANCER = EvaluationSpec(
    task_type=TaskType.CLASSIFICATION, labels=("malignant", "benign"), positive_label="malignant"
)
VALUES = EvaluationSpec(task_type=TaskType.REGRESSION)

Table = pa.Table


@functools.cache
def cancer() -> Table:
    """Breast cancer: a lone score of declared labels."""
    data = datasets.load_breast_cancer()
    model = linear_model.LogisticRegression(max_iter=200)
    scores = model_selection.cross_val_predict(
        model, preprocessing.scale(data.data), data.target, cv=3, method="predict_proba"
    )
    names = np.array(["malignant", "benign"])
    return pa.table({"y_true": names[data.target], "score": scores[:, 0]})


@functools.cache
def digits() -> Table:
    """Digits: ten classes with a score each, and row ids."""
    data = datasets.load_digits()
    model = linear_model.LogisticRegression(max_iter=60, tol=1e-2)
    scores = model_selection.cross_val_predict(
        model, data.data / 16, data.target, cv=2, method="predict_proba"
    )
    ids = [f"digit-{row}" for row in range(len(scores))]
    columns = {f"score:{label}": scores[:, label] for label in range(10)}
    return pa.table({"y_true": data.target, **columns, "row_id": ids})


@functools.cache
def diabetes() -> Table:
    """Diabetes: a regression."""
    data = datasets.load_diabetes()
    predicted = model_selection.cross_val_predict(linear_model.Ridge(), data.data, data.target)
    return pa.table({"y_true": data.target, "y_pred": predicted})


def cut(table: Table, edges: list[int]) -> list[bytes]:
    """Return the table as chunks that begin at `edges`."""
    bounds = sorted({0, table.num_rows, *edges})
    return [encode(table.slice(low, high - low)) for low, high in itertools.pairwise(bounds)]


def test_binary_numbers_are_scikit_learns(tmp_path: Path) -> None:
    """On breast cancer every number equals scikit-learn's, with malignant as positive class."""
    got = result(InProcess(tmp_path).chunks(CANCER, cut(cancer(), [100, 101])))
    true = np.array(cancer()["y_true"])
    score = np.array(cancer()["score"])
    pred = np.where(score >= 0.5, "malignant", "benign")
    assert got.task == "binary"
    assert got.positive_label == "malignant"
    assert got.metrics["accuracy"] == metrics.accuracy_score(true, pred)
    for name, ours in (("precision", metrics.precision_score), ("recall", metrics.recall_score),
                       ("f1_score", metrics.f1_score)):  # fmt: skip  # pairs
        assert got.metrics[name] == ours(true, pred, pos_label="malignant")
    assert got.metrics["roc_auc"] == pytest.approx(
        metrics.roc_auc_score(true == "malignant", score), rel=1e-12
    )
    loss = metrics.log_loss(
        true, np.column_stack([1 - score, score]), labels=["benign", "malignant"]
    )
    assert got.metrics["log_loss"] == pytest.approx(loss, rel=1e-12)
    assert got.metrics["brier"] == pytest.approx(
        metrics.brier_score_loss(true == "malignant", score), rel=1e-12
    )
    labels = ["malignant", "benign"]
    assert np.array_equal(got.confusion, metrics.confusion_matrix(true, pred, labels=labels))  # type: ignore[arg-type]  # not None
    assert got.spec["predictions"] == "derived"
    assert got.spec["threshold"] == 0.5


def test_multiclass_numbers_are_scikit_learns(tmp_path: Path) -> None:
    """On digits every class and average equals scikit-learn's report, and ROC AUC is macro."""
    got = result(InProcess(tmp_path).chunks(CLASSES, cut(digits(), [500, 1000])))
    true = np.array(digits()["y_true"])
    scores = np.column_stack([np.array(digits()[f"score:{label}"]) for label in range(10)])
    report = metrics.classification_report(true, scores.argmax(axis=1), output_dict=True)
    assert not got.label_set_inferred
    for row in got.per_class:
        theirs = report[row.label]
        assert (row.precision, row.recall, row.f1_score, row.support) == (
            theirs["precision"], theirs["recall"], theirs["f1-score"], int(theirs["support"])
        )  # fmt: skip  # one row
    for name in ("macro", "weighted"):
        assert got.averages[name]["f1_score"] == report[f"{name} avg"]["f1-score"]
    assert got.metrics["f1_score"] == got.averages["weighted"]["f1_score"]
    area = metrics.roc_auc_score(true, scores, multi_class="ovr")
    assert got.metrics["roc_auc"] == pytest.approx(area, rel=1e-12)
    assert got.metrics["log_loss"] == pytest.approx(metrics.log_loss(true, scores), rel=1e-12)


def test_regression_numbers_are_scikit_learns(tmp_path: Path) -> None:
    """On diabetes mae, mse, rmse and r2 equal scikit-learn's."""
    got = result(InProcess(tmp_path).chunks(VALUES, cut(diabetes(), [7])))
    true, pred = (np.array(diabetes()[name]) for name in ("y_true", "y_pred"))
    for name, ours in (("mae", metrics.mean_absolute_error), ("mse", metrics.mean_squared_error),
                       ("rmse", metrics.root_mean_squared_error), ("r2", metrics.r2_score)):  # fmt: skip  # pairs
        assert got.metrics[name] == pytest.approx(ours(true, pred), rel=1e-12)
    assert got.confusion is None


@functools.cache
def weighted(name: str) -> Table:
    """A table with weights of up to three places."""
    table = {"cancer": cancer, "diabetes": diabetes}[name]()
    weights = np.random.default_rng(4).integers(0, 3000, table.num_rows) / 1000
    return table.append_column("weight", pa.array(weights))


TABLES = {
    "cancer": (CANCER, cancer),
    "digits": (CLASSES, digits),
    "diabetes": (VALUES, diabetes),
    "weighted cancer": (CANCER, lambda: weighted("cancer")),
    "weighted diabetes": (VALUES, lambda: weighted("diabetes")),
}


def test_weighted_numbers_are_scikit_learns(tmp_path: Path) -> None:
    """With weights every number equals scikit-learn's with sample_weight; support stays rows."""
    got = result(InProcess(tmp_path).chunks(CANCER, cut(weighted("cancer"), [100])))
    table = weighted("cancer")
    true, score, weight = (np.array(table[name]) for name in ("y_true", "score", "weight"))
    pred = np.where(score >= 0.5, "malignant", "benign")
    for name, theirs in (("accuracy", metrics.accuracy_score(true, pred, sample_weight=weight)),
                         ("precision", metrics.precision_score(
                             true, pred, pos_label="malignant", sample_weight=weight)),
                         ("roc_auc", metrics.roc_auc_score(
                             true == "malignant", score, sample_weight=weight)),
                         ("average_precision", metrics.average_precision_score(
                             true == "malignant", score, sample_weight=weight))):  # fmt: skip  # pairs
        assert got.metrics[name] == pytest.approx(theirs, rel=1e-12)
    assert got.weight == pytest.approx(weight.sum(), rel=1e-12)
    assert sum(row.support for row in got.per_class) == got.rows == table.num_rows
    assert got.per_class[0].weight == pytest.approx(weight[true == "malignant"].sum(), rel=1e-12)


def test_weights_in_some_chunks_only_fail(tmp_path: Path) -> None:
    """A chunk without weights among chunks with them fails the evaluation, naming its first row."""
    chunks = [*cut(weighted("cancer"), []), *cut(cancer(), [])]
    with pytest.raises(BadPredictions, match=r"The chunk at row 569 has .* no weight"):
        InProcess(tmp_path).chunks(CANCER, chunks)


def test_weights_without_end_fail(tmp_path: Path) -> None:
    """Weights that add up to more than is exact fail, in one chunk or in several."""
    heavy = pa.table({"y_true": [0] * 6000, "y_pred": [0] * 6000, "weight": [1_000_000] * 6000})
    for edges in ([], [3000]):
        with pytest.raises(BadPredictions, match="the weights add up to more than 9007199254"):
            InProcess(tmp_path).chunks(CLASSES, cut(pa.concat_tables([heavy] * 2), edges))


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_chunks_change_a_byte(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Rows cut anywhere, in tasks of any size, give the same bytes, details included."""
    spec, load = TABLES[name]
    table = load()
    whole = InProcess(tmp_path).chunks(spec, cut(table, []))
    edges = data.draw(st.lists(st.integers(1, table.num_rows - 1), max_size=4))
    rows = data.draw(st.sampled_from([50, 333, 6_000_000]))
    small = InProcess(
        tmp_path, EvaluationKind(one_task_cells=0, max_rows=rows, second_pass_rows=rows)
    )
    assert small.chunks(spec, cut(table, edges)) == whole
    if rows < table.num_rows and "diabetes" not in name:
        assert sum(key.startswith("rank-") for key in small.tasks) > 1


@pytest.mark.parametrize("name", TABLES)
def test_no_order_changes_a_number(name: str, tmp_path: Path) -> None:
    """Any permutation of the rows gives the same result, and details but for what names rows."""
    spec, load = TABLES[name]
    order = np.random.default_rng(6).permutation(load().num_rows)
    found = []
    for table in (load(), load().take(pa.array(order))):
        run = InProcess(tmp_path)
        data = run.chunks(spec, cut(table, [77, 300]))
        details = run.details(data)
        # Rows without ids are resampled, and shown, by their numbers.
        found.append((records.replace(result(data), details=None), records.replace(details, mistakes=None,
                      intervals=details.intervals if "row_id" in table.column_names else {})))  # fmt: skip  # a pair
        if details.mistakes is not None:
            found[-1] += (  # type: ignore[operator]  # one more
                [(c.true_label, c.total, [k.confidence for k in c.kept]) for c in details.mistakes],
            )
    assert found[0] == found[1]


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("name", TABLES)
def test_a_file_says_what_chunks_say(name: str, source: str, tmp_path: Path) -> None:
    """A file of the same values gives the same bytes as Arrow chunks, whatever its format."""
    spec, load = TABLES[name]
    chunks = InProcess(tmp_path).chunks(spec, cut(load(), [50]))
    assert InProcess(tmp_path).file(spec, source, written(load(), source)) == chunks


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("name", TABLES)
def test_a_file_needs_no_local_path(name: str, source: str, tmp_path: Path) -> None:
    """A file in a store without local files gives the same bytes as one on the local disk."""
    spec, load = TABLES[name]
    data = written(load(), source)
    local = InProcess(tmp_path).file(spec, source, data)
    assert InProcess(RemoteBlobs()).file(spec, source, data) == local


@pytest.mark.parametrize("source", FORMATS)
def test_a_remote_file_is_fetched_by_ranges(source: str) -> None:
    """A large file in a store without local files is never fetched whole."""
    rows = 100_000
    noise = np.random.default_rng(5).random((rows, 2))
    table = pa.table({"y_true": noise[:, 0], "y_pred": noise[:, 1]})
    data, blobs = written(table, source), RemoteBlobs()
    InProcess(blobs).file(VALUES, source, data)
    assert 0 < blobs.largest < len(data)


def test_renormalized_scores_rank_as_they_count(tmp_path: Path) -> None:
    """With renormalize, sums and ranks are those of the divided scores, and this is echoed."""
    doubled = digits()
    for label in range(10):
        at = doubled.column_names.index(f"score:{label}")
        halved = pa.array(np.array(doubled[f"score:{label}"]) / 2)
        doubled = doubled.set_column(at, f"score:{label}", halved)
    spec = EvaluationSpec(task_type=TaskType.CLASSIFICATION, renormalize=True)
    got = result(InProcess(tmp_path).chunks(spec, cut(doubled, [77])))
    plain = result(InProcess(tmp_path).chunks(CLASSES, cut(digits(), [])))
    assert got.metrics["roc_auc"] == pytest.approx(plain.metrics["roc_auc"], rel=1e-9)
    assert got.spec["renormalize"] is True


def test_repeated_ids_fail_naming_twenty(tmp_path: Path) -> None:
    """Row ids that two chunks share fail the evaluation, which names up to 20 and their rows."""
    table = pa.table({"y_true": [0, 1] * 50, "y_pred": [0, 1] * 50,
                      "row_id": [f"r{row % 60}" for row in range(100)]})  # fmt: skip  # columns
    sizes = EvaluationKind(max_rows=7)
    with pytest.raises(BadPredictions) as caught:
        InProcess(tmp_path, sizes).chunks(CLASSES, cut(table, [60]))
    assert caught.value.metadata["count"] == "40"
    assert "'r0' (rows 0 and 60)" in caught.value.message
    assert "'r19' (rows 19 and 79)" in caught.value.message
    assert "'r20'" not in caught.value.message


def test_a_result_bears_its_spec_and_the_hash_of_it(tmp_path: Path) -> None:
    """A result says all that decided its numbers; the hash names that, and changes with it."""
    run = InProcess(tmp_path)
    got = result(run.chunks(CANCER, cut(cancer(), [])))
    assert got.spec_hash == sha256_hex(encode_record(got.spec))
    settled = {
        "task": "binary", "labels": ["malignant", "benign"], "positive_label": "malignant",
        "label_set_inferred": False, "headline": "positive", "zero_division": "zero",
        "absent_class_policy": "include_as_zero", "log_loss_epsilon": 2.0**-52, "scores": "positive",
        "predictions": "derived", "threshold": 0.5, "weights": None, "renormalize": False,
        "calibration_bins": 15,
    }  # fmt: skip  # a table
    assert {name: got.spec[name] for name in settled} == settled
    heavy = result(run.chunks(CANCER, cut(weighted("cancer"), [])))
    other = result(
        run.chunks(records.replace(CANCER, labels=("benign", "malignant")), cut(cancer(), []))
    )
    assert len({got.spec_hash, heavy.spec_hash, other.spec_hash}) == 3
    assert other.spec["labels"] == ["benign", "malignant"]


def test_rows_of_labels_alone_have_the_same_content_by_cell_and_by_row(tmp_path: Path) -> None:
    """The content hash of labels alone, taken by cell, is that of their rows' hashes."""
    rng = np.random.default_rng(2)
    for labels in (["b", "a", "é"], ["only"]):
        table = pa.table({name: rng.choice(labels, 500) for name in ("y_true", "y_pred")})
        chunk = read_chunk(encode(table), Rules(), 0)
        lanes = row_hashes(chunk)
        whole = replace(count(chunk), content=(int(lanes.sum()), _mixed(lanes)))
        assert whole.content_hash == count(chunk).content_hash
        data = InProcess(tmp_path).chunks(CLASSES, cut(table, [77]))
        assert result(data).content_hash == whole.content_hash


def _mixed(lanes: np.ndarray) -> int:
    """Return the sum of splitmix64 of each word, modulo 2**64."""
    words = lanes + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((words ^ (words >> np.uint64(31))).sum())


def test_ids_that_share_a_hash_are_not_repeated(tmp_path: Path) -> None:
    """Two ids with one 64-bit hash are two rows; a true repeat beside them is still named."""
    one, other = colliding_ids()
    rows = {"y_true": [0, 1], "y_pred": [0, 1]}
    first, second = (pa.table({**rows, "row_id": ids}) for ids in ([one, "a"], [other, "b"]))
    chunks = [encode(first), encode(second)]
    assert result(InProcess(tmp_path).chunks(CLASSES, chunks)).rows == 4
    again = encode(pa.table({**rows, "row_id": ["c", one]}))
    with pytest.raises(BadPredictions) as caught:
        InProcess(tmp_path).chunks(CLASSES, [*chunks, again])
    assert f"'{one}' (rows 0 and 5)" in caught.value.message
    assert other not in caught.value.message


def test_a_label_table_may_change_between_chunks(tmp_path: Path) -> None:
    """Dictionaries in another order, plain strings and integers of the same labels are the same rows."""
    labels = ["1", "2", "3"] * 40
    plain = pa.table({"y_true": labels, "y_pred": labels[::-1]})
    whole = InProcess(tmp_path).chunks(CLASSES, cut(plain, []))

    def coded(order: list[str], first: int) -> pa.Table:
        places = {label: place for place, label in enumerate(order)}
        return pa.table({
            name: pa.DictionaryArray.from_arrays(
                pa.array([places[label] for label in plain[name].to_pylist()[first : first + 30]]),
                pa.array(order),
            ) for name in ("y_true", "y_pred")
        })  # fmt: skip  # one table

    integers = plain.slice(60, 30).cast(pa.schema([(n, pa.int64()) for n in plain.column_names]))
    parts = [coded(["3", "1", "2"], 0), coded(["2", "unused", "3", "1"], 30), integers, plain[90:]]
    assert InProcess(tmp_path).chunks(CLASSES, [encode(part) for part in parts]) == whole


def test_chunks_of_other_columns_fail_naming_the_row(tmp_path: Path) -> None:
    """A chunk with other columns than the first fails the evaluation, which names its first row."""
    chunks = cut(pa.table({"y_true": [0, 1], "score": [0.1, 0.9], "y_pred": [0, 1]}), [])
    chunks += cut(pa.table({"y_true": [0, 1], "y_pred": [0, 1]}), [])
    with pytest.raises(BadPredictions, match="The chunk at row 2 has no scores"):
        InProcess(tmp_path).chunks(CLASSES, chunks)


def test_a_third_label_beside_a_lone_score_fails(tmp_path: Path) -> None:
    """A lone score over labels that turn out to be three fails the evaluation with the way out."""
    spec = EvaluationSpec(task_type=TaskType.CLASSIFICATION, positive_label="a")
    chunks = [
        encode(pa.table({"y_true": ["a", other], "y_pred": ["a", other], "score": [0.9, 0.1]}))
        for other in ("b", "c")
    ]
    with pytest.raises(BadPredictions, match="score:<label>"):
        InProcess(tmp_path).chunks(spec, chunks)


def test_an_unobvious_pair_has_no_positive_class(tmp_path: Path) -> None:
    """Two undeclared labels without an obvious positive give a weighted headline, echoed as such."""
    table = pa.table({"y_true": ["cat", "dog", "dog"], "y_pred": ["cat", "cat", "dog"]})
    got = result(InProcess(tmp_path).chunks(CLASSES, cut(table, [1])))
    assert got.positive_label is None
    assert got.label_set_inferred
    assert got.metrics["f1_score"] == got.averages["weighted"]["f1_score"]
    assert got.spec["headline"] == "weighted"
    assert got.undefined["roc_auc"] == "NO_SCORES"


def test_partials_of_other_environments_do_not_merge() -> None:
    """Rows counted in two numeric environments are refused, since their bits may differ."""
    chunk = encode(pa.table({"y_true": [0, 1], "y_pred": [0, 1]}))
    spec = encode_record(asked_for(CLASSES))
    ours = arrays.decode(PartialAggregate, ingest_chunk(spec, chunk, 0).partial)
    foreign = PartialAggregate(**{**ours.__dict__, "environment": "another", "first_row": 2})
    with pytest.raises(FailedPrecondition, match="numeric environments"):
        merge([ours, foreign])


def test_a_runner_of_another_environment_refuses_the_job(harness: JobHarness) -> None:
    """Rows that were counted in another numeric environment fail the job, which says so."""
    asked = harness.evaluation(CANCER)
    job = harness.job_of(asked)
    [chunk] = cut(cancer(), [])
    ours = arrays.decode(PartialAggregate, ingest_chunk(encode_record(asked), chunk, 0).partial)
    foreign = replace(ours, environment="0123456789abcdef")
    address = harness.blobs.put(job.organization_id, chunk)
    with harness.store.write() as uow:
        uow[Jobs].add_batch(
            job.organization_id, job.job_id, first_row=0, rows=ours.rows, blob=address,
            sha256=address.removeprefix("sha256:"), partial=arrays.encode(foreign),
        )  # fmt: skip  # one call
        uow[Jobs].finish_upload(job.organization_id, job.job_id, rows=ours.rows)
    harness.runner()
    harness.signals.wait("ended", job)
    ended = harness.job(job)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.reason == "FAILED_PRECONDITION"
    assert "environment 0123456789abcdef" in ended.error.message


@pytest.mark.parametrize("count", [1, 7, 8, 9, 30])
def test_live_numbers_are_those_of_each_step(count: int) -> None:
    """Partials merged at once give the numbers after each of the last eight, as one by one."""
    spec = encode_record(asked_for(CLASSES))
    chunks = cut(digits().slice(0, 10 * count), list(range(10, 10 * count, 10)))
    partials = [ingest_chunk(spec, data, 10 * at).partial for at, data in enumerate(chunks)]
    together = live_state(spec, partials)
    alone, steps = None, []
    for partial in partials:
        state = live_state(spec, [partial] if alone is None else [alone, partial])
        alone = state.merged
        steps.append(state.steps[-1])
    assert together.merged == alone
    assert list(together.steps) == steps[-8:]


def test_an_upload_becomes_an_evaluation(harness: JobHarness) -> None:
    """An uploaded and finished evaluation succeeds, is served, and makes its version ready."""
    asked = harness.evaluation(CANCER)
    harness.runner()
    harness.upload(asked, cut(cancer(), [200, 400]))
    job = harness.job_of(asked)
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        evaluation = uow[Evaluations].get(job.organization_id, asked.evaluation_id)
        version = uow[Versions].get(job.organization_id, asked.model_id, asked.version_id)
    assert evaluation.state is JobState.SUCCEEDED
    assert evaluation.is_current
    assert version.status is VersionStatus.READY
    # In a child, for its numeric environment is part of the result.
    again = harness.pool.submit(result_of, harness.folder / "again", CANCER, cut(cancer(), []))
    assert evaluation.result == result(again.result(PATIENCE))
    assert harness.levels(job)["metrics"]["metrics"]["accuracy"] == evaluation.metrics["accuracy"]


def test_a_bad_file_fails_and_leaves_the_version_alone(harness: JobHarness) -> None:
    """A CSV file with a wrong row ends FAILED, naming row and line; the version stays a draft."""
    asked = harness.evaluation(CLASSES, csv=b"y_true,score\n1,0.5\n0,1.5\n")
    harness.runner()
    job = harness.job_of(asked)
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        evaluation = uow[Evaluations].get(job.organization_id, asked.evaluation_id)
        version = uow[Versions].get(job.organization_id, asked.model_id, asked.version_id)
    assert evaluation.state is JobState.FAILED
    assert evaluation.error is not None
    assert "row 1 (line 3), column score" in evaluation.error.message
    assert version.status is VersionStatus.DRAFT


def test_the_chunks_of_a_file_are_named_by_rows(harness: JobHarness) -> None:
    """The chunks that a CSV file became are tasks of its job, so that their blobs are kept."""
    asked = harness.evaluation(CANCER, csv=written(cancer(), CSV))
    harness.runner()
    job = harness.job_of(asked)
    harness.signals.wait("ended", job)
    with harness.store.read() as uow:
        records = uow[Jobs].tasks(job.organization_id, job.job_id)
    chunks = [record for record in records if record.first_row is not None]
    assert sum(record.rows or 0 for record in chunks) == cancer().num_rows
    assert all(harness.blobs.read(job.organization_id, chunk.blob or "") for chunk in chunks)
