"""One CSV file as the gateway sends it: streamed to a blob, measured, answered."""

from __future__ import annotations

import gzip
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from assay.app import Backend
from assay.features.evaluations import feature
from assay.kernel.file_formats import FORMATS
from tests.support import rpc_service
from tests.support.file_formats import written
from tests.support.rpc_service import Caller, LoopThread, Running, binary, csv, message, pieces

DATA = binary(120)


def files(rpc: Running, organization: str | None = None) -> set[Path]:
    """Return the files below the blobs: temporary ones, or an organization's."""
    root = rpc.backend.settings.data_dir / "blobs" / (organization or "~tmp")
    return {
        path for path in root.rglob("*") if path.is_file() and path.name not in ("lock", "checks")
    }


def test_a_file_is_measured_in_one_call(me: Caller):
    """The answer to an upload is the finished evaluation with its metrics."""
    model_id, version_id = me.pair()
    done = me.rest().measure(model_id, version_id, DATA.csv, split="train")
    assert (done.status, done.dataset_split, done.rows) == ("succeeded", "train", 120)
    right = sum(a == b for a, b in zip(DATA.true, DATA.pred, strict=True))
    assert done.metrics["accuracy"] == right / 120
    assert "roc_auc" in done.metrics
    assert done.HasField("evaluated_at")
    assert done == me("GetEvaluation", evaluation_id=done.evaluation_id)


def test_an_upload_through_the_gateway_answers_201(me: Caller):
    """A measured file answers 201 over REST."""
    model_id, version_id = me.pair()
    rest = me.rest()
    rest.measure(model_id, version_id, DATA.csv)
    assert rest.headers["x-http-status"] == "201"


def test_a_refused_file_leaves_nothing_behind(me: Caller, rpc: Running):
    """Of a file whose last row is wrong neither the bytes nor the rows before it stay on the disk."""
    model_id, version_id = me.pair()
    good = binary(200_000).csv
    me.measure(model_id, version_id, DATA.csv)
    before = files(rpc, me.organization)
    with pytest.raises(grpc.RpcError) as refused:
        me.measure(model_id, version_id, good + b"1,0,what\n")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert files(rpc, me.organization) == before
    assert files(rpc) == set()


def test_the_split_is_test_by_default(me: Caller):
    """A file without dataset_split is measured as the test split."""
    model_id, version_id = me.pair()
    assert me.measure(model_id, version_id, DATA.csv, split="").dataset_split == "test"


def test_a_split_measured_again_makes_a_new_revision(me: Caller):
    """The second file of a split is revision 2, and the first evaluation is kept."""
    model_id, version_id = me.pair()
    first = me.measure(model_id, version_id, DATA.csv)
    second = me.measure(model_id, version_id, binary(50).csv)
    assert (first.revision, second.revision) == (1, 2)
    listed = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations
    assert [one.evaluation_id for one in listed] == [second.evaluation_id, first.evaluation_id]
    kept = me("GetEvaluation", evaluation_id=first.evaluation_id)
    assert (first.is_served, kept.is_served, second.is_served) == (True, False, True)
    kept.is_served = True
    assert kept == first


@pytest.mark.parametrize("sent", ["text/csv; charset=utf-8", "TEXT/CSV", "application/csv"])
def test_content_types_of_csv_are_read(me: Caller, sent: str):
    """Parameters and capitals of the content type do not matter."""
    model_id, version_id = me.pair()
    done = me.measure(model_id, version_id, DATA.csv, content_type=sent)
    assert done.status == "succeeded"


@pytest.mark.parametrize("sent", FORMATS)
def test_files_of_every_format_are_measured(me: Caller, sent: str):
    """A file of any content type that is taken gives the numbers of the same rows in CSV."""
    rows = pa.table({"y_true": DATA.true, "y_pred": DATA.pred, "score": DATA.score})
    model_id, version_id = me.pair()
    expected = me.measure(model_id, version_id, DATA.csv)
    data = written(rows, FORMATS[sent])
    done = me.measure(model_id, version_id, data, content_type=sent)
    assert (done.rows, done.metrics) == (120, expected.metrics)


@pytest.mark.parametrize(
    "data",
    [gzip.compress(DATA.csv), DATA.csv.replace(b",", b";"), DATA.csv.replace(b"\n", b"\r")],
    ids=["gzip", "semicolons", "cr"],
)
def test_a_csv_file_is_measured_however_it_is_written(me: Caller, data: bytes):
    """A packed file, other separators and other line ends give the numbers of the same rows."""
    model_id, version_id = me.pair()
    expected = me.measure(model_id, version_id, DATA.csv)
    done = me.rest().measure(model_id, version_id, data)
    assert (done.rows, done.metrics) == (120, expected.metrics)


@pytest.mark.parametrize("sent", ["application/json", "", "text/csvx", "x" * 5000])
def test_other_content_types_are_refused(me: Caller, sent: str):
    """A file of another content type is refused as 400, which names those allowed."""
    model_id, version_id = me.pair()
    refused = me.rest().refused(
        "UploadEvaluationFile", pieces(model_id, version_id, DATA.csv, content_type=sent)
    )
    assert refused.told == ("INVALID_ARGUMENT", "BAD_CONTENT_TYPE")
    assert refused.metadata["allowed"].startswith("text/csv, ")
    assert me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations == []


def test_an_empty_file_is_refused(rpc: Running, me: Caller):
    """A file of no bytes is refused as 400 before anything is stored."""
    model_id, version_id = me.pair()
    refused = me.refused("UploadEvaluationFile", pieces(model_id, version_id, b""))
    assert refused.told == ("INVALID_ARGUMENT", "BAD_FILE")
    assert files(rpc, me.organization) == set()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"y_true,y_pred", "row"),
        (b"y_true,y_pred\n", "row"),
        (b"y_true\na\n", "y_pred"),
        (csv(y_true=["no", "yes"], y_pred=["no", "yes"], score=["0.1", "1.5"]), "score"),
        (csv(y_true=["no", "yes"], y_pred=["no", "yes"], score=["0.1", "nan"]), "score"),
        (csv(y_true=["a", "b"], y_pred=["a", "b"], row_id=["r", "r"]), "r"),
        (b"\xff\xfe\x00\x01" * 100, ""),
        (b"y_true,y_pred\nno\nyes,no,maybe\n", ""),
        (b'y_true,y_pred,feature:note\nok,ok,"fine\nbad,ok,x\n', "line 2"),
        (b"y_true,y_pred,feature:a,feature:a\n1,1,2,3\n", "feature:a: it occurs twice"),
        (b"y_true,y_pred\n1,1.0\n0,0.0\n", "'1.0' is '1' in another notation"),
        (b"y_true,y_pred\n1,1\nnan,0\n", "row 1 (line 3), column y_true"),
        (b"y_true,y_pred,wieght\n1,1,2\n", "Did you mean 'weight'?"),
    ],
)
def test_a_bad_file_fails_with_the_refusal_of_its_evaluation(me: Caller, data: bytes, named: str):
    """What is wrong with a file is refused and stored as one error, which names the place."""
    model_id, version_id = me.pair()
    refused = me.rest().refused("UploadEvaluationFile", pieces(model_id, version_id, data))
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.reason in {"BAD_FILE", "BAD_PREDICTIONS"}
    assert refused.body["statusCode"] == 400
    told = refused.message + str(refused.violations)
    assert named in told
    listed = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations
    assert [one.status for one in listed] == ["failed"]
    stored = me("GetEvaluation", evaluation_id=refused.metadata["evaluation_id"]).error
    assert (stored.reason, stored.message) == (refused.reason, refused.message)


def test_a_bad_file_leaves_the_stored_evaluation_serving(me: Caller):
    """After a failed second upload the first evaluation of the split still serves."""
    model_id, version_id = me.ready(DATA.csv)
    before = me("GetPerformanceSummary", model_id=model_id)
    me.refused("UploadEvaluationFile", pieces(model_id, version_id, b"y_true,y_pred\n"))
    assert me("GetPerformanceSummary", model_id=model_id) == before


def test_an_error_names_row_and_column(me: Caller):
    """A score outside [0, 1] is told with its row and its column."""
    data = csv(
        y_true=["no", "yes"] * 30, y_pred=["no", "yes"] * 30, score=[0.5] * 42 + [7] + [0.5] * 17
    )
    model_id, version_id = me.pair()
    refused = me.refused("UploadEvaluationFile", pieces(model_id, version_id, data))
    told = refused.message + str(refused.violations)
    assert "score" in told
    assert "42" in told or "43" in told or "44" in told


def test_a_repeat_by_idempotency_key_measures_once(me: Caller):
    """The same key with the same file returns the first evaluation; another file is a 409."""
    model_id, version_id = me.pair()
    keyed = me.having(idempotency_key="file-1")
    first = keyed.measure(model_id, version_id, DATA.csv)
    assert keyed.measure(model_id, version_id, DATA.csv) == first
    assert me.measure(model_id, version_id, DATA.csv, request_id="file-1") == first
    refused = keyed.refused("UploadEvaluationFile", pieces(model_id, version_id, binary(9).csv))
    assert refused.told == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert len(me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations) == 1


def test_a_repeat_of_a_failed_upload_tells_the_same_error(me: Caller):
    """A retry with the key of a failed upload gets the same refusal, not a second evaluation."""
    model_id, version_id = me.pair()
    keyed = me.having(idempotency_key="bad-1")
    first = keyed.refused("UploadEvaluationFile", pieces(model_id, version_id, b"y_true,y_pred\n"))
    again = keyed.refused("UploadEvaluationFile", pieces(model_id, version_id, b"y_true,y_pred\n"))
    assert (again.told, again.message, again.metadata) == (
        first.told,
        first.message,
        first.metadata,
    )


def test_refusals_come_before_the_file_is_taken(rpc: Running, me: Caller, other: Caller):
    """Wrong split, absent version and wrong task type are refused with nothing stored."""
    model_id, version_id = me.pair()
    extraction = me.pair(task_type="extraction")
    cases: dict[str, Iterator[Any]] = {
        "INVALID_VALUE": pieces(model_id, version_id, DATA.csv, "dev"),
        "NOT_FOUND": pieces(model_id, "ver-absent", DATA.csv),
        "WRONG_TASK_TYPE": pieces(*extraction, DATA.csv),
    }
    for reason, sent in cases.items():
        assert me.refused("UploadEvaluationFile", sent).reason == reason
    theirs = other.refused("UploadEvaluationFile", pieces(model_id, version_id, DATA.csv))
    assert theirs.reason == "NOT_FOUND"
    assert files(rpc, me.organization) == files(rpc, other.organization) == set()


def test_a_client_that_leaves_mid_way_leaves_no_file(rpc: Running, me: Caller):
    """When the sender vanishes in the middle of a file, no byte of it stays."""
    model_id, version_id = me.pair()
    feed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    call = me.begin("UploadEvaluationFile", iter(feed.get, None))
    for request in pieces(model_id, version_id, b"y_true,y_pred\n" * 400_000, size=1 << 20):
        feed.put(request)
    reading = rpc.thread.run
    while not files(rpc):
        reading(_turn())
    with rpc.log.awaiting("UploadEvaluationFile", "CANCELLED"):
        call.cancel()
    feed.put(None)
    assert files(rpc) == files(rpc, me.organization) == set()
    assert me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations == []
    assert rpc.tasks("FileUploads", "_blocks") == []


async def _turn() -> None:
    """Let the loop go round once."""


def test_a_file_over_the_limit_leaves_nothing(tmp_path: Path, loop_thread: LoopThread):
    """A file of more bytes than allowed is refused as 413, and no byte of it stays."""
    backend = Backend(
        rpc_service.settings(tmp_path, max_file_bytes=10_000, workers=1), upgrade=True
    )
    running = rpc_service.serve(loop_thread, backend)
    me = running.organization("small")
    model_id, version_id = me.pair()
    refused = me.rest().refused(
        "UploadEvaluationFile", pieces(model_id, version_id, b"x" * 10_001, size=100)
    )
    assert refused.told == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert refused.body["statusCode"] == 413
    assert "10000" in refused.message
    assert files(running) == files(running, "small") == set()
    assert message("GetServerInfo") is not None
    assert me("GetServerInfo").limits.file_bytes == 10_000
    running.stop()
    backend.close()


@pytest.fixture
def idle(
    tmp_path: Path, loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    """A server beside which nothing runs jobs; it waits a moment for them, not a minute."""
    monkeypatch.setattr(feature, "WAIT_SECONDS", 0.3)
    backend = Backend(rpc_service.settings(tmp_path, workers=1), upgrade=True)
    running = rpc_service.serve(loop_thread, backend)
    yield running
    running.stop()
    backend.close()


def test_a_measurement_that_takes_long_is_answered_202(idle: Running):
    """When time is up the answer is 202 with the evaluation as it is and where to look."""
    me = idle.organization("slow")
    model_id, version_id = me.pair()
    rest = me.rest()
    pending = rest.measure(model_id, version_id, DATA.csv)
    assert pending.status == "queued"
    assert rest.headers["x-http-status"] == "202"
    assert rest.headers["location"] == f"/api/v1/evaluations/{pending.evaluation_id}"
    keyed = me.having(idempotency_key="k")
    first = keyed.measure(model_id, version_id, DATA.csv)
    assert keyed.measure(model_id, version_id, DATA.csv).evaluation_id == first.evaluation_id


def test_an_answer_may_come_before_the_measurement(idle: Running):
    """With no_wait the evaluation is answered as soon as its file is stored."""
    me = idle.organization("at-once")
    model_id, version_id = me.pair()
    rest = me.rest()
    assert rest.measure(model_id, version_id, DATA.csv, no_wait=True).status == "queued"
    assert rest.headers["x-http-status"] == "202"


def test_a_canceled_measurement_is_told_to_its_uploader(idle: Running):
    """An uploader whose job is canceled by another caller learns that, and not of a fault."""
    me = idle.organization("canceling")
    model_id, version_id = me.pair()
    keyed = me.having(idempotency_key="k").rest()
    pending = keyed.measure(model_id, version_id, DATA.csv)
    me("CancelJob", job_id=pending.job_id)
    refused = keyed.refused("UploadEvaluationFile", pieces(model_id, version_id, DATA.csv))
    assert refused.told == ("CANCELLED", "CANCELED")
    assert refused.metadata["evaluation_id"] == pending.evaluation_id
    assert me("GetEvaluation", evaluation_id=pending.evaluation_id).status == "canceled"


def test_an_uploader_that_leaves_does_not_stop_its_measurement(idle: Running):
    """CreateRequest the file is stored its job stays, whoever waits for it."""
    me = idle.organization("leaving")
    model_id, version_id = me.pair()
    call = me.begin("UploadEvaluationFile", pieces(model_id, version_id, DATA.csv))
    while not me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations:
        assert not call.done()
    with idle.log.awaiting("UploadEvaluationFile", "CANCELLED"):
        call.cancel()
    (left,) = me("ListEvaluations", model_id=model_id, version_id=version_id).evaluations
    assert left.status == "queued"
    assert idle.tasks("FileUploads", "Watches") == []


def test_a_stop_ends_open_streams(idle: Running):
    """A server that stops with watches and uploads open ends them, and answers nothing twice."""
    me = idle.organization("stopping")
    model_id, version_id = me.pair()
    evaluation = me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test"
    )
    watch = me.begin("WatchJob", message("WatchJob", job_id=evaluation.job_id))
    assert next(watch).events
    feed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    upload = me.begin("UploadPredictions", iter(feed.get, None))
    feed.put(rpc_service.chunk(evaluation.evaluation_id, 0, DATA.chunk(0, 20)))
    assert next(upload).next_row == 20
    idle.thread.run(idle.server.stop())
    for call in (watch, upload):
        with pytest.raises(grpc.RpcError):
            list(call)
    feed.put(None)
    assert idle.tasks("Watches.", "Uploads.") == []
