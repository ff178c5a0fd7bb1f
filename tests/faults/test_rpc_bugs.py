"""Bugs that were once found in the RPC and use-case rooms."""

from __future__ import annotations

import pytest

from tests.features.evaluations.test_uploads_api import DATA, Stream, assert_exact, opened
from tests.features.jobs.test_watch import Writer, quick
from tests.support.rpc_service import Caller, Running, chunk, message


def test_a_backlog_is_told_without_waiting(rpc: Running, me: Caller):
    """Commits that do not fit one message follow each other without a bookmark between."""
    writer = Writer(rpc, me)
    for size in (400, 1200, 400, 1200):
        writer.append(size)
    call = quick(me, writer)
    heard = 0
    while heard < 3201:
        reply = next(call)
        assert reply.events
        heard = reply.events[-1].sequence
    call.cancel()


def test_live_metrics_count_rows_of_other_streams(me: Caller):
    """A stream that goes on behind another one's rows tells metrics of all of them."""
    evaluation = opened(me)
    late = Stream(me)
    late.exchange(chunk(evaluation, 0, DATA.chunk(0, 10)))
    me.upload(evaluation, [DATA.chunk(10, 100)], start=10)
    told = late.exchange(chunk(evaluation, 100, DATA.chunk(100, 130)))
    late.close()
    assert_exact(told.metrics, DATA, 130)


@pytest.mark.parametrize("name", ["UploadEvaluationFile"])
def test_an_empty_stream_is_no_fault_of_ours(me: Caller, name: str):
    """An upload that ends before its first message is invalid, not INTERNAL."""
    assert me.refused(name, iter([])).code == "INVALID_ARGUMENT"


def test_infinity_in_settings_is_no_fault_of_ours(me: Caller):
    """A setting that JSON cannot hold is invalid, not INTERNAL."""
    request = message("CreateVersion", model_id=me.model().model_id)
    request.hyperparameters["rate"] = float("inf")
    assert me.refused("CreateVersion", request).code == "INVALID_ARGUMENT"
