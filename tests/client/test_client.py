"""The Python client against the running service."""

import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import metrics

from assay.client import (
    BadInput,
    Client,
    Conflict,
    EvaluationFailed,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RetryPolicy,
    ServiceUnavailable,
    Unauthenticated,
)
from assay.client.types import JobEvent, JobStatus

LABELS = ["ant", "bee", "cat"]


def rows(count, seed=1):
    """Random truths and probabilities over LABELS."""
    made = np.random.default_rng(seed)
    scores = made.dirichlet(np.ones(3), count)
    truth = np.array(LABELS)[made.integers(0, 3, count)]
    return truth, np.array(LABELS)[scores.argmax(axis=1)], scores


def test_arrays_give_the_numbers_of_scikit_learn(client, fresh):
    """An evaluation of NumPy arrays has the metrics that scikit-learn computes."""
    model, version = fresh()
    truth, pred, scores = rows(2_000)
    done = client.evaluate(
        model, version, y_true=truth, y_pred=pred, scores=scores, labels=LABELS, row_id=range(2_000)
    )
    assert (done.status, done.rows, done.revision) == ("succeeded", 2_000, 1)
    assert done.labels == tuple(LABELS)
    assert done.metrics["accuracy"] == metrics.accuracy_score(truth, pred)
    assert done.metrics["log_loss"] == pytest.approx(metrics.log_loss(truth, scores), rel=1e-12)
    summary = client.performance.summary(model, version)
    assert summary.metrics == done.metrics
    matrix = client.performance.confusion_matrix(model, version)
    expected = metrics.confusion_matrix(truth, pred, labels=LABELS)
    assert matrix.shares is None
    shares = client.performance.confusion_matrix(model, version, normalize=True).shares
    assert shares is not None
    normalized = metrics.confusion_matrix(truth, pred, labels=LABELS, normalize="true")
    assert np.array(shares) == pytest.approx(normalized, rel=1e-12)
    assert [list(row) for row in matrix.counts] == expected.tolist()
    report = client.performance.classification_report(model, version, average="macro")
    assert report.overall.f1_score == metrics.f1_score(truth, pred, average="macro")
    assert list(report.per_class) == LABELS


def test_every_way_in_gives_the_same_result(client, fresh, tmp_path):
    """Lists, frames, Arrow tables and files with equal rows give results with equal hashes."""
    truth, pred, scores = rows(500)
    columns = {"y_true": truth, "y_pred": pred}
    columns |= {f"score:{label}": scores[:, at] for at, label in enumerate(LABELS)}
    frame = pd.DataFrame(columns)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    frame.to_csv(tmp_path / "p.csv", index=False, float_format="%.17g")
    frame.to_parquet(tmp_path / "p.parquet")
    model, version = fresh()
    hashes = {
        client.evaluate(model, version, "train", data).result_hash
        for data in (frame, table, columns, tmp_path / "p.csv", str(tmp_path / "p.parquet"))
    }
    by_name = client.evaluate(
        model, version, "train", y_true=list(truth), y_pred=list(pred),
        scores={label: scores[:, at] for at, label in enumerate(LABELS)}, batch_bytes=4_096,
    )  # fmt: skip
    assert hashes == {by_name.result_hash}
    revisions = [one.revision for one in client.evaluations.list(model, version, "train")]
    assert revisions == [6, 5, 4, 3, 2, 1]


def test_a_regression_keeps_its_numbers(client, fresh):
    """A regression's targets are sent as numbers."""
    model, version = fresh("regression")
    truth, pred = [3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]
    done = client.evaluate(model, version, y_true=truth, y_pred=pred)
    assert done.metrics["r2"] == pytest.approx(metrics.r2_score(truth, pred), rel=1e-12)
    assert done.labels == ()


def test_progress_tells_exact_metrics_of_the_rows_so_far(client, fresh):
    """Each acknowledgement carries the exact accuracy of all rows up to it."""
    model, version = fresh()
    truth, pred, _ = rows(3_000)
    seen = []
    client.evaluate(
        model, version, y_true=truth, y_pred=pred, batch_bytes=2_048, on_progress=seen.append
    )
    uploads = [one for one in seen if one.phase == "upload"]
    assert len(uploads) > 2
    assert uploads[-1].rows == uploads[-1].total_rows == 3_000
    for one in uploads:
        expected = metrics.accuracy_score(truth[: one.rows], pred[: one.rows])
        assert one.metrics["accuracy"] == expected
    assert seen[-1].phase == "measure"


def test_an_upload_goes_on_over_connections_that_break(service, client, fresh, cutter):
    """An upload whose connection is cut again and again ends with the result of a whole one."""
    model, version = fresh()
    truth, pred, scores = rows(20_000)
    columns = {"y_true": truth, "y_pred": pred, "scores": scores, "labels": LABELS}
    whole = client.evaluate(model, version, **columns)
    relay = cutter(200_000)
    with Client(relay.address, api_key=service.key) as broken:
        done = broken.evaluate(model, version, batch_bytes=40_000, **columns)
    assert relay.cuts >= 2
    assert done.result_hash == whole.result_hash
    assert done.metrics == whole.metrics


def test_a_watch_goes_on_over_connections_that_break(service, client, fresh, cutter):
    """Each event comes once and in order although connections are cut in between."""
    model, version = fresh()
    done = client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"])
    relay = cutter(600)
    with Client(relay.address, api_key=service.key) as broken:
        events = [one for one in broken.jobs.watch(done.job_id) if isinstance(one, JobEvent)]
    direct = [one for one in client.jobs.watch(done.job_id) if isinstance(one, JobEvent)]
    assert events == direct
    assert [one.sequence for one in direct] == list(range(1, len(direct) + 1))
    assert direct[-1].is_terminal


def test_a_watch_resumes_after_a_sequence(client, fresh):
    """A watch starts strictly after the sequence it is given, and ends if that was the last."""
    model, version = fresh()
    done = client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"])
    events = [one for one in client.jobs.watch(done.job_id) if isinstance(one, JobEvent)]
    later = [one for one in client.jobs.watch(done.job_id, 2) if isinstance(one, JobEvent)]
    assert later == events[2:]
    last = events[-1].sequence
    assert [
        one for one in client.jobs.watch(done.job_id, last) if not isinstance(one, JobStatus)
    ] == []
    assert client.jobs.get(done.job_id).last_sequence == last


def test_a_watch_sees_a_job_that_is_still_to_come(client, fresh):
    """A watch that began before the upload ended sees the job to its end."""
    model, version = fresh()
    seen, started = [], threading.Event()

    def told(standing):
        if not started.is_set() and standing.phase == "upload":
            started.set()
            job = next(client.evaluations.list(model, version)).job_id
            watching.append(threading.Thread(target=lambda: seen.extend(client.jobs.watch(job))))
            watching[0].start()

    watching: list[threading.Thread] = []
    client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"], on_progress=told)
    watching[0].join(30)
    states = [one.state_changed.status for one in seen if isinstance(one, JobEvent)]
    assert states[0] == "open"
    assert states[-1] == "succeeded"


def test_bad_predictions_are_refused_by_row_and_column(client, fresh):
    """A score that is no probability is refused with its row and column, and nothing is kept."""
    model, version = fresh(labels=["no", "yes"], positive_label="yes")
    with pytest.raises(InvalidRequest) as refused:
        client.evaluate(model, version, y_true=["no", "yes"], scores=[0.5, 1.5])
    assert refused.value.reason == "BAD_PREDICTIONS"
    assert "1.5" in refused.value.message
    assert "score" in refused.value.message
    assert refused.value.request_id
    (left,) = client.evaluations.list(model, version)
    assert left.status == "canceled"
    with pytest.raises(FailedPrecondition) as nothing:
        client.performance.summary(model)
    assert nothing.value.reason == "NO_TRAINED_VERSION"


@pytest.mark.parametrize(
    "truth",
    [
        np.ma.masked_array([1.0, 100.0, 3.0], mask=[False, True, False]),
        [1.0, None, 3.0],
        np.array([1.0, None, 3.0], dtype=object),
        pd.Series([1, None, 3], dtype="Int64"),
    ],
)
def test_a_missing_truth_is_named_by_its_row(client, fresh, truth):
    """What is masked, None or NA is refused as missing, and nothing under a mask is a truth."""
    model, version = fresh("regression")
    with pytest.raises(InvalidRequest, match="row 1, column y_true: the value is missing"):
        client.evaluate(model, version, y_true=truth, y_pred=[1.0, 2.0, 3.0])


def test_arguments_in_another_order_are_told(client):
    """Columns or rows in the place of the split are refused with the order, before any call."""
    with pytest.raises(BadInput, match="the order is model, version, split and data"):
        client.evaluate("m", "v", ["a"], ["b"])
    with pytest.raises(BadInput, match="the order is model, version, split and rows"):
        client.evaluate_rows("m", "v", [{"y_true": "a", "y_pred": "a"}])
    with pytest.raises(BadInput, match="pass a list of mappings"):
        client.evaluate_rows("m", "v", "test", {"y_true": "a"})


def test_a_file_is_measured_as_its_rows_are(client, fresh, tmp_path):
    """A file that misleads is refused by line, and what is wrong is told as over REST."""
    file = tmp_path / "p.csv"
    file.write_text('y_true,y_pred,feature:note\nok,ok,"fine\nbad,ok,x\n')
    model, version = fresh()
    with pytest.raises(EvaluationFailed, match=r"row 0 \(line 2\) is no CSV: a quote") as failed:
        client.evaluate(model, version, "test", file)
    assert failed.value.reason == "BAD_FILE"


def test_duplicates_across_chunks_are_found(client, fresh):
    """A row id that occurs in two chunks ends the evaluation without a result, naming it."""
    from assay.client import EvaluationFailed

    model, version = fresh()
    ids = [f"row-{number}" for number in range(2_000)]
    ids[1_999] = "row-7"
    labels = ["a", "b"] * 1_000
    with pytest.raises(EvaluationFailed, match="row-7") as refused:
        client.evaluate(model, version, y_true=labels, y_pred=labels, row_id=ids, batch_bytes=4_096)
    assert refused.value.reason == "BAD_PREDICTIONS"


def test_no_rows_are_refused(client, fresh):
    """An evaluation of nothing is refused before it is queued."""
    model, version = fresh()
    with pytest.raises(BadInput, match="no rows"):
        client.evaluate(model, version, y_true=[], y_pred=[])


def test_refusals_are_typed(service, client, fresh):
    """Each kind of refusal is an exception of its own, with reason and metadata."""
    with pytest.raises(NotFound) as absent:
        client.models.get("mdl-absent")
    assert absent.value.reason == "NOT_FOUND"
    assert absent.value.metadata["resource_id"] == "mdl-absent"
    model, version = fresh()
    with pytest.raises(Conflict):
        client.models.create("again", "classification", model_id=model)
    with pytest.raises(FailedPrecondition) as early:
        client.versions.promote(model, version)
    assert early.value.reason == "VERSION_NOT_READY"
    with pytest.raises(InvalidRequest) as wrong:
        client.models.create("x", "clustering")
    assert wrong.value.violations[0].field == "task_type"
    with Client(service.grpc) as nobody, pytest.raises(Unauthenticated):
        nobody.models.get(model)
    key = client.keys.create("reader", ["model:read"])
    with Client(service.grpc, api_key=key.secret) as reader:
        assert reader.models.get(model).model_id == model
        with pytest.raises(PermissionDenied):
            reader.versions.create(model)
    client.keys.revoke(key.key.prefix)
    assert next(one for one in client.keys.list() if one.prefix == key.key.prefix).revoked_at


def test_a_service_that_is_not_there_is_said_to_be_away():
    """A client gives up after its patience, with an exception of its own."""
    patience = RetryPolicy(seconds=0.2, first_wait=0.05)
    with Client("127.0.0.1:1", retry=patience) as client, pytest.raises(ServiceUnavailable):
        client.server.info()


def test_promotion_is_seen_by_readers(client, fresh):
    """After a promotion a summary without a version is that of the promoted one."""
    model, first = fresh()
    second = client.versions.create(model, hyperparameters={"depth": 3, "name": "x"}).version_id
    client.evaluate(model, first, y_true=["a", "b"], y_pred=["a", "a"])
    client.evaluate(model, second, y_true=["a", "b"], y_pred=["a", "b"])
    client.versions.promote(model, first)
    assert client.performance.summary(model).version_id == first
    done = client.versions.promote(model, second)
    assert done.version_number == 2
    assert client.performance.summary(model).version_id == second
    promoted = [one.version_id for one in client.versions.list(model) if one.is_promoted]
    assert promoted == [second]
    assert client.versions.get(model, second).hyperparameters == {"depth": 3.0, "name": "x"}
    assert model in {one.model_id for one in client.models.list()}


def test_server_info_needs_no_credential(service):
    """Anybody may ask which limits are in force."""
    with Client(service.grpc) as nobody:
        assert nobody.server.info().limits.chunk_bytes == 1 << 20


def test_a_client_without_arguments_reads_the_environment(service, monkeypatch):
    """`Client()` finds the service and the key in ASSAY_URL and ASSAY_API_KEY."""
    monkeypatch.setenv("ASSAY_URL", f"grpc://{service.grpc}")
    monkeypatch.setenv("ASSAY_API_KEY", service.key)
    with Client() as client:
        assert client.models.create("by environment", "regression").status == "draft"
    with Client(service.grpc) as nobody, pytest.raises(Unauthenticated):
        next(nobody.models.list())  # a service that is named is not sent the environment's key
    monkeypatch.setenv("ASSAY_TIMEOUT_SECONDS", "soon")
    with pytest.raises(BadInput, match="ASSAY_TIMEOUT_SECONDS"):
        Client()


def test_numbers_of_numpy_are_numbers(client, fresh):
    """Hyperparameters may be NumPy's scalars; what cannot be sent is named."""
    model, _ = fresh()
    made = client.versions.create(
        model, hyperparameters={"n": np.int64(3), "rate": np.float32(0.5)}
    )
    assert made.hyperparameters == {"n": 3.0, "rate": 0.5}
    with pytest.raises(BadInput, match="hyperparameters"):
        client.versions.create(model, hyperparameters={"n": object()})
