"""Uploads of predictions in chunks: acknowledged means valid, durable and counted exactly."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from sklearn import metrics as oracle

from tests.support import rpc_service
from tests.support.rpc_service import Binary, Caller, Refused, Running, arrow, binary, chunk, sent

DATA = binary(200)
LIMIT = 1024 * 1024


class Stream:
    """An upload that is fed by hand."""

    def __init__(self, me: Caller) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.call = me.begin("UploadPredictions", iter(self._queue.get, None))

    def send(self, request: Any) -> None:
        self._queue.put(request)

    def next(self) -> Any:
        return next(self.call)

    def exchange(self, request: Any) -> Any:
        self.send(request)
        return self.next()

    def close(self) -> None:
        self._queue.put(None)

    def refusal(self) -> Refused:
        with pytest.raises(grpc.RpcError) as caught:
            for _ in self.call:
                pass
        self.close()
        return Refused.of(caught.value)


@pytest.fixture
def evaluation(me: Caller) -> str:
    """An open evaluation of a binary classifier."""
    return opened(me)


def opened(me: Caller, **fields: Any) -> str:
    model_id, version_id = me.pair(labels=["no", "yes"], positive_label="yes")
    return me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test", **fields
    ).evaluation_id


def finished(me: Caller, evaluation_id: str, rows: int) -> Any:
    """Finish an upload, watch it to its end and return the evaluation."""
    job_id = me("FinishEvaluation", evaluation_id=evaluation_id, rows=rows).job_id
    me("WatchJob", job_id=job_id)
    return me("GetEvaluation", evaluation_id=evaluation_id)


def slices(data: Binary, size: int) -> Iterator[bytes]:
    for low in range(0, len(data.true), size):
        yield data.chunk(low, low + size)


def assert_exact(live: Any, data: Binary, rows: int) -> None:
    """The live metrics are those of scikit-learn on the first `rows` rows."""
    true, pred = data.true[:rows], data.pred[:rows]
    score = data.score[:rows]
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(
        true, pred, pos_label="yes", average="binary", zero_division=0
    )
    assert live["accuracy"] == oracle.accuracy_score(true, pred)
    assert (live["precision"], live["recall"], live["f1_score"]) == (precision, recall, f1)
    assert live["log_loss"] == pytest.approx(
        oracle.log_loss([word == "yes" for word in true], score), rel=1e-12
    )


def test_each_chunk_is_acknowledged_with_exact_live_metrics(me: Caller, evaluation: str):
    """At every prefix the acknowledged metrics equal scikit-learn's on the rows so far."""
    acknowledged = me.upload(evaluation, slices(DATA, 20))
    assert [(a.first_row, a.rows, a.next_row) for a in acknowledged] == [
        (low, 20, low + 20) for low in range(0, 200, 20)
    ]
    for one in acknowledged:
        assert_exact(one.metrics, DATA, one.next_row)
        assert "roc_auc" not in one.metrics


def test_a_finished_upload_is_measured(me: Caller, evaluation: str):
    """After the finish the evaluation succeeds with every metric, and the version is ready."""
    me.upload(evaluation, slices(DATA, 64))
    done = finished(me, evaluation, 200)
    assert done.status == "succeeded"
    assert done.rows == done.next_row == 200
    assert_exact(done.metrics, DATA, 200)
    truth = [word == "yes" for word in DATA.true]
    assert done.metrics["roc_auc"] == pytest.approx(
        oracle.roc_auc_score(truth, DATA.score), rel=1e-12
    )
    assert list(done.labels) == ["no", "yes"]
    assert done.positive_label == "yes"
    assert me("GetVersion", model_id=done.model_id, version_id=done.version_id).status == "ready"


def test_chunks_and_file_give_the_same_bytes(me: Caller):
    """The same rows give the same result hash by chunks of any size and by file."""
    hashes = set()
    for size in (7, 50, 200):
        evaluation_id = opened(me)
        me.upload(evaluation_id, slices(DATA, size))
        hashes.add(finished(me, evaluation_id, 200).result_hash)
    model_id, version_id = me.pair(labels=["no", "yes"], positive_label="yes")
    hashes.add(me.measure(model_id, version_id, DATA.csv).result_hash)
    assert len(hashes) == 1


def test_an_upload_resumes_after_a_broken_stream(me: Caller, evaluation: str):
    """What was acknowledged before a cut stays; the next stream goes on at next_row."""
    first = Stream(me)
    first.exchange(chunk(evaluation, 0, DATA.chunk(0, 50)))
    first.call.cancel()
    first.close()
    assert me("GetEvaluation", evaluation_id=evaluation).next_row == 50
    rest = me.upload(evaluation, [DATA.chunk(50, 120), DATA.chunk(120, 200)], start=50)
    assert_exact(rest[0].metrics, DATA, 120)
    assert_exact(rest[1].metrics, DATA, 200)
    assert finished(me, evaluation, 200).status == "succeeded"


def test_a_repeated_chunk_is_acknowledged_again(me: Caller, evaluation: str):
    """The very same chunk once more changes nothing, in the same stream and in a later one."""
    stream = Stream(me)
    once = chunk(evaluation, 0, DATA.chunk(0, 50))
    first = stream.exchange(once)
    assert stream.exchange(once) == first
    second = stream.exchange(chunk(evaluation, 50, DATA.chunk(50, 60)))
    again = stream.exchange(once)
    assert (again.first_row, again.rows, again.next_row) == (0, 50, 60)
    stream.close()
    later = me.raw("UploadPredictions", iter([once]))[0]
    assert (later.next_row, later.metrics) == (60, second.metrics)


def test_a_gap_names_the_expected_row(me: Caller, evaluation: str):
    """A chunk beyond the end, or another one for taken rows, is refused with expected_row."""
    me.upload(evaluation, [DATA.chunk(0, 50)])
    for first_row, data in (
        (70, DATA.chunk(70, 80)),
        (0, DATA.chunk(0, 10)),
        (20, DATA.chunk(20, 30)),
    ):
        refused = me.refused("UploadPredictions", iter([chunk(evaluation, first_row, data)]))
        assert refused.told == ("OUT_OF_RANGE", "OFFSET_GAP")
        assert refused.metadata["expected_row"] == "50"
    assert me("GetEvaluation", evaluation_id=evaluation).next_row == 50


@pytest.mark.parametrize("first_row", [2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_absurd_first_row_is_a_gap(me: Caller, evaluation: str, first_row: int):
    """However large a row number is, it is refused as a position that does not exist."""
    request = chunk(evaluation, first_row, DATA.chunk(0, 10))
    assert me.refused("UploadPredictions", iter([request])).code == "OUT_OF_RANGE"


def test_a_wrong_hash_is_refused(me: Caller, evaluation: str):
    """Bytes that do not have the hash sent with them are not kept."""
    request = chunk(evaluation, 0, DATA.chunk(0, 10), sha256=hashlib.sha256(b"x").digest())
    refused = me.refused("UploadPredictions", iter([request]))
    assert refused.told == ("INVALID_ARGUMENT", "HASH_MISMATCH")
    short = chunk(evaluation, 0, DATA.chunk(0, 10), sha256=b"x")
    assert me.refused("UploadPredictions", iter([short])).reason == "HASH_MISMATCH"
    assert me("GetEvaluation", evaluation_id=evaluation).next_row == 0


def test_a_chunk_over_the_limit_is_refused(me: Caller, evaluation: str):
    """A chunk of more than 1 MiB is refused as 413 and both sizes are named."""
    refused = me.refused("UploadPredictions", iter([chunk(evaluation, 0, b"x" * (LIMIT + 1))]))
    assert refused.told == ("RESOURCE_EXHAUSTED", "TOO_LARGE")
    assert refused.metadata["limit"] == str(LIMIT)
    assert refused.metadata["bytes"] == str(LIMIT + 1)


def test_what_was_sent_before_a_bad_chunk_is_acknowledged(me: Caller, evaluation: str):
    """Good chunks ahead of a bad one are acknowledged; then the bad one is told by its row."""
    bad = arrow(y_true=["no", "maybe"], y_pred=["no", "no"], score=[0.1, 0.2])
    stream = Stream(me)
    for request in sent(evaluation, [DATA.chunk(0, 50), DATA.chunk(50, 90), bad]):
        stream.send(request)
    assert [stream.next().next_row for _ in range(2)] == [50, 90]
    refused = stream.refusal()
    assert refused.told == ("INVALID_ARGUMENT", "BAD_PREDICTIONS")
    assert "91" in refused.message + str(refused.violations)
    assert me("GetEvaluation", evaluation_id=evaluation).next_row == 90


@pytest.mark.parametrize("data", [b"", b"garbage", DATA.chunk(0, 10)[:-60]])
def test_bytes_that_are_no_arrow_are_refused(me: Caller, evaluation: str, data: bytes):
    """Empty, foreign and truncated chunks are refused as bad files and leave no trace."""
    refused = me.refused("UploadPredictions", iter([chunk(evaluation, 0, data)]))
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.reason in {"BAD_FILE", "INVALID_VALUE"}
    assert me("GetEvaluation", evaluation_id=evaluation).next_row == 0


def test_a_chunk_without_rows_is_refused(me: Caller, evaluation: str):
    """A chunk of zero rows is refused."""
    request = chunk(evaluation, 0, DATA.chunk(0, 0))
    assert me.refused("UploadPredictions", iter([request])).code == "INVALID_ARGUMENT"


def test_a_finish_must_know_the_number_of_rows(me: Caller, evaluation: str):
    """A finish with another number of rows, or with none, is refused and changes nothing."""
    assert (
        me.refused("FinishEvaluation", evaluation_id=evaluation, rows=0).code == "INVALID_ARGUMENT"
    )
    me.upload(evaluation, [DATA.chunk(0, 50)])
    for rows in (49, 51, 2**63, 2**64 - 1):
        refused = me.refused("FinishEvaluation", evaluation_id=evaluation, rows=rows)
        assert refused.code == "OUT_OF_RANGE"
        assert refused.metadata["expected_row"] == "50"
    assert finished(me, evaluation, 50).status == "succeeded"


def test_an_upload_of_nothing_cannot_be_finished(me: Caller, evaluation: str):
    """An upload without rows is not queued, whatever number is claimed."""
    assert me.refused("FinishEvaluation", evaluation_id=evaluation, rows=1).code == "OUT_OF_RANGE"
    assert me("GetEvaluation", evaluation_id=evaluation).status == "open"


def test_a_finished_upload_takes_nothing_more(me: Caller, evaluation: str):
    """A second finish and chunks after the finish are refused as 409."""
    me.upload(evaluation, [DATA.chunk(0, 50)])
    finished(me, evaluation, 50)
    again = me.rest().refused("FinishEvaluation", evaluation_id=evaluation, rows=50)
    assert again.told == ("ABORTED", "UPLOAD_FINISHED")
    assert again.body["statusCode"] == 409
    late = me.refused("UploadPredictions", iter([chunk(evaluation, 50, DATA.chunk(50, 60))]))
    assert late.told == ("ABORTED", "UPLOAD_FINISHED")


def test_a_finish_under_an_open_stream_ends_it(me: Caller, evaluation: str):
    """A stream that is still open when its upload is finished learns so by its next chunk."""
    stream = Stream(me)
    stream.exchange(chunk(evaluation, 0, DATA.chunk(0, 50)))
    me("FinishEvaluation", evaluation_id=evaluation, rows=50)
    stream.send(chunk(evaluation, 50, DATA.chunk(50, 60)))
    assert stream.refusal().told == ("ABORTED", "UPLOAD_FINISHED")


def test_a_canceled_upload_takes_nothing_more(me: Caller, evaluation: str):
    """After a cancel chunks and finish are refused, and a second cancel is 422."""
    job_id = me("GetEvaluation", evaluation_id=evaluation).job_id
    assert me("CancelJob", job_id=job_id).status == "canceled"
    assert me("GetEvaluation", evaluation_id=evaluation).status == "canceled"
    request = chunk(evaluation, 0, DATA.chunk(0, 10))
    assert me.refused("UploadPredictions", iter([request])).code in {
        "ABORTED",
        "FAILED_PRECONDITION",
    }
    again = me.refused("CancelJob", job_id=job_id)
    assert again.told == ("FAILED_PRECONDITION", "JOB_NOT_CANCELABLE")


def test_one_stream_uploads_to_one_evaluation(me: Caller, evaluation: str):
    """Another evaluation's id on an open stream is refused, and no row goes astray."""
    elsewhere = opened(me)
    stream = Stream(me)
    stream.exchange(chunk(evaluation, 0, DATA.chunk(0, 10)))
    stream.send(chunk(elsewhere, 0, DATA.chunk(0, 10)))
    assert stream.refusal().violations[0][0] == "evaluation_id"
    assert me("GetEvaluation", evaluation_id=elsewhere).next_row == 0


def test_two_clients_on_one_upload_never_tear_it(me: Caller, evaluation: str):
    """Of two streams with different cuts one goes on; the other is told where the upload is."""
    one, two = Stream(me), Stream(me)
    one.exchange(chunk(evaluation, 0, DATA.chunk(0, 50)))
    two.send(chunk(evaluation, 0, DATA.chunk(0, 30)))
    assert two.refusal().metadata["expected_row"] == "50"
    three = Stream(me)
    acknowledged = three.exchange(chunk(evaluation, 50, DATA.chunk(50, 80)))
    assert_exact(acknowledged.metrics, DATA, 80)
    one.close()
    three.close()


def test_live_metrics_hold_when_another_stream_went_ahead(me: Caller, evaluation: str):
    """A stream that others overtook acknowledges metrics of all rows, not of its own alone."""
    one, two = Stream(me), Stream(me)
    one.exchange(chunk(evaluation, 0, DATA.chunk(0, 20)))
    two.exchange(chunk(evaluation, 20, DATA.chunk(20, 50)))
    third = one.exchange(chunk(evaluation, 50, DATA.chunk(50, 90)))
    assert third.next_row == 90
    assert_exact(third.metrics, DATA, 90)
    one.close()
    two.close()


def test_a_repeated_chunk_sets_no_level_back(me: Caller, evaluation: str):
    """A slow twin that repeats old chunks never overwrites newer live metrics."""
    twin = Stream(me)
    twin.send(chunk(evaluation, 0, DATA.chunk(0, 20)))
    twin.next()
    me.upload(evaluation, [DATA.chunk(20, 50), DATA.chunk(50, 80)], start=20)
    again = twin.exchange(chunk(evaluation, 20, DATA.chunk(20, 50)))
    assert_exact(again.metrics, DATA, again.next_row)
    twin.close()
    job_id = me("GetEvaluation", evaluation_id=evaluation).job_id
    watch = me.begin("WatchJob", rpc_service.message("WatchJob", job_id=job_id))
    status = next(watch).status
    watch.cancel()
    assert [rpc_service.payload(one).rows for one in status if one.kind == "metrics"] == [80]


def test_an_upload_of_nobody_is_absent(me: Caller, other: Caller, evaluation: str):
    """Chunks for an absent evaluation and for another organization's are refused alike."""
    request = chunk(evaluation, 0, DATA.chunk(0, 10))
    assert other.refused("UploadPredictions", iter([request])).told == ("NOT_FOUND", "NOT_FOUND")
    absent = chunk("evl-absent", 0, DATA.chunk(0, 10))
    assert me.refused("UploadPredictions", iter([absent])).told == ("NOT_FOUND", "NOT_FOUND")


def test_a_stream_without_chunks_ends_quietly(me: Caller):
    """An upload stream that sends nothing gets nothing, and no error."""
    assert me.raw("UploadPredictions", iter([])) == []


def test_a_gone_client_leaves_no_task_behind(rpc: Running, me: Caller, evaluation: str):
    """When an uploader vanishes, nothing of its stream keeps running in the server."""
    stream = Stream(me)
    stream.exchange(chunk(evaluation, 0, DATA.chunk(0, 10)))
    assert rpc.tasks("Uploads.")
    # A cancel may reach the handler as the end of its requests: then the call ends as OK.
    with rpc.log.awaiting("UploadPredictions", "CANCELLED", "OK"):
        stream.call.cancel()
    stream.close()
    assert rpc.tasks("Uploads.") == []


def test_regression_uploads_are_measured(me: Caller):
    """A regression upload acknowledges and ends with errors equal to scikit-learn's."""
    true, pred = [1.0, 2.5, -3.0, 4.0, 1e6], [1.5, 2.0, -3.5, 4.0, 1e6 + 1]
    model_id, version_id = me.pair(task_type="regression")
    evaluation_id = me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="validation"
    ).evaluation_id
    live = me.upload(
        evaluation_id,
        [arrow(y_true=true[:2], y_pred=pred[:2]), arrow(y_true=true[2:], y_pred=pred[2:])],
    )
    assert live[0].metrics["mae"] == oracle.mean_absolute_error(true[:2], pred[:2])
    done = finished(me, evaluation_id, 5)
    assert done.metrics["mse"] == pytest.approx(oracle.mean_squared_error(true, pred), rel=1e-12)
    assert done.metrics["r2"] == pytest.approx(oracle.r2_score(true, pred), rel=1e-12)


def test_of_many_finishes_at_once_one_counts(me: Caller, evaluation: str):
    """Of eight finishes at once one queues the job, and the others are refused as 409."""
    me.upload(evaluation, [DATA.chunk(0, 50)])

    def finish(_: int) -> str:
        try:
            return me("FinishEvaluation", evaluation_id=evaluation, rows=50).job_id
        except grpc.RpcError as error:
            return error.code().name

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(finish, range(8)))
    assert answers.count("ABORTED") == 7


def test_many_uploads_at_once_are_all_exact(me: Caller):
    """Ten uploads side by side each end with the metrics of their own rows."""

    def whole(seed: int) -> None:
        data = binary(120, seed=seed)
        evaluation_id = opened(me)
        me.upload(evaluation_id, slices(data, 25))
        assert_exact(finished(me, evaluation_id, 120).metrics, data, 120)

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(whole, range(10)))
